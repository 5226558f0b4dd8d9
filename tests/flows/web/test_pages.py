"""What the pages say, and what their forms do."""

import html
import re
import time
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from flows.web import batch_view, uploads
from flows.web.app import create_app
from flows.web.guard import Access
from flows.web.site import Site
from tasks.job import Outcome
from tasks.records import follow, orders
from tasks.records.journal import BatchStarted, BatchSuspended, Journal, VideoEnded
from tasks.records.orders import OrderKind
from tasks.records.reviews import reviews_of
from tests.course import wait_for, write_manifest
from tests.flows.web.workspaces import EVIL, large, small, video

ACCESS = Access("a-token-for-this-test", 8765)
HERE = "/batches/course-1"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return small(tmp_path)


def client_of(root: Path, inbox: Path | None = None) -> TestClient:
    client = TestClient(create_app(Site(root, ACCESS, inbox)), base_url=ACCESS.url, follow_redirects=False)
    client.get("/", params={"token": ACCESS.token})
    return client


@pytest.fixture
def client(root: Path) -> TestClient:
    return client_of(root)


def post(client: TestClient, path: str, **fields: str | list[str]):
    return client.post(path, data={"csrf": ACCESS.csrf, **fields}, headers={"origin": ACCESS.url})


def rows_shown(text: str) -> list[str]:
    return re.findall(r'name="row" value="([^"]*)" aria-label', text)


def test_an_empty_workspace_says_what_to_do(tmp_path: Path) -> None:
    client = client_of(tmp_path)
    for path, says in (("/", "No batches yet"), ("/workers", "No workers yet"), ("/schedule", "No inbox is named")):
        assert says in client.get(path).text
    assert client.get("/metrics").status_code == 200
    assert client.get("/nothing").status_code == 404


def test_the_batches(client: TestClient) -> None:
    text = client.get("/").text
    for says in ("course-1", "4 of 5 rows done", "1 failed", "1 needs a look", "4 to review", "24 s of worker time"):
        assert says in text, says
    assert client.get("/api/batches").json()[0]["failed"] == 1
    assert client.get(f"/api{HERE}").json()["state"] == "failed"


def test_rows_that_need_somebody_come_first_with_what_to_do(client: TestClient) -> None:
    text = client.get(HERE).text
    assert rows_shown(text) == ["bad portrait", "lesson-2", "lesson-1", "lesson-3", "ÄÖ &amp; #1"]
    assert "has no face" in text
    assert "Retry it. If it fails again" in text
    assert "Watch the video, then approve or reject it." in text
    assert f"{HERE}/rows/%C3%84%C3%96%20%26%20%231" in text
    assert "Segments reused" in text and "50 %" in text  # 6 of 12


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("show=failed", ["bad portrait"]),
        ("show=review", ["lesson-2", "lesson-1", "lesson-3", "ÄÖ &amp; #1"]),
        ("q=LESSON-3", ["lesson-3"]),
        ("q=no+face", ["bad portrait"]),
        ("sort=row", ["lesson-1", "lesson-2", "lesson-3", "bad portrait", "ÄÖ &amp; #1"]),
        ("sort=dearest&show=review", ["lesson-1", "lesson-2", "ÄÖ &amp; #1", "lesson-3"]),
        ("q=nothing+at+all", []),
        ("show=%3Cb%3E&sort=x", ["bad portrait", "lesson-2", "lesson-1", "lesson-3", "ÄÖ &amp; #1"]),
    ],
)
def test_rows_are_found_filtered_and_sorted(client: TestClient, query: str, rows: list[str]) -> None:
    assert rows_shown(client.get(f"{HERE}?{query}").text) == rows


def test_nothing_of_a_manifest_is_markup(client: TestClient) -> None:
    pages = [HERE, f"{HERE}/live", f"{HERE}/rows/lesson-2", "/", f"{HERE}?q={EVIL}", f"/batches/{EVIL}"]
    for path in pages:
        text = client.get(path).text
        assert EVIL not in text, path
        assert not re.search(r"<script(?! src=)", text), path
        assert not re.search(r"\son\w+=|style=|javascript:", text), path


