"""Every file and command of docs/start.md, as they stand, one after another in an empty folder."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

import pytest

from tests.conftest import Cli

PAGE = (Path(__file__).parents[1] / "docs" / "start.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w*)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.mark.slow
def test_the_page_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "src"))
    shown, ran = "", []
    for language, title, text in BLOCK.findall(PAGE):
        if title:
            Path(title).write_text(text, encoding="utf-8")
        elif language == "text":
            assert [line for line in text.splitlines() if line not in shown] == []
        elif language == "sh":
            shown = ""
            for line in text.splitlines():
                program, *arguments = shlex.split(line)
                code, out, error = cli(*arguments)
                assert (program, code) == ("lrscope", 0), error
                shown += out
                ran.append(arguments[0])
        else:
            assert text.startswith("pip install"), "installing is what test_distribution does"
    assert ran == ["prior", "report", "sweep", "sweep", "report", "schedule", "demo", "list"]
    assert [name for name in ("demo", "log", "mine") if not (tmp_path / "runs" / name / "report.html").is_file()] == []
    assert "lr 1, accuracy" in shown
