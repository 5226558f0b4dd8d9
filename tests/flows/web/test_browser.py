"""The page in a real browser: what it looks like, who can use it, and how long it takes. Needs Debian's chromium.

make test-browser; ACTALKER_SHOTS=DIR keeps the screenshots.
"""

import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from flows.web.app import create_app
from flows.web.guard import Access
from flows.web.mailed import write_report
from flows.web.site import Site
from tasks.records.follow import report
from tasks.records.journal import Journal
from tasks.records.reviews import reviews_of
from tests.course import actalker, events, finished, wait_for, write_manifest
from tests.flows.web.workspaces import large, small
from tests.test_steering import manifest_of

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]

WIDTHS = {1280: 900, 390: 844}
SCRIPT = "# Begin\n\nThis is the first sentence. This is the second one.\n\n# Go on\n\nAnd this is the third.\n"


@contextmanager
def served(root: Path, inbox: Path | None = None) -> Iterator[Access]:
    """The page of a workspace, at a port of its own."""
    listening = socket.create_server(("127.0.0.1", 0))
    access = Access("a-token-for-this-test", listening.getsockname()[1])
    server = uvicorn.Server(uvicorn.Config(create_app(Site(root, access, inbox)), log_level="warning"))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    yield access
    server.should_exit = True
    thread.join(timeout=20)
    listening.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    assert chromium, "this test needs a browser: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a batch of two videos that was really rendered, one that failed in part, and what is around."""
    folder = tmp_path_factory.mktemp("course")
    manifest = write_manifest(folder, {"lesson-1": SCRIPT, "lesson-2": SCRIPT.replace("third", "last")})
    root = folder / "workspace"
    command = actalker("submit", manifest, "--workspace", root, "--preset", "still", "--actors", "1")
    code, output = finished(command, limit_s=900)
    assert code == 0, output
    small(root, "night-1", ended=False)
    inbox = folder / "inbox"
    (inbox / "refused").mkdir(parents=True)
    (inbox / "refused" / "old.csv.txt").write_text("row 4: there is no such file\n")
    shutil.copytree(folder, inbox, dirs_exist_ok=True, ignore=shutil.ignore_patterns("workspace", "inbox"))
    bad = (
        (inbox / "course.csv")
        .read_text()
        .replace("lesson-2.md", "lesson-9.md")
        .replace("lesson-2,p.png", "lesson-2,q.png")
    )
    (inbox / "faulty.csv").write_text(bad)
    return root


@pytest.fixture(scope="module")
def site(course: Path) -> Iterator[Access]:
    with served(course, course.parent / "inbox") as access, Journal(course / "ledger", "night-1"):
        yield access


@pytest.fixture
def context(browser: Browser, site: Access) -> Iterator[BrowserContext]:
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        context.set_default_timeout(60_000)
        yield context


@pytest.fixture
def page(context: BrowserContext, site: Access) -> Page:
    """A page that the link has opened. An error in its console fails the test."""
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.on("console", lambda line: line.type == "error" and "404" not in line.text and pytest.fail(line.text))
    page.goto(site.link)
    assert "token" not in page.url
    return page


