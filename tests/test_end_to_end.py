"""The whole pipeline, as its users see it: a manifest in, finished videos out, nothing lost, doubled or left behind.

Read this first. Everything here is real: the command, Prefect, Ray, ffmpeg, speech and Parquet.
"""

import csv
import json
import os
import shutil
import signal
import time
from pathlib import Path

import av
import duckdb
import httpx
import numpy as np
import psutil
import pytest
import webvtt

from flows.options import DEMO_CHECKPOINT
from tasks.media.decode import decode_frames
from tasks.records.journal import Journal
from tests.course import (
    ROOT,
    actalker,
    alive,
    arguments_of,
    events,
    family,
    finished,
    log_of,
    rendered,
    wait_for,
    write_manifest,
    write_portrait,
)

EXAMPLE = ROOT / "examples" / "course"
FEW = "One. Two and a half. Three or more. Four at most."
MANY = f"{FEW} Five or so. Six of them. Seven days. Eight bells."


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example course, to be edited; smaller, because pixels are what costs time."""
    folder = Path(shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("example") / "course"))
    header, *lines = (folder / "manifest.csv").read_text().splitlines()
    (folder / "manifest.csv").write_text("\n".join([f"{header},size", *(f"{line},192" for line in lines)]))
    return folder


@pytest.fixture(scope="module")
def workspace(course: Path, prefect_server: str) -> Path:
    """The example course, rendered as a draft."""
    folder = course.parent / "workspace"
    code, output = finished(submit(course, folder, prefect_server))
    assert code == 0, output
    return folder


def submit(course: Path, workspace: Path, api: str, manifest: str = "manifest.csv"):
    return actalker("submit", course / manifest, "--workspace", workspace, "--preset", "still", api=api)


def rows() -> list[dict[str, str]]:
    with (EXAMPLE / "manifest.csv").open() as file:
        return list(csv.DictReader(file))


def video(workspace: Path, name: str) -> Path:
    (folder,) = workspace.glob(f"videos/*/{name}")
    return folder


@pytest.mark.parametrize("name", [row["id"] for row in rows()])
def test_every_row_becomes_a_video_with_what_belongs_to_it(workspace: Path, name: str) -> None:
    folder = video(workspace, name)
    made = {path.name for path in folder.iterdir()}
    assert {f"{name}.mp4", f"{name}.srt", f"{name}.vtt", f"{name}.words.json", "poster.jpg"} <= made
    card = json.loads((folder / f"{name}.record.json").read_text())
    assert card["outcome"] == "done"
    assert card.keys().isdisjoint({"path", "error"})  # of one delivery; batches share the file
    with av.open(folder / f"{name}.mp4") as container:
        assert {stream.type for stream in container.streams} >= {"video", "audio", "subtitle"}
        picture, sound = container.streams.video[0], container.streams.audio[0]
        assert (picture.codec_context.name, sound.codec_context.name) == ("h264", "aac")
        assert abs(picture.duration * picture.time_base - sound.duration * sound.time_base) <= 1 / 25
        (planned,) = [event for event in events(workspace, "VideoPlanned") if event["job_id"] == name]
        assert sum(1 for _ in container.decode(video=0)) == planned["frames"]


def test_captions_say_what_the_script_says_when_it_is_said(workspace: Path) -> None:
    folder = video(workspace, "welcome-ada")
    captions = list(webvtt.read(folder / "welcome-ada.vtt"))
    said = " ".join(caption.text.replace("\n", " ") for caption in captions)
    assert said == (
        "Hello Ada, and welcome to Overnight Video. Your first lesson starts tomorrow. Until then, have a good evening."
    )
    words = json.loads((folder / "welcome-ada.words.json").read_text())["words"]
    starts_ms = {word["text"]: word["start_ms"] for word in words}
    for caption in captions:
        minutes, seconds = caption.start.split(":")[-2:]
        shown_ms = (int(minutes) * 60 + float(seconds)) * 1000
        assert abs(shown_ms - starts_ms[caption.text.split()[0]]) <= 3 * 40


def test_headings_become_chapters_and_are_not_spoken(workspace: Path) -> None:
    with av.open(video(workspace, "lesson-1") / "lesson-1.mp4") as container:
        titles = [chapter["metadata"]["title"] for chapter in container.chapters()]
    assert titles == ["One line per video", "What happens at night"]
    assert "One line per video" not in (video(workspace, "lesson-1") / "lesson-1.srt").read_text()


def test_the_ledger_answers_what_each_video_was_made_from_and_what_it_cost(workspace: Path) -> None:
    query = "select job_id, outcome, consent, length(portrait_sha256), render_ms > 0, path, sha256, words_from"
    answer = duckdb.sql(f"{query} from '{workspace}/ledger/videos/**/*.parquet' order by row").fetchall()
    assert [row[0] for row in answer] == [row["id"] for row in rows()]
    assert {row[1:5] for row in answer} == {("done", "drawn-portrait", 64, True)}
    assert [row[7] for row in answer] == ["synthesiser", "aligned", "synthesiser", "synthesiser"]
    assert all((workspace / row[5]).is_file() for row in answer)
    query = "select job_id, measured['words_found'] as share from '{}/ledger/videos/**/*.parquet' where share not null"
    assert duckdb.sql(query.format(workspace)).fetchall() == [("lesson-2", 1.0)]


def test_rows_that_share_sentences_share_segments(workspace: Path) -> None:
    assert len(rendered(workspace)) == len(set(rendered(workspace)))
    query = f"select job_id, list(key order by index) from '{workspace}/ledger/segments/**/*.parquet' group by 1"
    keys = dict(duckdb.sql(query).fetchall())
    assert keys["welcome-ada"][0] != keys["welcome-ben"][0]
    assert keys["welcome-ada"][1:] == keys["welcome-ben"][1:]


def test_the_same_manifest_again_renders_nothing(workspace: Path, course: Path, prefect_server: str) -> None:
    before = rendered(workspace)
    code, output = finished(submit(course, workspace, prefect_server))
    assert code == 0, output
    assert rendered(workspace) == before
    assert "there was nothing to do" in output


def test_what_the_customer_deletes_or_overwrites_is_delivered_again(
    workspace: Path, course: Path, prefect_server: str
) -> None:
    """Overwriting changes the store's copy, too: they are one file. Then the video is made anew from its clips."""
    before, folder = rendered(workspace), video(workspace, "welcome-ada")
    delivered = {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith(".record.json")}
    poster = video(workspace, "welcome-ben") / "poster.jpg"
    drawn = poster.read_bytes()
    (folder / "welcome-ada.srt").unlink()
    poster.write_bytes(b"scribble")
    code, output = finished(submit(course, workspace, prefect_server))
    assert code == 0, output
    assert {name: (folder / name).read_bytes() for name in delivered} == delivered
    assert poster.read_bytes() == drawn
    assert rendered(workspace) == before
    assert "poster.jpg is not what its digest says" in log_of(workspace)


