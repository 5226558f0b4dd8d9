"""Reviews: what people decide about finished videos. One that is added is in the ledger's table at once."""

import getpass
import logging
import time
from collections.abc import Callable
from pathlib import Path

from tasks.errors import BadInput, NoSpace
from tasks.records import follow, ledger, report, review_log
from tasks.records.review_log import Decision, Review
from tasks.records.space import is_no_space
from tasks.records.store import Store, digest_file

log = logging.getLogger(__name__)


def add_review(
    workspace: Path, batch_id: str, job_id: str, decision: Decision, reason: str = "", who: str = ""
) -> Review:
    """Keep a decision about the video of a row, as it lies in the customer's folder now.

    Args:
        who: Empty for the user of this process.

    Raises:
        BadInput: There is no such batch, row or video, the video is not what the ledger says, or a reason is missing.
        NoSpace: The disk is full.
    """
    reason = reason.strip()
    if not reason and decision is not Decision.APPROVE:
        raise BadInput(f"{decision} needs a reason", "Give one with --reason.")
    batch = follow.report(workspace, report.find(workspace / "ledger", batch_id))
    row = batch.rows.get(job_id)
    if row is None:
        raise BadInput(f"batch {batch_id} has no row {job_id!r}", f"There are: {', '.join(list(batch.rows)[:20])}.")
    if row.video is None or not row.video.path:
        raise BadInput(f"the row {job_id!r} of batch {batch_id} has no video", f"It is {row.state}.")
    store = Store(workspace)
    video = store.root / row.video.path
    if not video.is_file() or digest_file(video) != row.video.sha256:
        raise BadInput(f"{video} is not the video that was delivered", "Submit the manifest again: it is restored.")
    at_ms = time.time_ns() // 1_000_000
    review = Review(job_id, decision, reason, who or _user(), at_ms, row.video.sha256)
    try:
        ledger.write_reviews(store.ledger, batch_id, review)
    except OSError as error:
        if not is_no_space(error):
            raise
        raise NoSpace("the disk is full: make some room, and give the review again") from error
    return review


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, ImportError, OSError) as error:  # a container's user may have no name
        raise BadInput("your user has no name here", "Say who you are with --who.") from error


def reviews_of(workspace: Path, batch_id: str, on_damage: Callable[[str], None] = log.warning) -> tuple[Review, ...]:
    """The reviews of a batch, oldest first. A line that cannot be read is left out.

    Args:
        on_damage: Called with a sentence for each such line.
    """
    return tuple(review_log.read(review_log.path_of(workspace / "ledger", batch_id), on_damage))
