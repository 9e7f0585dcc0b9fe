"""Files of conversations: every form in every container, held to one form a file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from lrscope.data.conversation_forms import Form, form_of
from lrscope.data.conversation_rows import object_rows
from lrscope.data.conversations import Conversation, check_turns
from lrscope.errors import DataError


def read_conversations(path: Path) -> list[Conversation]:
    """Read a file of conversations: JSON, JSONL, Parquet, CSV, TSV or text, in one of the forms.

    Raises:
        DataError: the file is missing, empty, not UTF-8, mixes forms, or is wrong on a line.
    """
    conversations: list[Conversation] = []
    forms: dict[tuple[str, ...], Form] = {}
    first: tuple[Form, int] | None = None
    for number, (line, row) in enumerate(object_rows(path), start=1):
        is_beside = bool(conversations) and conversations[-1].line == line
        where = Conversation((), line, number if is_beside else None).where(path)
        keys = tuple(row)
        form = forms.get(keys) or forms.setdefault(keys, _form_of(keys, where, first))
        first = first or (form, line)
        if form != first[0]:
            raise DataError(
                f"{where}: all examples of a file have one form, {first[0].described} as on line {first[1]}: got "
                f"{form.described}; convert them, or keep two files"
            )
        turns = form.read(row, where)
        if form.name != "text":
            check_turns(turns, where)
        elif not turns[0].text.strip():
            raise DataError(f"{where}: a text must not be empty; remove the line or write its text")
        conversations.append(Conversation(tuple(turns), line))
    if not conversations:
        raise DataError(f"{path} must hold at least one example: got an empty file; name another")
    on_line = Counter(item.line for item in conversations)
    return [
        item if on_line[item.line] == 1 else item._replace(number=number)
        for number, item in enumerate(conversations, start=1)
    ]


def _form_of(keys: tuple[str, ...], where: str, first: tuple[Form, int] | None) -> Form:
    """Return the form of a row; of one without any, say which part of the file's form it lacks.

    Raises:
        DataError: it has none, or more than one.
    """
    try:
        return form_of(keys, where)
    except DataError as error:
        lacking = [] if first is None else [key for key in first[0].keys if key not in keys]
        if first is None or not 0 < len(lacking) < len(first[0].keys):
            raise
        form, line = first
        raise DataError(
            f"{where}: all examples of a file have one form, {form.described} as on line {line}: got no "
            f"{' and no '.join(lacking)}; add it or remove the example"
        ) from error
