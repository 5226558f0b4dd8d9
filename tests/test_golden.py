"""The keys of all segments of examples/course, preset `still`, as they have always been.

A changed key makes every workspace render again. If that is meant: `python -m tests.test_golden` writes the file anew.
"""

import tempfile
from pathlib import Path

import pytest

from tasks.manifest.intake import check_manifest
from tasks.plan import plan
from tasks.renderers.renderer import identity
from tasks.speak import speak
from tests.course import ROOT

pytestmark = pytest.mark.numeric

GOLDEN = Path(__file__).parent / "golden" / "course-still.txt"


def keys(work: Path) -> str:
    """A line for each segment: its name, its frames, and its key."""
    lines = []
    for job in check_manifest(ROOT / "examples/course/manifest.csv").jobs:
        segments = plan.fn(job, speak.fn(job, work / job.id), identity(job.preset, None))
        lines += [f"{segment.name} {segment.start_frame} {segment.end_frame} {segment.key}\n" for segment in segments]
    return "".join(lines)


def test_the_course_has_the_segments_that_it_always_had(tmp_path: Path) -> None:
    assert keys(tmp_path) == GOLDEN.read_text()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        GOLDEN.write_text(keys(Path(folder)))
