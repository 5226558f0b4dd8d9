"""Where the stages run changes nothing but where they run; tests/tasks/pool/test_stages.py is the quick form."""

from pathlib import Path

import pytest

from flows.options import BatchOptions
from tasks.errors import BadInput
from tasks.pool.post import Post
from tests.course import actalker, events, finished, write_manifest
from tests.digests import digests

SCRIPTS = {"first": "This is said in both. And this is the first row.", "second": "This is said in both."}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_batch_has_the_same_keys_and_bytes_wherever_its_stages_run(tmp_path: Path, prefect_server: str) -> None:
    manifest = write_manifest(tmp_path, SCRIPTS)
    for post in Post:
        options = ("--workspace", tmp_path / post, "--preset", "still", "--post", post)
        code, output = finished(actalker("submit", manifest, *options, api=prefect_server), limit_s=800)
        assert code == 0, output
    here, there = ([line for line in digests(tmp_path / post) if not line.startswith("store/locks/")] for post in Post)
    assert len(here) > 8
    assert here == there
    assert [event["outcome"] for event in events(tmp_path / Post.CLUSTER, "VideoEnded")] == ["done", "done"]
    stages = [set(event["stages_ms"]) for event in events(tmp_path / Post.CLUSTER, "VideoEnded")]  # type: ignore[call-overload]
    assert {"speak", "stitch", "assemble"} <= stages[0]


def test_a_schedule_keeps_the_option_and_another_value_is_refused() -> None:
    assert BatchOptions.of({"post": "cluster"}).rendering.post is Post.CLUSTER
    with pytest.raises(BadInput, match=r"post is 'moon'\. It may be: driver, cluster"):
        _ = BatchOptions(post="moon").rendering