def shoot(page: Page, name: str) -> None:
    if folder := os.environ.get("ACTALKER_SHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def until(page: Page, expression: str) -> None:
    """Wait until something is true in the page. Playwright's own waiting needs eval, which the page forbids."""
    wait_for(lambda: page.evaluate(f"Boolean({expression})"), expression, 60)


def batch_of(course: Path) -> str:
    return next(path.name for path in (course / "videos").iterdir() if path.name.startswith("course-"))


def check_manifest_in_inbox(page: Page, site: Access, name: str) -> None:
    page.goto(f"{site.url}/submit")
    page.get_by_role("button", name=f"Check {name}", exact=True).click()
    page.locator("#sheet-title").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_fits_and_has_no_fault_of_accessibility(
    browser: Browser, site: Access, course: Path, width: int, scheme: str
) -> None:
    batch = batch_of(course)
    paths = {
        "batches": "/",
        "batch": f"/batches/{batch}",
        "batch-running": "/batches/night-1",
        "batch-none": f"/batches/{batch}?q=nothing",
        "video": f"/batches/{batch}/rows/lesson-1",
        "row-failed": "/batches/night-1/rows/bad%20portrait",
        "row-waits": "/batches/night-1/rows/lesson-3",
        "log": f"/batches/{batch}/log",
        "submit": "/submit",
        "workers": "/workers",
        "schedule": "/schedule",
        "missing": "/nothing",
    }
    problems = []
    with browser.new_context(viewport={"width": width, "height": WIDTHS[width]}, color_scheme=scheme) as context:
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.goto(site.link)

        def look(name: str) -> None:
            shoot(page, f"{name}-{width}-{scheme}")
            if (over := page.evaluate("document.documentElement.scrollWidth - innerWidth")) > 0:
                problems.append(f"{name}: {over} px too wide")
            checked = Axe().run(page).response
            assert len(checked["passes"]) > 8, f"{name}: hardly anything was checked"
            found = checked["violations"]
            problems.extend(
                f"{name}: {one['id']}: {one['nodes'][0]['html'][:150]} {one['nodes'][0]['failureSummary'][:200]}"
                for one in found
            )

        for name, path in paths.items():
            page.goto(f"{site.url}{path}")
            look(name)
        for name in ("course.csv", "faulty.csv"):
            check_manifest_in_inbox(page, site, name)
            look(f"check-{name.removesuffix('.csv')}")
        page.goto(write_report(course, "night-1").as_uri())
        look("report")
        page.goto(f"{site.url}/")
        context.clear_cookies()
        page.goto(f"{site.url}/")
        look("refused")
    assert not problems, "\n".join(problems)


def test_a_batch_that_renders_is_steered_from_the_page(browser: Browser, tmp_path: Path) -> None:
    manifest, workspace = manifest_of(tmp_path, "was", "has", "had", "did"), tmp_path / "w"
    arguments = ("submit", manifest, "--workspace", workspace, "--preset", "still", "--actors", "1")
    command = actalker(*arguments, program=("-m", "tests.slow"), own_group=True)
    wait_for(lambda: len(events(workspace, "AttemptStarted")) > 1, "the first segments")
    batch = next((workspace / "batches").iterdir()).name

    def states() -> set[str]:
        return {row.state for row in report(workspace, batch).rows.values()}

    with served(workspace) as access, browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(access.link)
        page.get_by_label("Your name, for orders and reviews").fill("Ann")
        page.get_by_role("button", name="Keep").click()
        page.goto(f"{access.url}/batches/{batch}")
        page.get_by_role("button", name="Pause", exact=True).click()
        until(page, "document.querySelector('#batch .progress-line')?.textContent.includes('paused')")
        page.get_by_label("Select had").check()
        page.locator("h1").click()  # what has the focus is not exchanged
        until(page, "document.getElementById('rows')?.textContent.includes('pausing') === false")  # by itself
        assert page.get_by_label("Select had").is_checked()
        shoot(page, "steer-paused")
        page.get_by_text("Skip or cancel").click()
        page.get_by_label("Reason").fill("no longer wanted")
        page.get_by_role("button", name="Skip selected rows").click()
        wait_for(lambda: "skipped" in states(), "the skipped row")
        page.get_by_label("Select did").check()
        page.get_by_text("Skip or cancel").click()
        page.get_by_role("button", name="Cancel", exact=True).click()
        wait_for(lambda: "cancelled" in states(), "the cancelled row")
        until(page, "document.getElementById('rows')?.textContent.includes('cancelled')")
        shoot(page, "steer-cancelled")
        page.get_by_role("button", name="Resume", exact=True).click()
        code, output = finished(command)
        assert code == 3, output  # a row was cancelled
        page.goto(f"{access.url}/batches/{batch}")
        until(page, "document.querySelector('#batch .progress-line')?.textContent.includes('incomplete')")
        shoot(page, "steer-ended")
    rows = report(workspace, batch).rows
    assert {name: row.state for name, row in rows.items()} == {
        "was": "done",
        "has": "done",
        "had": "skipped",
        "did": "cancelled",
    }
    taken = [event["order"] for event in events(workspace, "OrderTaken")]
    assert [order["kind"] for order in taken] == ["pause", "skip", "cancel", "resume"]
    assert {order["who"] for order in taken} == {"Ann, page"}


def test_a_review_by_keyboard_alone(page: Page, site: Access, course: Path) -> None:
    batch = batch_of(course)
    page.goto(f"{site.url}/batches/{batch}")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.goto(f"{site.url}/batches/{batch}/rows/lesson-1")
    until(page, "document.getElementById('player').readyState >= 2")
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#keys").is_visible()
    page.evaluate("document.getElementById('player').loop = true")  # it must not end while a slow machine looks away
    page.keyboard.press("Space")
    until(page, "document.getElementById('player').currentTime > 0.3")
    until(page, "document.querySelector('#script .spoken')")
    assert not page.evaluate("document.getElementById('player').paused")
    page.keyboard.press("Space")
    until(page, "document.getElementById('player').paused")
    page.keyboard.press("j")
    page.wait_for_url("**/rows/lesson-2")
    page.keyboard.press("k")
    page.wait_for_url("**/rows/lesson-1")
    page.keyboard.press("a")
    page.wait_for_url("**/rows/lesson-2?reviewed=approve")
    page.keyboard.press("r")
    assert page.evaluate("document.activeElement.id") == "reason"
    page.keyboard.type("a joint is rough")  # letters in a field are no orders
    page.keyboard.press("Enter")
    page.wait_for_url("**?reviewed=reject")
    assert [(one.job_id, one.decision, one.reason) for one in reviews_of(course, batch)] == [
        ("lesson-1", "approve", ""),
        ("lesson-2", "reject", "a joint is rough"),
    ]


def test_words_chapters_and_segments_lead_the_player(page: Page, site: Access, course: Path) -> None:
    page.goto(f"{site.url}/batches/{batch_of(course)}/rows/lesson-1")
    until(page, "document.getElementById('player').readyState >= 2")
    assert page.evaluate("document.getElementById('player').textTracks[0].cues.length") > 0
    word = page.locator("#script span").nth(9)
    word.click()
    until(page, "document.querySelector('#script .spoken')")
    assert page.locator("#script .spoken").inner_text() == word.inner_text()
    page.locator(".chapters button").nth(1).click()
    until(page, "document.getElementById('player').currentTime > 1.9")
    last = page.locator("#strip rect").last
    last.click(force=True)
    assert page.locator("#segment").input_value() == last.get_attribute("data-part")
    until(page, "document.getElementById('playhead').style.left.length > 3")


def test_a_running_batch_changes_by_itself_and_is_steered(page: Page, site: Access, course: Path) -> None:
    page.goto(f"{site.url}/batches/night-1")
    assert page.locator("#batch .state").first.inner_text() == "running"
    page.get_by_label("Select lesson-3").check()
    assert page.locator("[data-selected]").inner_text() == "1 selected row."
    page.get_by_role("button", name="Pause").click()
    page.wait_for_url("**order=*")
    assert "pause of lesson-3 by page: not obeyed yet" in page.locator("[role=status]").inner_text()
    (course / "batches" / "night-1" / "orders.jsonl").unlink()
    until(page, "!document.querySelector('#batch [role=status]')")  # the page has looked again


def test_it_works_without_javascript(browser: Browser, site: Access, course: Path) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(site.link)
        page.goto(f"{site.url}/batches/night-1?show=failed")
        assert page.locator("tbody tr").count() == 1
        page.get_by_text("bad portrait").click()
        page.get_by_label("Reason").fill("no face in it")
        page.get_by_role("button", name="Skip this row").click()
        page.wait_for_url("**order=*")
        assert "skip of bad portrait by page: no face in it" in page.content()
        (course / "batches" / "night-1" / "orders.jsonl").unlink()


def test_a_manifest_is_uploaded_and_submitted(page: Page, site: Access, course: Path) -> None:
    files = [course.parent / name for name in ("course.csv", "p.png", "lesson-1.md", "lesson-2.md")]
    page.goto(f"{site.url}/submit")
    page.locator("#pick-files").set_input_files(files[:-1])
    page.locator(".faulty").wait_for()
    assert "There is no such file." in page.locator(".faulty").inner_text()
    page.goto(f"{site.url}/submit")
    page.locator("#pick-files").set_input_files(files)
    page.locator("#sheet-title").wait_for()
    assert "2 rows, no fault." in page.content()
    page.get_by_label("Preset").select_option("still")
    page.get_by_role("button", name="Render 2 videos").click()
    page.wait_for_url("**/submit/runs/**")
    shoot(page, "run-1280-light")
    (log,) = (course / "uploads" / ".submitted").glob("*/log.txt")
    wait_for(lambda: "Ledger:" in log.read_text() or "Refused" in log.read_text(), "the end of the batch", 300)
    page.get_by_text("Every row is done.").wait_for()
    page.get_by_role("link", name="Batch course-").click()  # the same content: every row is found
    assert "/batches/course-" in page.url


def test_five_hundred_rows_open_in_time(browser: Browser, tmp_path: Path) -> None:
    with served(large(tmp_path)) as access, browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.goto(access.link)
        page.goto(f"{access.url}/batches/night-500")  # reads the journal
        took = []
        for _ in range(3):
            began = time.monotonic()
            page.goto(f"{access.url}/batches/night-500", wait_until="load")
            page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            took.append(time.monotonic() - began)
        assert page.locator("tbody tr").count() == 500
        shift = page.evaluate(
            "new Promise(done => { let sum = 0; new PerformanceObserver(list => list.getEntries()"
            ".forEach(entry => sum += entry.value)).observe({type: 'layout-shift', buffered: true});"
            " scrollTo(0, 9000); setTimeout(() => done(sum), 800); })"
        )
        print(f"500 rows: {min(took):.2f} s, layout shift {shift:.3f}")
        shoot(page, "large-1280-light")
        assert shift < 0.1
        assert min(took) < 1.5, took