def test_a_portrait_that_is_replaced_after_the_check_fails_its_row(tmp_path: Path, prefect_server: str) -> None:
    manifest = write_manifest(tmp_path, {"row": "One sentence."})
    code = f"""
from pathlib import Path
from flows.batch import render_batch
from tasks.manifest.intake import check_manifest
from tests.course import write_portrait
manifest = check_manifest(Path({str(manifest)!r}))
write_portrait(Path({str(tmp_path / "p.png")!r}), seed=1)
state = render_batch(manifest, Path({str(tmp_path / "w")!r}), return_state=True)
print(state.message)
"""
    output = finished(actalker(api=prefect_server, program=("-c", code)))[1]
    assert "1 of 1 rows failed: row" in output
    (ended,) = events(tmp_path / "w", "VideoEnded")
    assert ended["error_class"] == "BadInput"
    assert "p.png was changed after it was checked" in str(ended["error"])


def test_a_recording_of_another_script_fails_its_row_and_the_ledger_has_the_share(
    tmp_path: Path, prefect_server: str
) -> None:
    """Two files of a course were mixed up: the script is another lesson's."""
    write_portrait(tmp_path / "p.png")
    shutil.copy(next((EXAMPLE / "recordings").iterdir()), tmp_path / "take.ogg")
    (tmp_path / "cats.md").write_text("Cats sleep for most of the day, and hunt at night. A dog goes out in the rain.")
    (tmp_path / "m.csv").write_text("id,portrait,script,audio,language,size\nmixed-up,p.png,cats.md,take.ogg,en,128\n")
    code, output = finished(submit(tmp_path, tmp_path / "w", prefect_server, "m.csv"))
    assert code == 3, output
    (ended,) = events(tmp_path / "w", "VideoEnded")
    assert ended["error_class"] == "WordsNotFound"
    assert "only 0 % of the script's words are found in the recording" in str(ended["error"])
    assert "Check that recording and script belong together" in str(ended["error"])
    assert ended["measured"] == {"words_found": 0}


