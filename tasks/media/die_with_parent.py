"""Run as a program: `python -I -S die_with_parent.py PARENT MEMORY_BYTES COMMAND...` becomes COMMAND,
and ends when PARENT does.

The command dies with its parent, even when the parent is killed with -9, and may not allocate more than MEMORY_BYTES.
ffmpeg.py uses it where util-linux's `setpriv`, which takes an eighth of the time, is not there.
"""

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, memory_limit_bytes: int, command: list[str]) -> None:
    """Tie this process to its parent, limit its address space, and become the command."""
    tie_to(parent)
    resource.setrlimit(resource.RLIMIT_AS, (memory_limit_bytes, memory_limit_bytes))
    os.execv(command[0], command)  # noqa: S606 - no shell is exactly the point


def tie_to(parent: int) -> None:
    """Have this process killed when the thread of its parent that started it ends."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:  # it died before the request was made
        sys.exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