def test_a_video_has_its_words_chapters_segments_and_record(client: TestClient) -> None:
    text = client.get(f"{HERE}/rows/lesson-1").text
    assert '<span data-w="1600" data-e="1950">We</span>' in text
    assert '<span data-w="2800" data-e="3150">&amp;</span>' in text
    assert 'data-seek="2000"><span class="time">0:02</span> Go on' in text
    assert text.count("<rect") == 3
    assert f"/data/portraits/mara.png<br><code>{'a' * 64}" in text
    assert "finish sound" in text and "loudness lufs" in text
    assert "2 of 3 rendered, the others found" in text
    assert 'kind="captions"' in text


def test_quality_control_is_shown_where_it_is_in_the_video(client: TestClient) -> None:
    text = client.get(f"{HERE}/rows/lesson-1").text
    assert 'data-seek="4200">0:04</button> the picture flickers: 0.3, at most 0.1' in text
    assert "sharpness: 0.9, limit 0.5" in text and "lips: 0.04, limit 0.1" in text
    assert [*re.findall(r'<rect class="(\w+)"', text)] == ["done", "doubtful", "reused"]


def test_a_row_without_a_video_says_why(client: TestClient) -> None:
    text = client.get(f"{HERE}/rows/bad%20portrait").text
    assert "has no face" in text and "<video" not in text
    assert "Skip this row" in text


def test_files_are_served_in_ranges_and_known_by_their_digest(client: TestClient) -> None:
    page = client.get(f"{HERE}/rows/lesson-1").text
    address = re.search(r'<source src="([^"]*)"', page)[1]
    whole = client.get(address)
    assert whole.headers["content-type"] == "video/mp4"
    assert "immutable" in whole.headers["cache-control"]
    part = client.get(address, headers={"range": "bytes=4-13"})
    assert (part.status_code, part.content) == (206, whole.content[4:14])
    assert part.headers["content-range"] == f"bytes 4-13/{len(whole.content)}"
    assert client.get(address, headers={"range": "bytes=999999-"}).status_code == 416
    assert client.head(address).headers["accept-ranges"] == "bytes"
    assert "no-cache" in client.get(f"{HERE}/rows/lesson-1/files/poster.jpg").headers["cache-control"]
    assert "attachment" in client.get(f"{address}&download=1").headers["content-disposition"]
    assert client.get(f"{HERE}/rows/lesson-1/files/lesson-1.vtt").headers["content-type"].startswith("text/vtt")
    odd = client.get(f"{HERE}/rows/%C3%84%C3%96%20%26%20%231").text
    assert client.get(re.search(r'<source src="([^"]*)"', odd)[1]).status_code == 200


def test_the_rows_are_kept_up_to_date_as_they_are_chosen(client: TestClient) -> None:
    text = client.get(f"{HERE}?show=failed&sort=length&q=bad").text
    address = html.unescape(re.search(r'<div id="rows" data-live="([^"]*)"', text)[1])
    assert address == f"{HERE}/rows?show=failed&sort=length&q=bad"
    part = client.get(address).text
    assert rows_shown(part) == rows_shown(text) == ["bad portrait"]
    assert "<html" not in part
    assert part.strip() in text


def test_forms_give_orders(client: TestClient, root: Path) -> None:
    answer = post(client, f"{HERE}/orders", kind="pause", reason="cards are needed")
    assert answer.status_code == 303
    assert (
        "pause by page: cards are needed: obeyed when the batch goes on" in client.get(answer.headers["location"]).text
    )
    post(client, f"{HERE}/orders", kind="skip", row=["lesson-1", "bad portrait"], reason="no longer wanted")
    post(client, f"{HERE}/orders", kind="priority", row="lesson-2", priority="-3")
    post(client, f"{HERE}/orders", kind="retry")
    back = post(client, f"{HERE}/orders", kind="retry", row="lesson-2", segment="2", seed="7", back="row")
    assert back.headers["location"].startswith(f"{HERE}/rows/lesson-2?order=")
    post(client, f"{HERE}/orders", kind="retry", row="lesson-2", segment="1")
    post(client, f"{HERE}/orders", kind="retry", row="bad portrait")
    given = orders.given(orders.path_of(root, "course-1"))
    assert [order.kind for order in given] == ["pause", "skip", "priority", "retry", "retry", "retry", "retry"]
    assert {order.who for order in given} == {"page"}
    assert given[1].rows == ("lesson-1", "bad portrait")
    assert given[2].priority == -3
    assert (given[3].rows, given[3].seed) == ((), None)
    assert (given[4].segment, given[4].seed) == (2, 7)
    assert given[5].segment == 1 and given[5].seed is not None  # the same seed would find the same pictures
    assert given[6].seed is None