def test_a_batch_that_another_process_renders_is_refused(workspace: Path, course: Path, prefect_server: str) -> None:
    (path,) = (workspace / "ledger" / "journal").glob("*.jsonl")
    with Journal(workspace / "ledger", path.stem):
        code, output = finished(submit(course, workspace, prefect_server))
    assert code == 2, output
    assert f"batch {path.stem} is being rendered by another process" in output
    assert "Traceback" not in output


def test_one_edited_sentence_costs_one_segment(workspace: Path, course: Path, prefect_server: str) -> None:
    before, ended = rendered(workspace), len(events(workspace, "VideoEnded"))
    script = course / "scripts" / "what-a-manifest-is.md"
    script.write_text(script.read_text().replace("Change one sentence", "Change a single sentence"))
    code, output = finished(submit(course, workspace, prefect_server))
    assert code == 0, output
    assert len(rendered(workspace)) == len(before) + 1
    outcomes = [str(event["outcome"]) for event in events(workspace, "VideoEnded")]
    assert len(outcomes) == ended + 4
    assert outcomes.count("reused") == 3


def test_prefect_shows_the_batch_its_rows_and_their_logs(workspace: Path, prefect_server: str) -> None:
    first = min(events(workspace, "BatchStarted"), key=lambda event: int(str(event["started_ms"])))
    batch = str(first["batch_id"])

    def ask(what: str) -> list[dict[str, object]]:
        return httpx.post(f"{prefect_server}/{what}/filter", json={}, timeout=30).json()

    assert batch in {run["name"] for run in ask("flow_runs")}
    assert {f"{batch}/{row['id']}" for row in rows()} <= {run["name"] for run in ask("task_runs")}
    artifacts = {
        artifact["key"]: artifact for artifact in ask("artifacts") if str(artifact["key"]).endswith(batch[-8:])
    }
    (table,) = artifacts.values()
    assert [row["id"] for row in json.loads(str(table["data"]))] == [row["id"] for row in rows()]
    assert any(artifact["type"] == "progress" and artifact["data"] == 100 for artifact in ask("artifacts"))
    wait_for(lambda: any("render took" in str(line["message"]) for line in ask("logs")), "Prefect has the log", 30)
    log = (workspace / "batches" / batch / "log.txt").read_text()
    assert "[welcome-ada] render took" in log


def test_status_reads_the_ledger(workspace: Path) -> None:
    code, output = finished(actalker("status", "--workspace", workspace))
    assert code == 0
    assert "lesson-1" in output
    assert "done" in output


