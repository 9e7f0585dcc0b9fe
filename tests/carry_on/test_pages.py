"""The pages that say how to carry on: each is followed in a copy of the project, and what it adds is used."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.carry_on.steps import ROOT, blocks_of, changed, copy_project, numbered_steps, take

PAGES = {
    "add-a-task": ["grade error"],
    "add-a-finding": ['"small-dev-set"'],
    "add-a-format": ["Use lr 1e-3"],
    "add-a-schedule": ["warmup(10%) > smoothstep(to=0.1)", "no problems found over 535 steps"],
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_about_a_dozen_steps_in_order(name: str) -> None:
    steps = numbered_steps(ROOT / "docs" / f"{name}.md")
    assert steps == list(range(1, len(steps) + 1))
    assert 8 <= len(steps) <= 14


@pytest.mark.parametrize("name", PAGES)
def test_the_lines_that_a_page_changes_are_those_of_the_code(name: str) -> None:
    # Fast, so that whoever changes the code hears of the page at once; the whole page is followed below.
    texts: dict[str, str] = {}
    for block in blocks_of(ROOT / "docs" / f"{name}.md"):
        if block.language == "diff":
            text = texts.get(block.file) or (ROOT / block.file).read_text(encoding="utf-8")
            texts[block.file] = changed(text, block.text)
    assert texts


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_followed(name: str, tmp_path: Path) -> None:
    copy_project(tmp_path)
    printed = "\n".join(take(ROOT / "docs" / f"{name}.md", tmp_path))
    for shown in PAGES[name]:
        assert shown in printed
