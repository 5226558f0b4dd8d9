"""The schedule's own decisions: which manifests, in which order, until when, and on which server."""

import csv
import os
import time
from datetime import datetime, timedelta
from pathlib import Path

import cloudpickle
import pytest

from flows import inbox as inboxes
from flows import nightly
from flows.inbox import Inbox
from flows.nightly import MAX_NIGHTS, Night, check_roots, render_night, serve, window_end
from flows.options import BatchOptions
from tasks.errors import BadInput
from tasks.job import Outcome
from tasks.manifest.intake import CheckedManifest, check_manifest
from tasks.records import orders
from tasks.records.journal import BatchEnded, BatchStarted, Journal, VideoEnded
from tasks.records.orders import Order, OrderKind
from tasks.records.store import Store
from tests.course import actalker, finished, rendered, write_manifest

ENDS = datetime.now().astimezone() + timedelta(hours=8)


def test_manifests_come_oldest_first_and_nothing_else_does(tmp_path: Path) -> None:
    for age, name in enumerate(["b.csv", "a.jsonl", "c.TSV", "d.xlsx", "notes.md", ".hidden.csv", "~$d.xlsx"]):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    (tmp_path / "e.csv").symlink_to(tmp_path / "gone.csv")  # which the check refuses
    assert [path.name for path in Inbox(tmp_path).manifests()] == ["d.xlsx", "c.TSV", "a.jsonl", "b.csv", "e.csv"]


@pytest.mark.parametrize(
    ("now", "until", "end"),
    [
        ("2026-11-22T20:00:00+01:00", "06:00", "2026-11-23T06:00:00+01:00"),
        ("2026-11-22T05:59:00+01:00", "06:00", "2026-11-22T06:00:00+01:00"),
        ("2026-11-22T06:00:00+01:00", "06:00", "2026-11-23T06:00:00+01:00"),
    ],
)
def test_the_window_ends_when_the_clock_shows_it_next(now: str, until: str, end: str) -> None:
    assert window_end(datetime.fromisoformat(now), until) == datetime.fromisoformat(end)


def test_a_window_that_is_no_time_is_refused() -> None:
    with pytest.raises(BadInput, match="'six' is not a time of the day"):
        window_end(datetime(2026, 1, 1), "six")


def test_a_schedule_without_a_server_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="prefect server start"):
        serve(tmp_path, tmp_path / "w", "0 20 * * *", "06:00", BatchOptions())


def test_the_flow_can_be_sent_to_the_process_that_runs_it() -> None:
    """Prefect starts a scheduled run in a process of its own and pickles the flow, with all that it names, into it."""
    assert cloudpickle.loads(cloudpickle.dumps(render_night)).name == "nightly"


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def watching(monkeypatch: pytest.MonkeyPatch, *steps: object) -> list[float]:
    """What happens while the inbox is watched, one step each time, in place of waiting."""
    watched: list[float] = []
    left = list(steps)

    def meanwhile(seconds: float) -> None:
        watched.append(seconds)
        if left:
            left.pop(0)()  # type: ignore[operator]

    monkeypatch.setattr(inboxes.clock, "sleep", meanwhile)
    return watched


