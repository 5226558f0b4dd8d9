"""The automation of the runbook, on a real Prefect server: a batch that fails sends a message.

pytest -m slow tests/test_automation.py
"""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.course import ROOT, actalker, finished, wait_for, write_manifest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

BLOCK = """
import sys
from prefect.blocks.notifications import CustomWebhookNotificationBlock
block = CustomWebhookNotificationBlock(
    name="hook", url=sys.argv[1], method="POST", json_data={"subject": "{{subject}}", "text": "{{body}}"}
)
print(block.save("hook"))
"""


def test_a_batch_that_fails_sends_a_message(tmp_path: Path, prefect_server: str) -> None:
    messages: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    environment = {**os.environ, "PREFECT_API_URL": prefect_server}

    def run(*arguments: str) -> str:
        command = [sys.executable, *arguments]
        return subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True, text=True).stdout

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        block = run("-c", BLOCK, f"http://127.0.0.1:{server.server_port}/").split()[-1]
        text = (ROOT / "infra" / "automation.yaml").read_text().replace("BLOCK_ID", block)
        (tmp_path / "automation.yaml").write_text(text)
        run("-m", "prefect", "automation", "create", "--from-file", str(tmp_path / "automation.yaml"))
        manifest = write_manifest(
            tmp_path, {"a": "The night batch renders every lesson that the team has written down."}
        )
        other = "Bananas, seventeen kangaroos, and purple umbrellas."
        code, output = finished(actalker("say", other, "--voice", "en-us", "-o", tmp_path / "a.wav"))
        assert code == 0, output
        head, row = manifest.read_text().splitlines()
        manifest.write_text(f"{head},audio\n{row},a.wav")
        arguments = ("submit", manifest, "--workspace", tmp_path / "w", "--preset", "still")
        code, output = finished(actalker(*arguments, api=prefect_server))
        assert code == 3, output
        wait_for(lambda: messages, "the message", 60)
        server.shutdown()
    assert "1 of 1 rows failed: a" in messages[0]["text"]
