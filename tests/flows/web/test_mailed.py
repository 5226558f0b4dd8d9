"""A batch as one file: it holds everything, and refers to nothing but its videos."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from flows.cli import main
from flows.web.mailed import write_report
from tests.flows.web.workspaces import EVIL, small


def test_a_batch_as_one_file(tmp_path: Path) -> None:
    root = small(tmp_path)
    written = write_report(root, "course-1")
    assert written == root / "videos" / "course-1" / "report.html"
    text = written.read_text()
    for says in ("course-1", "4 of 5 rows done", "has no face", "Retry it.", "50 %"):
        assert says in text, says
    assert text.count('src="data:image/jpeg;base64,') == 4
    assert len(text) < 60_000
    links = re.findall(r'href="([^"]*)"', text)
    assert len(links) == 4
    assert all((written.parent / unquote(link)).is_file() for link in links)
    assert EVIL not in text and "<script" not in text and "http://" not in text and "https://" not in text
    assert "url(" not in text and "@import" not in text


def test_links_lead_from_where_the_file_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = small(tmp_path / "workspace")
    target = tmp_path / "mail" / "night.html"
    monkeypatch.setattr("sys.argv", ["actalker", "report", "cour", "--workspace", str(root), "-o", str(target)])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    assert str(target) in capsys.readouterr().out
    links = re.findall(r'href="([^"]*)"', target.read_text())
    assert links and all((target.parent / unquote(link)).resolve().is_file() for link in links)
