import json

import pytest

from lrscope.visible_text import as_cell, visible


@pytest.mark.parametrize(
    "acts", ["\x1b]0;owned\x07", "\x9b2J", "\r", "\x7f", "a\u202eb", "\u2066", "\u061c", "\udc80", "\x00"]
)
def test_what_steers_a_terminal_is_shown(acts: str) -> None:
    shown = visible(f"label {acts} end")
    assert shown.isprintable()
    assert "\\u" in shown
    shown.encode()


def test_what_people_write_is_kept() -> None:
    text = "é 中文 😀 👩‍👩‍👧\tdev acc\n▁▂▃"
    assert visible(text) == text


def test_json_stays_json() -> None:
    value = {"label": "a\x9b\u202e\x1b"}
    assert json.loads(visible(json.dumps(value, ensure_ascii=False))) == value


@pytest.mark.parametrize("text", ["=1+1", "@sum(a1)", "+cmd|' /C calc'!A0", "-2+3", "=", "-1e-3x"])
def test_formulas_are_defused(text: str) -> None:
    assert as_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-1", "+3", "-1e-3", "-0.5", "good", "a=b", ""])
def test_numbers_and_words_are_left(text: str) -> None:
    assert as_cell(text) == text