def test_a_manifest_that_is_still_being_copied_is_left_alone(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, growing, gone = inbox / "whole.csv", inbox / "growing.csv", inbox / "gone.csv"
    for path in (whole, growing, gone):
        path.write_text("id,portrait\n")

    def meanwhile() -> None:
        growing.write_text("id,portrait\na,p.png\n")
        gone.unlink()

    watched = watching(monkeypatch, meanwhile)
    box = Inbox(inbox)
    assert box.complete() == [whole]
    assert box.changing
    assert set(box.complete()) == {whole, growing}
    assert not box.changing
    box.complete()
    assert watched == [inboxes.SETTLE_S] * 2  # the third time it is known


def test_a_copy_that_stands_still_is_not_whole_while_it_is_open(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stalled, left_open = inbox / "stalled.csv", inbox / "left-open.csv"
    watching(monkeypatch)
    box = Inbox(inbox)
    with stalled.open("w") as copy, left_open.open("w") as editor:
        for file in (copy, editor):
            file.write("id,portrait\n")
            file.flush()
        hours_ago = time.time() - 7200
        os.utime(left_open, (hours_ago, hours_ago))
        assert box.complete() == [left_open]
        assert box.changing
    assert set(box.complete()) == {stalled, left_open}
    assert not box.changing


def night(inbox: Path, workspace: Path, **options: object) -> Night:
    return Night(Inbox(inbox), Store(workspace), BatchOptions(preset="still", **options), ENDS)


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The manifests that are rendered, in order. Their rows fail when they are named so."""
    rendered: list[str] = []

    def render(manifest: CheckedManifest, workspace: Path, *_: object, **__: object) -> None:
        rendered.append(manifest.path.name)
        batch_id = nightly.batch_name(manifest, nightly.finishing_settings(BatchOptions().finishing))
        with Journal(Store(workspace).ledger, batch_id) as journal:
            rows = tuple((job.id, job.title) for job in manifest.jobs)
            journal.write(BatchStarted(batch_id, str(manifest.path), 1, os.getpid(), rows))
            failed = [job.id for job in manifest.jobs if job.id.startswith("bad")]
            for job in manifest.jobs:
                wrong = {"error_class": f"{job.id[3:]}", "error": "no"} if job.id in failed else {}
                outcome = Outcome.FAILED if job.id in failed else Outcome.DONE
                journal.write(VideoEnded(job.id, job.row, "", outcome, 1, 2, **wrong))
            journal.write(BatchEnded(3, len(rows) - len(failed), len(failed)))

    monkeypatch.setattr(nightly, "render_batch", render)
    return rendered


def drop(inbox: Path, name: str, *rows: str) -> Path:
    """A manifest of these rows, with a script of its own."""
    path = write_manifest(inbox, {row: f"{row} of {name}." for row in rows})
    return path.rename(inbox / name)


def test_every_manifest_is_rendered_once_and_moved(
    inbox: Path, tmp_path: Path, batches: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(inbox, "a.csv", "one")
    drop(inbox, "urgent.csv", "two")
    (inbox / "bad.csv").write_text("id,portrait,script\na,none.png,none.md\n")
    watching(monkeypatch)
    checked = check_manifest(inbox / "urgent.csv", (), BatchOptions(preset="still").rendering.defaults())
    batch_id = nightly.batch_name(checked, nightly.finishing_settings(BatchOptions().finishing))
    orders.give(orders.path_of(tmp_path / "w", batch_id), Order(OrderKind.PRIORITY, priority=5))
    this = night(inbox, tmp_path / "w")
    this.render_all()
    assert batches == ["urgent.csv", "a.csv"]
    assert this.final_state().message == "refused: bad.csv"
    assert sorted(path.name for path in (inbox / "done").iterdir()) == [
        "a.csv", "a.csv.txt", "urgent.csv", "urgent.csv.txt",
    ]  # fmt: skip
    assert "done, 1 of 1 rows done" in (inbox / "done" / "a.csv.txt").read_text()
    assert (inbox / "refused" / "bad.csv.txt").read_text().count("there is no such file") == 2
    with (inbox / "refused" / "bad.csv.faults.csv").open() as file:
        faults = list(csv.DictReader(file))
    assert [(fault["row"], fault["id"], fault["column"]) for fault in faults] == [
        ("2", "a", "portrait"), ("2", "a", "script"),
    ]  # fmt: skip
    night(inbox, tmp_path / "w").render_all()
    assert len(batches) == 2
    drop(inbox, "a.csv", "edited")  # of the same name: a new one
    night(inbox, tmp_path / "w").render_all()
    assert batches[2:] == ["a.csv"]
    assert (inbox / "done" / "a-2.csv").exists()


def test_what_is_dropped_meanwhile_is_rendered_too(
    inbox: Path, tmp_path: Path, batches: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(inbox, "a.csv", "one")
    text = drop(inbox, "half.csv", "two").read_bytes()
    script = (inbox / "two.md").read_bytes()
    (inbox / "two.md").unlink()
    (inbox / "half.csv").write_bytes(text[: len(text) // 2])
    watching(
        monkeypatch,
        lambda: (inbox / "half.csv").write_bytes(text),  # its script is not there yet
        lambda: (inbox / "two.md").write_bytes(script),
    )
    this = night(inbox, tmp_path / "w")
    this.render_all()
    assert batches == ["a.csv", "half.csv"]
    assert this.final_state().is_completed()
    assert not (inbox / "refused").exists()


def test_rows_that_fail_are_tried_in_three_nights_where_that_can_help(
    inbox: Path, tmp_path: Path, batches: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    watching(monkeypatch)
    drop(inbox, "worker.csv", "badWorkerLost", "good")
    drop(inbox, "words.csv", "badWordsNotFound")
    for number in range(1, MAX_NIGHTS + 2):
        night(inbox, tmp_path / "w").render_all()
        assert batches.count("worker.csv") == min(number, MAX_NIGHTS)
    assert batches.count("words.csv") == 1
    assert "badWordsNotFound, failed: no" in (inbox / "done" / "words.csv.txt").read_text()
    assert (inbox / "done" / "worker.csv").exists()


def test_a_manifest_that_is_edited_while_it_is_rendered_is_a_new_one(
    inbox: Path, tmp_path: Path, batches: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    watching(monkeypatch)
    path = drop(inbox, "a.csv", "one")
    render = nightly.render_batch

    def edited(manifest: CheckedManifest, *arguments: object, **options: object) -> None:
        render(manifest, *arguments, **options)
        if len(batches) == 1:
            path.write_text(path.read_text().replace("one,", "other,", 1))

    monkeypatch.setattr(nightly, "render_batch", edited)
    night(inbox, tmp_path / "w").render_all()
    assert batches == ["a.csv", "a.csv"]
    assert [path.name for path in inbox.glob("done/*.csv")] == ["a.csv"]


def test_an_inbox_has_options_of_its_own(inbox: Path) -> None:
    assert Inbox(inbox).options(BatchOptions(label="AI")) == BatchOptions(label="AI")
    (inbox / "music.wav").touch()
    (inbox / "actalker.toml").write_text('sound = "broadcast"\nburn-in = true\nmusic = "music.wav"\nallow = ["/srv"]\n')
    options = Inbox(inbox).options(BatchOptions(label="AI"))
    assert options == BatchOptions(
        label="AI", sound="broadcast", burn_in=True, music=str(inbox / "music.wav"), allow=("/srv",)
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sound = broadcast", "cannot be read"),
        ('colour = "red"', "'colour' is no option of a batch"),
        ('burn_in = "yes"', "the option burn_in is 'yes'. Give true or false"),
        ("actors = true", "the option actors is True. Give a whole number or nothing"),
        ("label = 3", "the option label is 3. Give text in quotes"),
    ],
)
def test_options_of_an_inbox_that_are_none_are_refused(inbox: Path, text: str, says: str) -> None:
    (inbox / "actalker.toml").write_text(text)
    with pytest.raises(BadInput, match=says):
        Inbox(inbox).options(BatchOptions())


@pytest.mark.parametrize("text", ["", "{}", '{"bad.csv 00": 3, "crc32": "00000000"}'])
def test_a_damaged_count_of_nights_costs_a_try_and_nothing_else(inbox: Path, tmp_path: Path, text: str) -> None:
    store = Store(tmp_path / "w")
    (store.ledger / "nights.json").write_text(text)
    assert night(inbox, store.root).failures == {}


@pytest.mark.timeout(300)
def test_a_window_ends_in_the_middle_of_a_batch_and_the_next_night_goes_on(inbox: Path, tmp_path: Path) -> None:
    """By the command, without a server."""
    drop(inbox, "a.csv", *(f"row{number}" for number in range(12)))
    (inbox / "actalker.toml").write_text('preset = "still"\nactors = 1\n')
    arguments = ("nightly", inbox, "--workspace", tmp_path / "w", "--once")
    yesterday = datetime.now().astimezone() - timedelta(minutes=1)  # so the window is a day
    code, output = finished(actalker(*arguments, "--until", f"{yesterday:%H:%M}", program=("-m", "tests.short_night")))
    assert code == 3, output
    assert "to be continued: a.csv" in output
    assert 3 <= len(rendered(tmp_path / "w")) < 12  # those at work when it ended have been finished, too
    code, status = finished(actalker("status", "--workspace", tmp_path / "w"))
    assert "suspended" in status
    code, output = finished(actalker(*arguments, "--until", f"{yesterday:%H:%M}"))
    assert (code, output.splitlines()[-1]) == (0, "Every manifest is done: 1.")
    assert (inbox / "done" / "a.csv").exists()
    rendered_keys = rendered(tmp_path / "w")
    assert len(rendered_keys) == len(set(rendered_keys)) > 0


def test_a_run_stays_below_the_folders_that_its_operator_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_roots([tmp_path])
    monkeypatch.setenv(nightly.ROOTS, f"{tmp_path / 'inbox'}:{tmp_path / 'w'}")
    check_roots([tmp_path / "inbox", tmp_path / "w" / "a"])
    for outside in (tmp_path, tmp_path / "inbox" / ".." / "secret", Path("/etc")):
        with pytest.raises(BadInput, match="is outside of the folders that ACTALKER_ROOTS names"):
            check_roots([outside])


def test_a_night_that_begins_after_its_window_does_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    late = datetime.fromisoformat("2026-11-23T09:00:00+01:00")
    monkeypatch.setattr(nightly, "_now", lambda: late)
    monkeypatch.setattr(nightly, "_scheduled_start", lambda: datetime.fromisoformat("2026-11-22T20:00:00+01:00"))
    state = render_night.fn(tmp_path, tmp_path / "w", "06:00")
    assert state.is_completed()
    assert state.message == "Missed: the window of this run was over at 2026-11-23 06:00."


def test_an_option_that_does_not_exist_is_refused() -> None:
    with pytest.raises(BadInput, match="'colour' is no option of a batch"):
        BatchOptions.of({"colour": "blue"})
    with pytest.raises(BadInput, match="there is no preset 'movie'"):
        assert BatchOptions(preset="movie").rendering
    with pytest.raises(BadInput, match="loud is not a valid Sound"):
        assert BatchOptions(sound="loud").finishing