def test_a_refused_manifest_ends_with_2_and_renders_nothing(course: Path, tmp_path: Path) -> None:
    (course / "bad.csv").write_text("id,portrait,script\na,none.png,scripts/welcome.md\na,portraits/mara.png,\n")
    code, output = finished(submit(course, tmp_path / "w", "", "bad.csv"))
    assert code == 2
    assert "4 faults" in output
    assert "none.png" in output
    assert not (tmp_path / "w").exists()


def test_a_killed_batch_goes_on_and_only_what_was_in_flight_is_rendered_again(tmp_path: Path) -> None:
    """With Prefect's embedded server, which a kill leaves behind as an orphan: the next command ends it. That one's own
    server is killed as well: rendering and the end do not wait for it."""
    manifest = write_manifest(tmp_path, {f"row{k}": f"Row number {k}. {FEW}" for k in range(3)})
    workspace = tmp_path / "w"
    arguments = ("submit", manifest, "--workspace", workspace, "--preset", "still", "--actors", "1")
    first = actalker(*arguments)
    wait_for(lambda: len(rendered(workspace)) >= 2, "two segments are rendered")
    ours = family(first.pid)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert first.stdout is not None
    first.stdout.close()  # its orphans hold on to the pipe: there is no end to read
    before = rendered(workspace)
    second = actalker(*arguments)
    wait_for(lambda: len(events(workspace, "BatchStarted")) == 2, "the second run has begun")
    servers = [process for process in family(second.pid) if "uvicorn" in arguments_of(process)]
    assert servers
    for server in servers:
        server.kill()
    code, output = finished(second)
    assert code == 0, output
    assert "Prefect d" in output  # did not end in time, or does not have the end
    assert "Traceback" not in output
    assert not alive(ours)
    keys = {str(event["key"]) for event in events(workspace, "SegmentEnded")}
    assert len(keys) == 3 + 4
    assert set(rendered(workspace)) <= keys
    assert sorted(rendered(workspace)) == sorted(keys), "every segment is rendered once, and has its attempt"
    assert set(before) <= keys
    clips = [json.loads(path.read_text()) for path in workspace.glob("store/clips/*/*.json")]
    query = f"select sum(render_ms), sum(segments_rendered) from '{workspace}/ledger/videos/**/*.parquet'"
    assert duckdb.sql(query).fetchall() == [(sum(clip["render_ms"] for clip in clips), len(clips))]
    assert not list((workspace / "store" / "tmp").iterdir())


def test_what_gc_has_removed_is_rendered_again_when_it_is_asked_for(tmp_path: Path, prefect_server: str) -> None:
    """And what a batch leaves is whole: its results, its tables, its store."""
    manifest, workspace = write_manifest(tmp_path, {"row": "One sentence."}), tmp_path / "w"
    arguments = ("submit", manifest, "--workspace", workspace, "--preset", "still")
    at_workspace = ("--workspace", workspace)
    for times in (1, 2):
        code, output = finished(actalker(*arguments, api=prefect_server))
        assert code == 0, output
        assert rendered(workspace) == rendered(workspace)[:1] * times
        code, output = finished(actalker("ledger", "verify", *at_workspace))
        assert code == 0, output
        (results,) = workspace.glob("videos/*/results.csv")
        with results.open() as file:
            (row,) = csv.DictReader(file)
        assert (row["id"], row["status"]) == ("row", "done")
        assert (results.parent / row["video"]).is_file()
        assert (results.parent / row["poster"]).is_file()
        if times == 1:
            assert "nothing can be removed" in finished(actalker("gc", *at_workspace, "--yes"))[1]
            shutil.rmtree(results.parent)
            code, output = finished(actalker("gc", *at_workspace, "--yes"))
            assert code == 0, output
            assert not [path for path in (workspace / "store").rglob("*") if path.suffix in {".avi", ".mp4", ".png"}]
    (command,) = {str(event["command"]) for event in events(workspace, "BatchStarted")}
    assert command.endswith(f"actalker submit {manifest} --workspace {workspace} --preset still")


