"""Estimates: from what earlier batches took, to what the next one will."""

import json
import os
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from flows.cli_estimate import facts_of, lines_of
from flows.estimate import DOUBT_OF_PROBE, Estimate, estimate
from flows.options import RenderOptions
from tasks.job import Attempt, Job, Outcome, Preset
from tasks.manifest.defaults import Defaults
from tasks.manifest.intake import CheckedManifest, check_manifest
from tasks.records import history, ledger
from tasks.records.history import kind_of
from tasks.records.journal import BatchEnded, BatchStarted, Journal, SegmentEnded, VideoEnded
from tasks.records.store import Store, digest_of
from tasks.renderers import renderer
from tests.course import ROOT, actalker, finished, write_manifest

TEXT = "A sentence of some length stands here. "
ROWS = 4


@pytest.fixture
def manifest(tmp_path: Path) -> CheckedManifest:
    path = write_manifest(tmp_path, {f"row{number}": TEXT * 10 for number in range(ROWS)})
    return check_manifest(path, (), Defaults(Preset.STILL))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "w")


def settings(job: Job) -> str:
    names = ("voice", "face_box", "lexicon_sha256", "head_movement", "denoise", "audio_gate", "motion_gate")
    return json.dumps({"preset": job.preset, "quality": job.quality, **{name: getattr(job, name) for name in names}})


def earlier(
    store: Store, jobs: tuple[Job, ...], *, script: str = "", frames: int = 1000, render_s: float = 20.0
) -> None:
    """A batch of such rows by two workers that rendered without a break: 10 s of start, twice as long as it had to."""
    identity = renderer.identity(Preset.STILL, None)
    with Journal(store.ledger, "earlier") as journal:
        rows = tuple((job.id, job.title) for job in jobs)
        journal.write(BatchStarted("earlier", "m.csv", 1_000_000, os.getpid(), rows))
        for number, job in enumerate(jobs):
            worker = f"n/{number % 2}"
            began = 1_010_000 + 1000 * number
            ended = began + round(render_s * 1000)
            key = digest_of("segment", number)
            journal.write(
                Attempt(f"a{number}", key, job.id, 0, worker, began, ended, Outcome.DONE, "", frames, ended - began)
            )
            journal.write(
                SegmentEnded(job.id, 0, key, 0, frames, 1, 1, Outcome.DONE, f"store/{key}.avi", "", 1, worker)
            )
            journal.write(
                VideoEnded(
                    job.id, job.row, "", Outcome.DONE, 1_000_000, ended,
                    portrait_sha256=job.portrait_sha256, script_sha256=digest_of(script or job.script),
                    renderer=identity, settings=settings(job), language=job.language, seed=job.seed,
                    width=job.width, height=job.height, frames=frames, segments=1, segments_rendered=1,
                    stages_ms={"speak": 1, "stitch": 1000, "assemble": 1000},
                    measured={"script_characters": 500.0},
                )
            )  # fmt: skip
        least_s = len(jobs) * render_s / 2
        ending = BatchEnded(1_010_000 + round(2 * least_s * 1000), len(jobs), 0)
        journal.write(ending)
    ledger.snapshot(store.ledger, "earlier")


def made(manifest: CheckedManifest, store: Store, **options: object) -> Estimate:
    return estimate(manifest, store, RenderOptions(Preset.STILL), probing=False, **options)


def test_a_batch_of_the_same_kind_takes_what_the_last_one_did(manifest: CheckedManifest, store: Store) -> None:
    earlier(store, manifest.jobs, script="another script")
    found = made(manifest, store)
    # 1000 frames a row took 20 s, and 500 characters took 40 s to say; these have 390.
    assert found.video_s == pytest.approx(ROWS * len(TEXT * 10) * 40 / 500, rel=0.01)
    assert found.render_s == pytest.approx(found.video_s * 25 * 0.02)
    assert (found.workers, found.start_s) == (2, 10.0)
    assert found.slack == pytest.approx(2.0, rel=0.01)
    assert found.half_s == pytest.approx(10 + 2 * found.render_s / 2, rel=0.01)
    assert found.half_s < found.most_s < 1.5 * found.half_s
    assert not found.unknown
    words = " ".join(lines_of(found, price_per_hour=36.0))
    assert "The length of 4 rows is guessed from the script." in words
    assert f"Cost: {found.render_s / 100:.2f}" in words


def test_rows_that_were_delivered_before_are_known_to_the_frame(manifest: CheckedManifest, store: Store) -> None:
    earlier(store, manifest.jobs)
    found = made(manifest, store)
    assert found.video_s == ROWS * 40.0
    assert [row.exact for row in found.rows] == [True] * ROWS
    assert [row.stored for row in found.rows] == [0] * ROWS  # their clips were removed from the store
    changed = CheckedManifest(manifest.path, (replace(manifest.jobs[0], seed=5),), manifest.table)
    assert not made(changed, store).rows[0].exact


