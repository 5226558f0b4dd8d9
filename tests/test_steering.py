"""Orders, as people give them: to a batch that runs, from another process, and to one that is to go on."""

import json
import time
from pathlib import Path

import pytest

from tests.course import actalker, alive, events, family, finished, rendered, wait_for, write_manifest

SENTENCES = "One is here. Two is here. Three is here. Four is here. Five is here. Six is here. Seven is here."
SLOW = ("-m", "tests.slow")


def manifest_of(folder: Path, *names: str) -> Path:
    """Rows of seven segments each, no two alike, spoken by espeak-ng."""
    path = write_manifest(folder, {name: SENTENCES.replace("is", name) for name in names})
    head, *rows = path.read_text().splitlines()
    path.write_text("\n".join([f"{head},voice", *(f"{row},en-us" for row in rows)]))
    return path


def submit(manifest: Path, workspace: Path, api: str):
    options = ("--workspace", workspace, "--preset", "still", "--actors", "1")
    return actalker("submit", manifest, *options, api=api, program=SLOW, own_group=True)


def order(workspace: Path, *arguments: str) -> str:
    """Give an order, in another process; what it prints."""
    code, output = finished(actalker(*arguments, "--workspace", workspace), limit_s=60)
    assert code == 0, output
    return output


def status(workspace: Path) -> dict[str, object]:
    return json.loads(order(workspace, "status", "--json"))


def row_states(workspace: Path) -> dict[str, str]:
    return {row["id"]: row["state"] for row in status(workspace)["videos"]}


def begun(workspace: Path) -> int:
    return len(events(workspace, "AttemptStarted"))


@pytest.mark.timeout(400)
def test_orders_to_a_batch_that_runs(tmp_path: Path, prefect_server: str) -> None:
    workspace = tmp_path / "w"
    command = submit(manifest_of(tmp_path, "was", "has", "had", "did"), workspace, prefect_server)
    wait_for(lambda: begun(workspace) > 1, "the first segments")

    assert "obeyed" in order(workspace, "pause", "course", "--reason", "the cards are needed")
    wait_for(lambda: status(workspace)["state"] == "paused", "the pause")
    (taken,) = events(workspace, "OrderTaken")
    assert (taken["order"]["kind"], taken["order"]["reason"]) == ("pause", "the cards are needed")
    assert 0 <= taken["taken_ms"] - taken["order"]["at_ms"] < 2000
    before = begun(workspace)
    time.sleep(2)
    assert begun(workspace) == before
    assert len(rendered(workspace)) == before  # what was at work has been finished

    # While it waits: what goes first, what is left out, what is put off.
    order(workspace, "priority", "course", "did", "5")
    order(workspace, "skip", "course", "had", "--reason", "no longer wanted")
    order(workspace, "cancel", "course", "has")
    order(workspace, "resume", "course")
    assert {**row_states(workspace), "was": "", "did": ""} == {
        "was": "",
        "has": "cancelled",
        "had": "skipped",
        "did": "",
    }
    wait_for(lambda: len(rendered(workspace)) > before + 1, "another segment")
    assert [event["job_id"] for event in events(workspace, "AttemptStarted")[before:]][:2] == ["did", "did"]

    # A row comes back, a worker goes and another one takes its place.
    order(workspace, "retry", "course", "has")
    (working,) = status(workspace)["workers"]
    order(workspace, "drain", working["worker"])
    wait_for(lambda: not status(workspace)["workers"], "the worker's end")
    before = begun(workspace)
    time.sleep(1)
    assert begun(workspace) == before
    order(workspace, "resume", "course")
    code, output = finished(command)
    assert code == 0, output
    states = {"was": "done", "has": "done", "had": "skipped", "did": "done"}
    assert row_states(workspace) == states
    assert status(workspace)["state"] == "done"
    assert len({event["worker"] for event in events(workspace, "AttemptStarted")}) == 2
    assert len(rendered(workspace)) == len(set(rendered(workspace)))  # nothing twice

    # Once more when it is over: one segment comes out otherwise, and nothing else is rendered.
    keys = set(rendered(workspace))
    assert "obeyed when it goes on" in order(workspace, "retry", "course", "did", "--segment", "3", "--seed", "7")
    assert "not obeyed yet: retry of did, segment 3, seed 7" in order(workspace, "status")
    code, output = finished(submit(tmp_path / "course.csv", workspace, prefect_server))
    assert code == 0, output
    assert row_states(workspace) == states
    assert len(set(rendered(workspace)) - keys) == 1
    code, output = finished(submit(tmp_path / "course.csv", workspace, prefect_server))
    assert "there was nothing to do" in output