def test_an_encoder_that_is_killed_is_started_again(tmp_path: Path, prefect_server: str) -> None:
    manifest = write_manifest(tmp_path, {"row": f"One row. {MANY}"})
    command = actalker("submit", manifest, "--workspace", tmp_path / "w", "--preset", "still", api=prefect_server)

    def encoders() -> list[psutil.Process]:
        return [process for process in family(command.pid) if "libx264" in arguments_of(process)]

    wait_for(encoders, "ffmpeg encodes")
    for encoder in encoders():
        encoder.kill()
    code, output = finished(command)
    assert code == 0, output
    assert "another try, after: " in log_of(tmp_path / "w")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_batch_leaves_nothing_running_and_nothing_half_done(
    tmp_path: Path, sent: signal.Signals, prefect_server: str
) -> None:
    manifest = write_manifest(tmp_path, {f"row{k}": f"Row number {k}. {FEW}" for k in range(3)})
    workspace = tmp_path / "w"
    command = actalker("submit", manifest, "--workspace", workspace, "--preset", "still", api=prefect_server)
    wait_for(lambda: rendered(workspace), "a segment is rendered")
    ours = family(command.pid)
    command.send_signal(sent)
    code, output = finished(command, limit_s=60)
    assert code == 130, output
    assert "go on where it was" in output
    wait_for(lambda: not alive(ours), "everything has ended", limit_s=15)
    assert not list((workspace / "store" / "tmp").iterdir())
    code, output = finished(actalker("status", "--workspace", workspace))
    assert "interrupted" in output
    (results,) = workspace.glob("videos/*/results.csv")
    with results.open() as file:
        assert "waiting" in {row["status"] for row in csv.DictReader(file)}


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_group_reaches_prefects_server_too_and_ends_the_command_all_the_same(
    tmp_path: Path, sent: signal.Signals
) -> None:
    """A terminal sends SIGINT to the whole process group, `timeout` SIGTERM: to the embedded server and to Ray too."""
    manifest = write_manifest(tmp_path, {f"row{k}": f"Row number {k}. {FEW}" for k in range(4)})
    command = actalker("submit", manifest, "--workspace", tmp_path / "w", "--preset", "still", own_group=True)
    wait_for(lambda: rendered(tmp_path / "w"), "a segment is rendered")
    ours = family(command.pid)
    os.killpg(command.pid, sent)
    code, output = finished(command, limit_s=60)
    assert code == 130, output
    assert "Submit the same manifest again to go on where it was." in output
    assert "Traceback" not in output
    wait_for(lambda: not alive(ours), "everything has ended", limit_s=15)


@pytest.mark.slow
@pytest.mark.parametrize("again", [False, True])
def test_an_interruption_is_obeyed_soon_when_the_server_is_gone(tmp_path: Path, again: bool) -> None:
    """Prefect would try to reach it for minutes. A second signal is not waited for at all."""
    manifest = write_manifest(tmp_path, {f"row{k}": f"Row number {k}. {FEW}" for k in range(12)})
    arguments = ("submit", manifest, "--workspace", tmp_path / "w", "--preset", "still", "--actors", "1")
    command = actalker(*arguments, program=("-m", "tests.slow"), own_group=True)
    wait_for(lambda: rendered(tmp_path / "w"), "a segment is rendered")
    ours = family(command.pid)
    (server,) = (process for process in ours if "uvicorn" in arguments_of(process))
    server.kill()
    time.sleep(1)
    began = time.monotonic()
    command.send_signal(signal.SIGTERM)
    if again:
        time.sleep(2)
        command.send_signal(signal.SIGTERM)
    code, output = finished(command, limit_s=60)
    assert (code, "go on where it was" in output) == (130, True), output
    assert time.monotonic() - began < (5 if again else 12)
    wait_for(lambda: not alive(ours), "everything has ended", limit_s=15)


