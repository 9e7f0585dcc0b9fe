"""A schedule's text, cut into tokens."""

from __future__ import annotations

import re

from lrscope.errors import ScheduleError
from lrscope.schedules.arguments import Token

MAX_LENGTH = 2000
_TOKEN = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(?P<unit>%|[A-Za-z]+)?"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_-]*)|(?P<mark>[(),=>*\[\]])"
)


def is_name(text: str) -> bool:
    """Return whether a text is one name, such as `linear`."""
    match = _TOKEN.fullmatch(text)
    return match is not None and match["name"] is not None


def cut(text: str) -> list[Token]:
    """Return the tokens of a text, the last one of the kind "end".

    Raises:
        ScheduleError: a character belongs to none, or the text is too long.
    """
    if len(text) > MAX_LENGTH:
        raise ScheduleError(f"a schedule has at most {MAX_LENGTH} characters: got {len(text)}; shorten it", MAX_LENGTH)
    tokens, column = [], 0
    while column < len(text):
        if text[column].isspace():
            column += 1
            continue
        match = _TOKEN.match(text, column)
        if match is None:
            hint = "put the unit right after its number, as in 6%" if text[column] == "%" else "leave it out"
            raise ScheduleError(f"unexpected {text[column]!r} at column {column + 1} of {shown(text)}; {hint}", column)
        kind = match.lastgroup if match["number"] is None else "number"
        tokens.append(Token(str(kind), match[0], column, match["number"] or "", match["unit"] or ""))
        column = match.end()
    return [*tokens, Token("end", "", len(text))]


def shown(text: str) -> str:
    """Return a text for a message."""
    return repr(text if len(text) <= 80 else text[:77] + "...")
