"""A schedule's text, cut into tokens."""

from __future__ import annotations

import re

from lrscope.errors import ScheduleError
from lrscope.schedules.arguments import Token

LONGEST = 2000
_TOKEN = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(?P<unit>%|[A-Za-z]+)?"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_-]*)|(?P<mark>[(),=>*\[\]])"
)


def cut(text: str) -> list[Token]:
    """Return the tokens of a text, the last one of the kind "end".

    Raises:
        ScheduleError: a character belongs to none, or the text is too long.
    """
    if len(text) > LONGEST:
        raise ScheduleError(f"a schedule has at most {LONGEST} characters: got {len(text)}; shorten it", LONGEST)
    tokens, place = [], 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        match = _TOKEN.match(text, place)
        if match is None:
            hint = "put the unit right after its number, as in 6%" if text[place] == "%" else "leave it out"
            raise ScheduleError(f"unexpected {text[place]!r} at column {place + 1} of {shown(text)}; {hint}", place)
        kind = match.lastgroup if match["number"] is None else "number"
        tokens.append(Token(str(kind), match[0], place, match["number"] or "", match["unit"] or ""))
        place = match.end()
    return [*tokens, Token("end", "", len(text))]


def shown(text: str) -> str:
    """Return a text for a message."""
    return repr(text if len(text) <= 80 else text[:77] + "...")
