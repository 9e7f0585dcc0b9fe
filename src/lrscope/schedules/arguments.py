"""The kinds of arguments that shapes take: how each is read from a token, and written back."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from lrscope.errors import ScheduleError
from lrscope.number_text import format_number
from lrscope.schedules.durations import Duration, duration_from, parse_duration, shorten
from lrscope.schedules.levels import RATE_UNIT, Level


class Token(NamedTuple):
    """A piece of a text: kind is "number", "name", "mark" or "end"; `column` is 0-based."""

    kind: str
    text: str
    column: int
    digits: str = ""
    unit: str = ""

    @property
    def number(self) -> float:
        """Return the number that is written.

        Raises:
            ScheduleError: it is beyond what a number can hold.
        """
        number = float(self.digits)
        if math.isinf(number):
            raise ScheduleError(f"a number is beyond range: got {shorten(self.text)}; write a smaller one")
        return number


@dataclass(frozen=True)
class Kind:
    """A kind of argument: `example` shows how it is written, `many` says that it is a list.

    `accept` makes it of what a program may give, such as the text of a duration.
    """

    read: Callable[[Token], Any]
    write: Callable[[Any], str]
    accept: Callable[[Any], Any]
    example: str
    token: str = "number"
    many: bool = False

    def accepted(self, value: Any) -> Any:
        """Return a given value as this kind's own."""
        if not self.many:
            return self.accept(value)
        return tuple(map(self.accept, value if isinstance(value, tuple | list) else (value,)))


def argument(kind: Kind, default: Any = dataclasses.MISSING, *, text: str | None = None, always: bool = False) -> Any:
    """Return a dataclass field that is an argument in the text, under the name `text` where it is not the field's own.

    One that is `always` written shows even where it has its default.
    """
    return dataclasses.field(default=default, metadata={"kind": kind, "text": text, "always": always})


def arguments_of(shape: type) -> dict[str, dataclasses.Field[Any]]:
    """Return a shape's arguments by the name in the text, in the order of the canonical text."""
    fields = {str(item.metadata["text"] or item.name): item for item in dataclasses.fields(shape) if item.metadata}
    first = getattr(shape, "first_argument", "")
    late = ("values", "to", "length", "update")
    order = {name: (name != first, late.index(name) + 1 if name in late else 0) for name in fields}
    return {name: fields[name] for name in sorted(fields, key=order.__getitem__)}


def written(value: Any, name: str, first: str) -> str:
    """Return a shape's canonical text: what differs from the defaults, a length in the first place without its name."""
    texts = []
    for text, item in arguments_of(type(value)).items():
        given = getattr(value, item.name)
        kind: Kind = item.metadata["kind"]
        if given is None or (given == item.default and not item.metadata["always"]):
            continue
        shown = "[" + ", ".join(map(kind.write, given)) + "]" if kind.many else kind.write(given)
        texts.append(shown if text == first == "length" else f"{text}={shown}")
    return f"{name}({', '.join(texts)})" if texts else name


def _plain(token: Token) -> float:
    if token.unit:
        raise ScheduleError(f"a plain number is wanted: got {token.text}; leave {token.unit} out")
    return token.number


def _count(token: Token) -> int:
    value = _plain(token)
    if not value.is_integer():
        raise ScheduleError(f"a whole number is wanted: got {token.text}; write {token.number:.0f}")
    return int(value)


def _level(token: Token) -> Level:
    if token.unit == "%":
        return Level(float(Decimal(token.digits) / 100))
    if token.unit in ("", RATE_UNIT):
        return Level(token.number, "rate" if token.unit else "share")
    raise ScheduleError(
        f"a level is a share of the peak or a rate: got {token.text}; write 0.01 or 1%, or 1e-6lr for a rate"
    )


def _start_level(token: Token) -> Level:
    # People give the rate that a warmup starts from, where they give a share of a floor.
    return _level(token._replace(unit=token.unit or RATE_UNIT))


def _write_start(value: Level) -> str:
    return value.percent if value.kind == "share" and value.value else str(value)


def _as_duration(value: Duration | str) -> Duration:
    return parse_duration(value) if isinstance(value, str) else value


def _as_level(value: Level | float) -> Level:
    return value if isinstance(value, Level) else Level(value)


DURATION = Kind(lambda token: duration_from(token.number, token.unit, token.text), str, _as_duration, "2ep")
DURATIONS = Kind(DURATION.read, str, _as_duration, "[2ep, 4ep]", many=True)
NUMBER = Kind(_plain, format_number, float, "0.1")
COUNT = Kind(_count, str, int, "2")
LEVEL = Kind(_level, str, _as_level, "0.01")
LEVELS = Kind(_level, str, _as_level, "[1, 0.5, 0]", many=True)
START = Kind(_start_level, _write_start, _as_level, "1e-6")


def word(*choices: str) -> Kind:
    """Return the kind of argument that is one of a few words."""

    def read(token: Token) -> str:
        if token.text not in choices:
            raise ScheduleError(f"one of {', '.join(choices)} is wanted: got {token.text!r}; write {choices[0]}")
        return token.text

    return Kind(read, str, str, choices[0], token="name")
