"""`actalker serve` as a process: it prints its link, answers there, and ends with Ctrl-C."""

import signal
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from flows.web import serve
from tasks.errors import BadInput
from tests.flows.web.workspaces import served, small


def test_the_link_that_it_prints_opens_the_page(tmp_path: Path) -> None:
    with served(small(tmp_path)) as (command, link):
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with opener.open(link, timeout=60) as answer:
            assert "token" not in answer.url
            assert b"course-1" in answer.read()
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(link.partition("?")[0], timeout=60)
        command.send_signal(signal.SIGINT)
        output, _ = command.communicate(timeout=60)
        assert "token" not in output and "Traceback" not in output


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(BadInput, match="cannot be listened on"):
        serve._socket("127.0.0.1", taken.getsockname()[1])