@pytest.mark.timeout(300)
def test_a_cancelled_batch_ends_at_once_and_stays_so_until_it_is_resumed(tmp_path: Path, prefect_server: str) -> None:
    workspace, manifest = tmp_path / "w", manifest_of(tmp_path, "was", "has")
    command = submit(manifest, workspace, prefect_server)
    wait_for(lambda: begun(workspace) > 2, "the first segments")
    processes = family(command.pid)
    order(workspace, "cancel", "course", "--reason", "wrong portrait")
    given = time.monotonic()
    code, output = finished(command, limit_s=30)
    assert time.monotonic() - given < 10
    assert (code, alive(processes)) == (3, [])
    assert "wrong portrait. To go on: `actalker resume course-" in output
    assert status(workspace)["state"] == "cancelled"
    assert not [
        path for path in (workspace / "store").rglob("*") if ".temporary" in path.name or path.suffix == ".part"
    ]
    # A schedule does not begin it again.
    code, output = finished(submit(manifest, workspace, prefect_server))
    assert code == 3
    assert "wrong portrait" in output
    before = rendered(workspace)
    order(workspace, "resume", "course")
    code, output = finished(submit(manifest, workspace, prefect_server))
    assert code == 0, output
    assert set(row_states(workspace).values()) == {"done"}
    assert len(rendered(workspace)) == len(set(rendered(workspace))) > len(before)


@pytest.mark.timeout(300)
def test_a_run_that_is_cancelled_in_prefect_ends_as_by_order(tmp_path: Path, prefect_server: str) -> None:
    import httpx

    workspace = tmp_path / "w"
    command = submit(manifest_of(tmp_path, "was", "has"), workspace, prefect_server)
    wait_for(lambda: begun(workspace) > 1, "the first segments")
    (started,) = events(workspace, "BatchStarted")
    address = f"{prefect_server}/flow_runs/{started['flow_run']}"
    state = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
    assert httpx.post(f"{address}/set_state", json=state).is_success
    code, output = finished(command, limit_s=30)
    assert code == 3
    assert "cancel by Prefect" in output
    assert status(workspace)["state"] == "cancelled"
    assert httpx.get(address).json()["state"]["type"] == "CANCELLED"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_order_to_a_batch_whose_driver_is_dead(tmp_path: Path, prefect_server: str) -> None:
    workspace, names = tmp_path / "w", ("was", "has", "had", "did", "does", "goes", "went", "says", "said", "ran")
    manifest = manifest_of(tmp_path, *names)
    command = submit(manifest, workspace, prefect_server)
    wait_for(lambda: begun(workspace) and "done" in row_states(workspace).values(), "a row that is done")
    processes = family(command.pid)
    command.kill()
    command.communicate(timeout=60)
    wait_for(lambda: not alive(processes), "the end of what the driver had started")
    assert status(workspace)["state"] == "interrupted"
    states = row_states(workspace)
    done = next(row for row in names if states[row] == "done")
    other, paused, skipped, cancelled, first = [row for row in names if states[row] != "done"][-5:]
    before = begun(workspace)
    (worker,) = {str(event["worker"]) for event in events(workspace, "AttemptStarted")}

    for given in (
        ("pause", "course"),
        ("resume", "course"),
        ("pause", "course", paused),
        ("skip", "course", skipped, "--reason", "no longer wanted"),
        ("cancel", "course", cancelled),
        ("priority", "course", first, "9"),
        ("retry", "course", done, "--segment", "2", "--seed", "5"),
    ):
        assert "obeyed when it goes on" in order(workspace, *given), given
    code, refused = finished(actalker("drain", worker, "--workspace", workspace))
    assert (code, "A worker ends with its batch." in refused) == (2, True), refused
    assert begun(workspace) == before

    command = submit(manifest, workspace, prefect_server)
    settled = {**dict.fromkeys(names, "done"), skipped: "skipped", cancelled: "cancelled"}
    wait_for(lambda: {**row_states(workspace), paused: ""} == {**settled, paused: ""}, "all but the paused row")
    since = [event["job_id"] for event in events(workspace, "AttemptStarted")[before:]]
    assert not {skipped, cancelled, paused} & set(since[2:])  # two may have been at work when the driver died
    assert since[::-1].index(first) > since[::-1].index(other), "the row with the higher priority was done later"
    order(workspace, "resume", "course", paused)
    code, output = finished(command)
    assert code == 3, output  # a row was cancelled
    assert row_states(workspace) == settled
    assert status(workspace)["state"] == "incomplete"
    again = rendered(workspace)
    assert len(again) == len(set(again)), "a segment was rendered twice"
    (anew,) = (event for event in events(workspace, "AttemptStarted")[before:] if event["job_id"] == done)
    assert anew["index"] == 2