def test_orders_and_reviews_carry_the_name_that_a_browser_keeps(client: TestClient, root: Path) -> None:
    answer = post(client, "/name", name="Zoë & <b>Ann</b>", back=f"{HERE}/rows/%C3%84")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{HERE}/rows/%C3%84")
    assert 'value="Zoë &amp; &lt;b&gt;Ann&lt;/b&gt;"' in client.get("/").text
    odd = batch_view.row_url("course-1", "ÄÖ & #1")
    assert f'name="back" value="{odd}"' in client.get(odd).text
    post(client, f"{HERE}/orders", kind="pause")
    post(client, f"{HERE}/rows/lesson-1/review", decision="approve")
    assert orders.given(orders.path_of(root, "course-1"))[-1].who == "Zoë & <b>Ann</b>, page"
    assert reviews_of(root, "course-1")[-1].who == "Zoë & <b>Ann</b>, page"
    for name in ("x" * 61, "two\nlines"):
        assert post(client, "/name", name=name).status_code == 400
    for elsewhere in ("//evil.example/", "/\\evil.example", "https://evil.example", "", "/a\r\nX: y"):
        assert post(client, "/name", name="Ann", back=elsewhere).headers["location"] == "/"


@pytest.mark.parametrize(
    ("fields", "status", "says"),
    [
        ({"kind": "explode"}, 400, "no order"),
        ({"kind": "drain"}, 400, "page of the workers"),
        ({"kind": "skip"}, 400, "needs rows and a reason"),
        ({"kind": "skip", "row": "lesson-1"}, 400, "needs rows and a reason"),
        ({"kind": "pause", "row": "../../etc"}, 404, "has no row"),
        ({"kind": "priority"}, 400, "No priority"),
        ({"kind": "priority", "priority": "high"}, 400, "not a whole number"),
        ({"kind": "priority", "priority": "5000"}, 400, "out of range"),
        ({"kind": "retry", "row": "lesson-1", "segment": "3"}, 400, "out of range"),
        ({"kind": "retry", "row": ["lesson-1", "lesson-2"], "segment": "1"}, 400, "belongs to one row"),
        ({"kind": "pause", "reason": "x" * 2001}, 400, "longer than"),
    ],
)
def test_orders_that_cannot_be_given_are_refused_in_words(
    client: TestClient, root: Path, fields: dict[str, str], status: int, says: str
) -> None:
    answer = post(client, f"{HERE}/orders", **fields)
    assert (answer.status_code, says in answer.text) == (status, True)
    assert not orders.path_of(root, "course-1").exists()


def test_reviews_are_kept_and_the_next_video_opens(client: TestClient, root: Path) -> None:
    next_ones = []
    for row, decision in (("lesson-1", "approve"), ("lesson-2", "reject"), ("ÄÖ & #1", "approve")):
        address = batch_view.row_url("course-1", row)
        answer = post(
            client, f"{address}/review", decision=decision, reason="the mouth" if decision == "reject" else ""
        )
        next_ones.append(answer.headers["location"])
    assert next_ones == [
        f"{HERE}/rows/lesson-2?reviewed=approve",
        f"{HERE}/rows/lesson-3?reviewed=reject",
        f"{HERE}/rows/lesson-3?reviewed=approve",
    ]
    assert "This is the next one that waits." in client.get(next_ones[0]).text
    kept = [(one.job_id, one.decision, one.reason, one.who) for one in reviews_of(root, "course-1")]
    assert kept[1] == ("lesson-2", "reject", "the mouth", "page")
    assert "the mouth" in client.get(f"{HERE}/rows/lesson-2").text
    assert rows_shown(client.get(f"{HERE}?show=rejected").text) == ["lesson-2"]
    answer = post(client, f"{HERE}/rows/lesson-3/review", decision="comment", reason="nice")
    assert answer.headers["location"] == f"{HERE}/rows/lesson-3?reviewed=comment"
    assert rows_shown(client.get(f"{HERE}?show=review").text) == ["lesson-3"]
    last = post(client, f"{HERE}/rows/lesson-3/review", decision="approve").headers["location"]
    assert "No other video of this batch waits for review." in client.get(last).text


