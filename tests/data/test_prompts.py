"""Prompts to be answered, from files with and without replies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lrscope.data.conversations import Turn
from lrscope.data.prompts import read_prompts
from lrscope.errors import DataError

USER, SYSTEM = Turn("user", "What is it?"), Turn("system", "Be brief.")
REPLY = {"role": "assistant", "content": "It is."}
ASKED = {"role": "user", "content": USER.text}


def written(path: Path, row: dict[str, Any]) -> Path:
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("row", "turns"),
    [
        ({"prompt": USER.text}, (USER,)),
        ({"prompt": USER.text, "completion": "It is."}, (USER,)),
        ({"question": USER.text, "system": SYSTEM.text}, (SYSTEM, USER)),
        ({"instruction": "What is", "input": "it?"}, (Turn("user", "What is\n\nit?"),)),
        ({"instruction": "What is it?", "input": "", "output": "It is."}, (USER,)),
        ({"prompt": [ASKED, REPLY, ASKED]}, (USER, Turn("assistant", "It is.", context=True), USER)),
        ({"prompt": [ASKED], "completion": [REPLY]}, (USER,)),
        ({"messages": [ASKED]}, (USER,)),
        ({"messages": [ASKED, REPLY, ASKED, REPLY]}, (USER, Turn("assistant", "It is."), USER)),
        ({"text": USER.text}, (USER,)),
    ],
)
def test_forms(tmp_path: Path, row: dict[str, Any], turns: tuple[Turn, ...]) -> None:
    assert read_prompts(written(tmp_path / "prompts.jsonl", row)) == [turns]


def test_lines_of_a_text_file(tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_text("What is it?\n\nWhat else?\n", encoding="utf-8")
    assert read_prompts(path) == [(USER,), (Turn("user", "What else?"),)]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": "  "}, ":1: a prompt must end with what the user says: got none"),
        ({"messages": [{"role": "system", "content": "Be brief."}]}, ":1: a prompt must end"),
        ({"query": 3.5, "question": "a"}, ":1: an example has one form"),
        ({"other": "a"}, ":1: an example has prompt and completion"),
        ({"prompt": ["a"]}, "must be an object"),
    ],
)
def test_what_is_no_prompt_is_refused_in_one_line(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as error:
        read_prompts(written(tmp_path / "prompts.jsonl", row))
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    (tmp_path / "empty.txt").write_text("\n", encoding="utf-8")
    with pytest.raises(DataError, match="at least one prompt"):
        read_prompts(tmp_path / "empty.txt")
