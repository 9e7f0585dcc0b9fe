"""Every block of docs/python.md runs as it stands, one after another."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.filterwarnings("ignore")
def test_the_blocks_of_the_page_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "python.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 8
    names: dict[str, object] = {"__name__": "page"}
    for number, block in enumerate(blocks, start=1):
        exec(compile(block, f"block {number}", "exec"), names)
    assert names["tuned"].failures == {}  # type: ignore[attr-defined]
    assert names["found"].conclusions.recommended_rate == pytest.approx(3e-4, rel=0.2)  # type: ignore[attr-defined]
    said = capsys.readouterr().out
    assert "Use lr" in said
    assert "ValueError: this rate is too large for me (block 2:3)" in said
    assert (tmp_path / "runs" / "bags" / "report.html").is_file()
    assert not (tmp_path / "runs" / "trainer" / "trials" / "0001" / "out").exists()  # keep="none"
