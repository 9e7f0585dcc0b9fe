"""Prompts to be answered: the lines of a text file, or what precedes the last reply in a file of conversations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lrscope.data.conversation_forms import COMPLETIONS, PROMPTS, TURN_LISTS, form_of
from lrscope.data.conversation_rows import object_rows
from lrscope.data.conversations import ASSISTANT, TEXT, USER, Turn
from lrscope.errors import DataError


def read_prompts(path: Path) -> list[tuple[Turn, ...]]:
    """Read turns that end with a user's, in the file's order; replies may be there or not.

    Raises:
        DataError: the file cannot be read, or a row has no prompt.
    """
    prompts = []
    for line, row in object_rows(path):
        where = f"{path}:{line}"
        turns = [turn._replace(role=USER) if turn.role == TEXT else turn for turn in _turns(row, where)]
        while turns and turns[-1].role == ASSISTANT:
            turns.pop()
        if not turns or turns[-1].role != USER or not turns[-1].text.strip():
            raise DataError(f"{where}: a prompt must end with what the user says: got none; write it or remove it")
        prompts.append(tuple(turns))
    if not prompts:
        raise DataError(f"{path} must hold at least one prompt: got an empty file; write one a line")
    return prompts


def _turns(row: dict[str, Any], where: str) -> list[Turn]:
    """Return the turns of a row, which may lack a completion."""
    given = [row[key] for key in PROMPTS if key in row]
    if given and not any(key in row for key in (*COMPLETIONS, *TURN_LISTS)):
        reply = "output" if "instruction" in row else "completion"
        row = {**row, reply: [] if any(isinstance(value, list) for value in given) else "-"}
    return form_of(tuple(row), where).read(row, where)