def test_which_rows_miss_a_deadline(manifest: CheckedManifest, store: Store) -> None:
    earlier(store, manifest.jobs)
    urgent = tuple(replace(job, priority=int(job.id == "row3")) for job in manifest.jobs)
    found = made(CheckedManifest(manifest.path, urgent, manifest.table), store)
    assert found.late(found.now + timedelta(seconds=10 + 21)) == ["row0", "row1", "row2"]
    assert found.late(found.now + timedelta(hours=1)) == []
    by = found.now + timedelta(seconds=31)
    assert any("3 rows will not be done: row0, row1, row2." in line for line in lines_of(found, by=by))
    facts = json.loads(json.dumps(facts_of(found, 1.0, by)))
    assert (facts["late"], facts["rows"], facts["segments"]) == (["row0", "row1", "row2"], ROWS, ROWS)


def test_what_nobody_knows_is_said_and_not_made_up(manifest: CheckedManifest, store: Store) -> None:
    found = made(manifest, store)
    assert found.render_s is None
    assert found.half_s is None
    assert found.unknown == ["what a frame costs of still, published, 128x128", "how fast hibari speaks"]
    assert "Done at" not in " ".join(lines_of(found))
    assert lines_of(found)[-1].startswith("At least ")


def test_a_damaged_table_is_left_out(manifest: CheckedManifest, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    earlier(store, manifest.jobs)
    (path,) = ledger.files(store.ledger, "attempts")
    path.write_bytes(path.read_bytes()[:-9])
    assert made(manifest, store).render_s is None
    assert "left out of the estimate" in caplog.text


def test_a_disk_that_is_too_small_is_said(manifest: CheckedManifest, store: Store) -> None:
    earlier(store, manifest.jobs)
    assert "the batch will pause" in lines_of(replace(made(manifest, store), free_bytes=1000))[-1]


def test_a_first_batch_is_probed(manifest: CheckedManifest, store: Store) -> None:
    one = CheckedManifest(manifest.path, manifest.jobs[:1], manifest.table)
    found = estimate(one, store, RenderOptions(Preset.STILL, actors=1))
    assert found.render_s is not None
    assert found.doubt > DOUBT_OF_PROBE
    exact = estimate(one, store, RenderOptions(Preset.STILL, actors=1), exact=True)
    assert exact.rows[0].exact
    assert found.video_s == pytest.approx(exact.video_s, rel=0.1)
    assert found.disk_bytes == pytest.approx(exact.disk_bytes, rel=0.2)


def test_a_rendered_batch_is_remembered(tmp_path: Path) -> None:
    """By the commands: what is in the store, and what the head of a submission says of a like one."""
    manifest, workspace = write_manifest(tmp_path, {"a": TEXT}), tmp_path / "w"
    arguments = ("--workspace", workspace, "--preset", "still")
    code, output = finished(actalker("submit", manifest, *arguments))
    assert code == 0, output
    code, output = finished(actalker("estimate", manifest, *arguments, "--json"))
    facts = json.loads(output)
    assert code == 0
    assert facts["segments_in_store"] == facts["segments"] > 0
    assert facts["worker_seconds"] == 0
    (job,) = check_manifest(manifest, (), Defaults(Preset.STILL)).jobs
    known = history.read(Store(workspace))
    assert len(known.frame_s[kind_of(job)]) == facts["segments"]
    assert len(known.like({kind_of(job)})) == 1
    (tmp_path / "a.md").write_text(TEXT * 2)
    code, output = finished(actalker("submit", manifest, *arguments))
    assert code == 0
    assert "Done at" in output.splitlines()[3]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_second_batch_ends_within_20_percent_of_its_estimate(tmp_path: Path) -> None:
    """On a machine with nothing else to do."""
    workspace, took, guessed = tmp_path / "w", [], 0.0
    for number, rows in enumerate((5, 8)):
        folder = tmp_path / str(number)
        folder.mkdir()
        scripts = {
            f"r{number}{row}": " ".join(f"Row {row} of {number} says sentence {k} now." for k in range(3 + row % 3))
            for row in range(rows)
        }
        manifest = write_manifest(folder, scripts, size="256")
        shutil.copy(ROOT / "examples/course/portraits/mara.png", folder / "p.png")  # one with a face
        arguments = (manifest, "--workspace", workspace, "--preset", "demo")
        if number:
            guessed = json.loads(finished(actalker("estimate", *arguments, "--json"))[1])["seconds"]
        code, output = finished(actalker("submit", *arguments), limit_s=900)
        assert code == 0, output
        status = json.loads(finished(actalker("status", "--workspace", workspace, "--json"))[1])
        took.append(status["elapsed_seconds"])
    print(f"estimated {guessed:.0f} s, took {took[1]:.0f} s; the first batch {took[0]:.0f} s")
    assert guessed == pytest.approx(took[1], rel=0.2)