def test_the_schedule_renders_every_manifest_of_its_folder(tmp_path: Path, prefect_server: str) -> None:
    """Through the server: it keeps the schedule, its scheduler makes the runs, and the command picks them up."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    write_manifest(inbox, {"late": "Good evening."})
    workspace = tmp_path / "w"
    schedule = ("--cron", "* * * * * */5", "--preset", "still")  # a sixth field is for seconds
    command = actalker("nightly", inbox, "--workspace", workspace, *schedule, api=prefect_server)
    wait_for(lambda: events(workspace, "BatchEnded"), "a night is over", limit_s=200)
    ours = family(command.pid)
    command.send_signal(signal.SIGTERM)
    finished(command, limit_s=60)
    wait_for(lambda: not alive(ours), "everything has ended", limit_s=30)
    assert [event["outcome"] for event in events(workspace, "VideoEnded")] == ["done"]
    again = f"actalker submit {inbox / 'course.csv'} --workspace {workspace} --preset still"
    assert {event["command"] for event in events(workspace, "BatchStarted")} == {again}


def test_the_bundled_network_talks(tmp_path: Path, prefect_server: str) -> None:
    """The whole way with the network: its mouth moves while it speaks, and the wall behind it does not."""
    portrait = shutil.copy(EXAMPLE / "portraits" / "aisha.png", tmp_path)
    (tmp_path / "s.md").write_text("Papa may go.")
    (tmp_path / "m.csv").write_text(f"id,portrait,script,preset\nrow,{Path(portrait).name},s.md,demo\n")
    workspace = tmp_path / "w"
    arguments = ("submit", tmp_path / "m.csv", "--workspace", workspace, "--actors", "1")
    code, output = finished(actalker(*arguments, api=prefect_server), 480)
    assert code == 0, output
    (ended,) = events(workspace, "VideoEnded")
    assert str(ended["renderer"]).startswith("talker")
    frames = np.stack(list(decode_frames(video(workspace, "row") / "row.mp4"))).astype(np.float32)
    assert frames.shape == (ended["frames"], 768, 768, 3)
    movement = np.abs(np.diff(frames, axis=0)).mean(axis=(0, 3))
    mouth, wall = movement[450:525, 330:435].mean(), movement[30:180, 30:150].mean()
    assert mouth > 4 * wall
    # Other weights draw it again, though batch and video keep their names; once, not every time.
    weights = Path(shutil.copytree(DEMO_CHECKPOINT, tmp_path / "weights"))
    with (weights / "config.json").open("a") as file:
        file.write("\n")
    for _ in range(2):
        code, output = finished(actalker(*arguments, "--weights", weights, api=prefect_server), 480)
        assert code == 0, output
        first, second = events(workspace, "VideoEnded")
        assert first["path"] == second["path"]
        assert first["renderer"] != second["renderer"]


def test_a_poisoned_segment_fails_its_row_alone(tmp_path: Path, prefect_server: str) -> None:
    scripts = {f"row{k}": f"This is row {k}. {FEW}" for k in range(2)} | {"sick": "Fine so far. Poison! Fine again."}
    manifest = write_manifest(tmp_path, scripts)
    workspace = tmp_path / "w"
    program = ("-m", "tests.poisoned")
    code, output = finished(
        actalker("submit", manifest, "--workspace", workspace, "--preset", "still", api=prefect_server, program=program)
    )
    assert code == 3, output
    outcomes = {str(event["job_id"]): str(event["outcome"]) for event in events(workspace, "VideoEnded")}
    assert outcomes == {"row0": "done", "row1": "done", "sick": "failed"}
    (failed,) = [event for event in events(workspace, "VideoEnded") if event["outcome"] == "failed"]
    assert failed["error_class"] == "Quarantined"
    assert "sick[1]" in str(failed["error"])
    assert "sick" in output
    ended = [event for event in events(workspace, "SegmentEnded") if event["job_id"] == "sick"]
    assert [event["outcome"] for event in ended] == ["done", "failed", "done"]