@pytest.mark.parametrize(
    ("row", "fields", "says"),
    [
        ("lesson-1", {"decision": "maybe"}, "no decision"),
        ("lesson-1", {"decision": "reject"}, "needs a reason"),
        ("lesson-1", {"decision": "comment", "reason": "  "}, "needs a reason"),
        ("bad%20portrait", {"decision": "approve"}, "has no video"),
    ],
)
def test_reviews_that_cannot_be_kept(client: TestClient, row: str, fields: dict[str, str], says: str) -> None:
    answer = post(client, f"{HERE}/rows/{row}/review", **fields)
    assert (answer.status_code, says in answer.text) == (400, True)


def test_a_video_that_is_made_again_waits_for_another_review(client: TestClient, root: Path) -> None:
    post(client, f"{HERE}/rows/lesson-1/review", decision="approve")
    assert "lesson-1" not in rows_shown(client.get(f"{HERE}?show=review").text)
    with Journal(root / "ledger", "course-1") as journal:
        ended = follow.report(root, "course-1").rows["lesson-1"].video
        assert ended
        journal.write(VideoEnded("lesson-1", 1, "", Outcome.DONE, 0, 1, sha256="b" * 64, path=ended.path))
    assert "lesson-1" in rows_shown(client.get(f"{HERE}?show=review").text)


def test_a_batch_that_runs_is_followed_and_its_workers_can_be_drained(tmp_path: Path) -> None:
    root = small(tmp_path, ended=False)
    client = client_of(root)
    assert "Nobody works on it" in client.get(HERE).text
    with Journal(root / "ledger", "course-1") as journal:
        text = client.get(f"{HERE}/live").text
        assert ">running<" in text and "3 of 5 rows done" in text
        journal.write(video(root, "course-1", "lesson-3", 3))
        assert "4 of 5 rows done" in client.get(f"{HERE}/live").text
        workers = client.get("/workers/live").text
        assert "node/0" in workers and "it flickered" in workers and "0.039" in workers
        assert post(client, "/workers/drain", worker="node/0").status_code == 303
        assert post(client, "/workers/drain", worker="nobody/1").status_code == 404
    (order,) = orders.given(orders.path_of(root, "course-1"))
    assert (order.kind, order.worker, order.who) == (OrderKind.DRAIN, "node/0", "page")


def test_figures_for_prometheus(client: TestClient) -> None:
    lines = client.get("/metrics").text.splitlines()
    assert 'actalker_batches{state="failed"} 1.0' in lines
    assert 'actalker_rows{state="done"} 3.0' in lines
    assert "actalker_segments_rendered 4.0" in lines
    assert any(line.startswith("actalker_free_disk_bytes ") for line in lines)


def test_the_schedule_shows_the_inbox_and_what_was_refused(root: Path, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "night.csv").write_text("id")
    (inbox / "~$night.xlsx").write_text("")
    (inbox / "refused").mkdir()
    (inbox / "refused" / "old.csv.txt").write_text("row 4: there is no <such> file")
    text = client_of(root, inbox).get("/schedule").text
    assert "night.csv" in text and "~$" not in text
    assert "there is no &lt;such&gt; file" in text


def test_a_large_batch_is_shown_at_once(tmp_path: Path) -> None:
    client = client_of(large(tmp_path))
    client.get("/batches/night-500")  # reads the journal
    took = []
    for path in ("/batches/night-500/live", "/batches/night-500", "/batches/night-500/rows/row-3", "/"):
        began = time.process_time()
        text = client.get(path).text
        took.append(time.process_time() - began)
    assert max(took) < 0.3, took
    text = client.get("/batches/night-500").text
    assert len(rows_shown(text)) == 500
    assert len(text) < 1_000_000
    assert text.count("<rect") < 8 * 500


