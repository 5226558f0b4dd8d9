"""`python -m tests.digests WORKSPACE`: a line for each content file of a workspace, to compare two of them with diff.

Shows that a change has changed no result: submit the same manifest before and after it, each into a new workspace. A
clip's or a video's JSON file holds times and process ids: of those only the name is listed.
"""

import sys
from pathlib import Path

from tasks.records.store import digest_file


def digests(workspace: Path) -> list[str]:
    """`name digest` of every file of the store, sorted."""
    files = sorted(path for path in (workspace / "store").rglob("*") if path.is_file())
    return [f"{path.relative_to(workspace)} {'-' if path.suffix == '.json' else digest_file(path)}" for path in files]


if __name__ == "__main__":
    print(*digests(Path(sys.argv[1])), sep="\n")
