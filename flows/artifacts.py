"""What Prefect's UI shows of a batch: the run's name, a progress artifact, and a table of the rows at the end."""

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from uuid import UUID

from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext

from tasks.job import FPS
from tasks.manifest.intake import CheckedManifest
from tasks.records.journal import VideoEnded


def name_run(batch_id: str) -> None:
    """Give the flow run the batch's name."""
    context = FlowRunContext.get()
    if context is not None and context.flow_run is not None:
        with get_client(sync_client=True) as client:
            client.set_flow_run_name(context.flow_run.id, batch_id)


@contextmanager
def progress(batch_id: str, rows: int, done: int) -> Iterator[Callable[[], None]]:
    """A progress artifact; each call of what is yielded counts one more row."""
    key, description = f"{_key(batch_id)}-progress", f"Rows of {batch_id}"
    artifact: UUID = create_progress_artifact(100 * done / rows, key=key, description=description)  # type: ignore[assignment]  # called without a loop, it waits
    ended = itertools.count(done + 1)

    def advance() -> None:
        update_progress_artifact(artifact, 100 * next(ended) / rows)

    yield advance


def result_table(batch_id: str, manifest: CheckedManifest, videos: Mapping[str, VideoEnded]) -> None:
    """A table artifact with a line for every row of the manifest."""
    table = [
        {
            "row": job.row,
            "id": job.id,
            "outcome": videos[job.id].outcome,
            "seconds": round(videos[job.id].frames / FPS),
            "segments": f"{videos[job.id].segments_rendered} of {videos[job.id].segments} rendered",
            "cost in worker seconds": round(videos[job.id].render_ms / 1000),
            "needs a look": videos[job.id].error or " ".join(videos[job.id].notes),
            "video": videos[job.id].path,
        }
        for job in manifest.jobs
    ]
    create_table_artifact(table, key=_key(batch_id), description=f"Batch {batch_id}: {manifest.path}")


def _key(batch_id: str) -> str:
    """Artifact keys hold lower-case letters, digits and dashes."""
    return f"batch-{re.sub(r'[^a-z0-9]+', '-', batch_id.lower())}"