def test_a_batch_that_nobody_works_on_goes_on_with_its_own_command(tmp_path: Path) -> None:
    root = small(tmp_path / "w", ended=False)
    client = client_of(root)
    assert "Submit its manifest again to go on." in client.get(HERE).text
    assert post(client, f"{HERE}/continue").status_code == 400  # its journal has no command
    with Journal(root / "ledger", "course-1") as journal:
        command = f"cd {tmp_path} && actalker submit nowhere.csv --workspace w"
        journal.write(BatchStarted("course-1", "nowhere.csv", 1, 1, (), command=command))
        assert post(client, f"{HERE}/continue").status_code == 400  # somebody works on it
    assert "Go on" in client.get(HERE).text
    run = post(client, f"{HERE}/continue").headers["location"]
    wait_for(lambda: ">running<" not in client.get(f"{run}/live").text, "the end of the command", 100)
    text = client.get(run).text
    assert "$ actalker submit nowhere.csv --workspace w" in text
    assert "It was refused." in text
    assert "nowhere.csv" in text and "cannot be read" in text
    assert client_of(root).get(run).status_code == 200  # another run of the page finds it too
    assert run in client_of(root).get("/submit").text


def test_a_manifest_of_the_inbox_is_checked_with_faults_at_their_cells(root: Path, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    path = write_manifest(inbox, {"one": "Hello.", "two": "Hello again."})
    path.write_text(path.read_text().replace("two,p.png", f"two,{EVIL}"))
    client = client_of(root, inbox)
    check = post(client, "/submit/checks", source="inbox", manifest="course.csv").headers["location"]
    wait_for(lambda: "data-every" not in client.get(f"{check}/live").text, "the check", 100)
    text = client.get(check).text
    assert re.search(r'<td class="faulty">&lt;script.*There is no such file.', text)
    assert EVIL not in text and "1 fault" in text and "Render" not in text
    assert post(client, f"{check}/start").status_code == 400
    assert not list(root.glob("uploads/.submitted/*"))


def test_a_sound_manifest_is_estimated_and_can_be_submitted(root: Path, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    write_manifest(inbox, {"one": "Hello.", "two": "Hello again."})
    client = client_of(root, inbox)
    check = post(client, "/submit/checks", source="inbox", manifest="course.csv").headers["location"]
    wait_for(lambda: "data-every" not in client.get(f"{check}/live").text, "the check", 200)
    text = client.get(check).text
    assert "2 rows, no fault." in text and "Render 2 videos" in text
    assert "Video, about" in text and "what a frame costs of" in text
    for field, value in (("preset", "--weights=/x"), ("captions", "../../etc/passwd"), ("quality", "best")):
        assert post(client, f"{check}/start", **{field: value}).status_code == 400
    assert not list(root.glob("uploads/.submitted/*"))


def test_a_batch_that_is_left_to_a_later_run_says_so(tmp_path: Path) -> None:
    root = small(tmp_path, ended=False)
    with Journal(root / "ledger", "course-1") as journal:
        journal.write(BatchSuspended(1, "the window ended at 06:00"))
    text = client_of(root).get(HERE).text
    assert "It is left to a later run: the window ended at 06:00." in text
    assert text.count(">suspended<") == 2  # the batch, and the row that was at work


def test_uploads_have_checked_names_and_limits(client: TestClient, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = {"origin": ACCESS.url, "x-csrf-token": ACCESS.csrf}
    name = client.post("/uploads?name=../My night (2).csv", headers=headers).json()["upload"]
    assert re.fullmatch(r"My-night-2-[0-9a-f]{6}", name)

    def put(path: str, content: bytes = b"x"):
        return client.put(f"/uploads/{name}/{path}", content=content, headers=headers)

    assert put("night.csv", b"id,portrait\n").json() == {"bytes": 12}
    assert put("portraits/m%C3%A4ra.png").status_code == 201
    assert (root / "uploads" / name / "portraits" / "mära.png").read_bytes() == b"x"
    for path in (
        "%2e%2e/x",
        "a/%2e%2e/%2e%2e/x",
        ".hidden",
        "a//b",
        "con:x",
        "a%00b",
        "a/" * 9 + "b",
        "x" * 200,
        "portraits",
    ):
        answer = put(path)
        assert answer.status_code == 400 and answer.json()["remedy"], path
    monkeypatch.setattr(uploads, "MAX_FILE", 10)
    assert "too large" in put("big.png", b"x" * 11).json()["problem"]
    kept = sorted(str(path.relative_to(root / "uploads" / name)) for path in (root / "uploads").rglob("*.*"))
    assert kept == ["night.csv", "portraits/mära.png"]
