"""How far work is that is no training: examples and answers of a trained model, and logs that are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from lrscope.runs.importers import console_lines
from lrscope.runs.reading import told_to
from lrscope.runs.sources import read_runs
from lrscope.terminal.live import Live
from lrscope.workflows.callbacks import ItemsDone


def test_a_line_comes_now_and_then(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("lrscope.terminal.items_progress.monotonic", lambda: now)
    live = Live(quiet=False)
    for number in range(0, 1001, 10):
        live.show(ItemsDone("examples", number, 1000))
        now += 1.0
    live.close(None, None, None)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "examples 100/1,000  about 2 min left"
    assert 5 <= len(lines) <= 10
    assert not any("1,000/1,000" in line for line in lines), "what is done has a result"


def test_quick_work_and_json_are_silent(capsys: pytest.CaptureFixture[str]) -> None:
    for live in (Live(quiet=False), Live(quiet=True)):
        for number in range(10):
            live.show(ItemsDone("examples", number, 10))
        live.close(None, None, None)
    assert capsys.readouterr() == ("", "")


def test_reading_is_told_in_bytes_over_all_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console_lines, "_CHUNK", 100)
    for name, loss in (("a", 1.5), ("b", 1.25)):
        lines = [f"epoch {epoch}: train loss 2.0, val loss {loss + 0.5 / epoch:.3f}\n" for epoch in range(1, 9)]
        (tmp_path / f"{name}.log").write_text(f"# lr 1e-{len(lines)}\n" + "".join(lines), encoding="utf-8")
    paths = [tmp_path / "a.log", tmp_path / "b.log"]
    told: list[tuple[int, int]] = []
    with told_to(lambda done, total: told.append((done, total))):
        read_runs(paths, {"dev": 100})
    whole = sum(path.stat().st_size for path in paths)
    assert {total for _, total in told} == {whole}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (whole, whole)
    assert len(told) > 6
    told.clear()
    read_runs(paths, {"dev": 100})
    assert told == [], "nobody asked"
