import json

import pytest

from lrscope.visible_text import visible


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
