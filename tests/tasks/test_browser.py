"""The finished video in a real browser: it plays and shows its captions. Needs Debian's chromium.

make test-browser
"""

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tasks.job import Finished
from tests.tasks.media_samples import read_number
from tests.tasks.test_assemble import make

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><meta charset="utf-8">
<style>body { margin: 0; background: #222 } video { width: 512px; height: 512px }</style>
<video id="v" muted preload="auto" src="video.mp4">
  <track default kind="captions" srclang="de" src="captions.vtt">
</video>"""


class Ranges(http.server.SimpleHTTPRequestHandler):
    """A quiet file server that answers range requests: without them, a browser cannot seek."""

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        if asked is None:
            return super().do_GET()
        data = Path(self.translate_path(self.path)).read_bytes()
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start, end = int(first), min(int(last) if last else len(data) - 1, len(data) - 1)
        self.send_response(206)
        self.send_header("Content-Type", self.guess_type(self.path))
        self.send_header("Content-Range", f"bytes {start}-{end}/{len(data)}")
        self.send_header("Content-Length", str(end - start + 1))
        self.end_headers()
        self.wfile.write(data[start : end + 1])
        return None


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("work")
    return make(folder / "work", folder / "site", width=512, height=512)


@pytest.fixture(scope="module")
def page(finished: Finished) -> Iterator[Page]:
    chromium = shutil.which("chromium")
    assert chromium, "this test needs a browser: apt-get install chromium"
    site = finished.files["mp4"].parent
    shutil.copyfile(finished.files["mp4"], site / "video.mp4")
    shutil.copyfile(finished.files["vtt"], site / "captions.vtt")
    (site / "index.html").write_text(PAGE, encoding="utf-8")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Ranges, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 512, "height": 512})
        page.goto(f"http://127.0.0.1:{server.server_port}/index.html")
        page.wait_for_function("document.getElementById('v').readyState >= 3", timeout=60_000)
        yield page
        browser.close()
    server.shutdown()
    server.server_close()


def at(page: Page, seconds: float) -> Image.Image:
    """What the browser shows at a moment."""
    page.evaluate(
        "t => new Promise(done => { v.onseeked = () => requestAnimationFrame(() => requestAnimationFrame(done));"
        " v.currentTime = t; })",
        seconds,
    )
    return Image.open(BytesIO(page.screenshot())).convert("RGB")


def test_the_browser_knows_its_length_and_its_size(page: Page, finished: Finished) -> None:
    assert abs(page.evaluate("v.duration") - finished.frames / 25) < 0.001
    assert page.evaluate("[v.videoWidth, v.videoHeight]") == [512, 512]
    assert page.evaluate("v.error") is None


def test_it_shows_the_frame_of_the_moment(page: Page, finished: Finished) -> None:
    page.evaluate("v.textTracks[0].mode = 'hidden'")
    for number in (0, 31, finished.frames - 1):
        assert read_number(np.asarray(at(page, (number + 0.5) / 25))) == number


def test_its_captions_are_shown_on_time(page: Page, finished: Finished, tmp_path: Path) -> None:
    page.evaluate("v.textTracks[0].mode = 'hidden'")
    without = np.asarray(at(page, 1.0)).astype(int)
    page.evaluate("v.textTracks[0].mode = 'showing'")
    picture = at(page, 1.0)
    picture.save(tmp_path / "captions.png")
    cues = page.evaluate("[...v.textTracks[0].activeCues].map(cue => cue.text)")
    assert cues and cues[0].startswith("Grüße aus München")
    changed = np.abs(np.asarray(picture).astype(int) - without).max(axis=2) > 60
    assert changed[300:].sum() > 500, "the captions are not to be seen"
    assert changed[:256].sum() == 0


def test_it_plays(page: Page) -> None:
    at(page, 0.5)
    page.evaluate("v.play()")
    page.wait_for_function("v.currentTime > 1.2", timeout=20_000)
    page.evaluate("v.pause()")
    assert page.evaluate("v.getVideoPlaybackQuality().totalVideoFrames") > 5
