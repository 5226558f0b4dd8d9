"""A command that is started to outlive us."""

import os
import sys
from pathlib import Path

from tasks.media import detached


def test_it_has_a_session_a_folder_and_a_log_of_its_own(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("before\n")
    program = (
        "import os, sys; print(os.getsid(0), os.getcwd(), sys.stdin.read());"
        "print('gone wrong', file=sys.stderr); sys.exit(3)"
    )
    process = detached.start((sys.executable, "-c", program), log, tmp_path)
    assert process.wait(timeout=60) == 3
    before, ours, error = log.read_text().splitlines()
    session, folder = ours.split()
    assert (before, error, folder) == ("before", "gone wrong", str(tmp_path))
    assert int(session) == process.pid != os.getsid(0)
