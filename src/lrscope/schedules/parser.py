"""Schedules from text. Nothing is evaluated: a text is cut into tokens, and each shape knows its arguments.

schedule = [ "warmup" "(" duration ")" ">" ] shape
shape    = name [ "(" argument { "," argument } ")" ]
argument = [ name "=" ] number [ unit ]
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from lrscope.errors import ScheduleError
from lrscope.schedules.durations import Duration, duration_from
from lrscope.schedules.schedule import Schedule
from lrscope.schedules.shapes import Constant, Cosine, Linear, Shape, Step

_TOKEN = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(?P<unit>%|[A-Za-z]+)?"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_-]*)|(?P<mark>[(),=>])"
)
LONGEST = 2000


class Token(NamedTuple):
    """A piece of the text: kind is "number", "name", "mark" or "end"; `column` is 0-based."""

    kind: str
    text: str
    column: int
    number: float = 0.0
    unit: str = ""


@dataclass(frozen=True)
class Call:
    """A name with its arguments, in the order written; a positional one has the name ""."""

    name: Token
    arguments: tuple[tuple[str, Token], ...]


def parse(text: str) -> Schedule:
    """Return the schedule that a text names.

    Raises:
        ScheduleError: it names none; the message points at the column, and `column` holds it.

    >>> parse("cosin")
    Traceback (most recent call last):
    ...
    lrscope.errors.ScheduleError: unknown schedule 'cosin' at column 1 of 'cosin'; did you mean cosine? ...
    >>> str(parse("warmup(6%)>step(2ep,gamma=.5)"))
    'warmup(6%) > step(every=2ep, gamma=0.5)'
    """
    return _Parser(text).schedule()


def _share(token: Token) -> float:
    if token.unit == "%":
        return token.number / 100
    if token.unit:
        raise ScheduleError(f"a share is a number or a percentage: got {token.text}; write 0.01 or 1%")
    return token.number


def _number(token: Token) -> float:
    if token.unit:
        raise ScheduleError(f"a plain number is wanted: got {token.text}; leave {token.unit} out")
    return token.number


def _duration(token: Token) -> Duration:
    return duration_from(token.number, token.unit, token.text)


# Each shape's arguments in their order, with how each is read; the first one may be written without its name.
Reader = Callable[[Token], Any]
SHAPES: Mapping[str, tuple[Callable[..., Shape], Mapping[str, Reader], tuple[str, ...]]] = {
    "constant": (Constant, {}, ()),
    "linear": (Linear, {"to": _share}, ()),
    "cosine": (Cosine, {"to": _share}, ()),
    "step": (Step, {"every": _duration, "gamma": _number, "to": _share}, ("every",)),
}


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._cut()
        self.place = 0

    def schedule(self) -> Schedule:
        calls = [self._call()]
        while self._next().text == ">":
            self.place += 1
            calls.append(self._call())
        if self._next().kind != "end":
            raise self._error(self._next(), "write > between phases, as in warmup(6%) > linear")
        *before, last = calls
        warmup = None
        for position, call in enumerate(before):
            if call.name.text != "warmup":
                raise self._error(call.name, "only a warmup comes before another phase, as in warmup(6%) > linear")
            if position:
                raise self._error(call.name, "a schedule has one warmup")
            warmup = self._warmup(call)
        if last.name.text == "warmup":
            raise self._error(last.name, "a warmup leads to a shape, as in warmup(6%) > linear")
        return Schedule(self._shape(last), warmup)

    def _warmup(self, call: Call) -> Duration:
        values = self._read(call, {"length": _duration}, ("length",))
        return values["length"]  # type: ignore[no-any-return]

    def _shape(self, call: Call) -> Shape:
        name = call.name.text
        if name not in SHAPES:
            near = difflib.get_close_matches(name, SHAPES, n=2, cutoff=0.5)
            known = ", ".join(SHAPES)
            hint = (
                f"did you mean {' or '.join(near)}? known shapes are {known}" if near else f"known shapes are {known}"
            )
            raise self._error(call.name, hint, what="unknown schedule")
        build, readers, required = SHAPES[name]
        values = self._read(call, readers, required)
        shape: Shape = self._at(call.name, lambda: build(**values))
        return shape

    def _read(self, call: Call, readers: Mapping[str, Reader], required: tuple[str, ...]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        takes = f"{call.name.text} takes {', '.join(f'{name}=' for name in readers) or 'no arguments'}"
        for position, (given, token) in enumerate(call.arguments):
            name = given or (next(iter(readers), "") if position == 0 else "")
            if name not in readers:
                raise self._error(token, takes, what=f"unknown argument {given}=" if given else "unexpected argument")
            if name in values:
                raise self._error(token, f"write {name}= once", what="repeated argument")
            values[name] = self._at(token, lambda token=token, name=name: readers[name](token))  # type: ignore[misc]
        for name in required:
            if name not in values:
                raise self._error(call.name, f"write {call.name.text}({name}=2ep)", what=f"missing {name}= in")
        return values

    def _call(self) -> Call:
        name = self._take("name", "write a shape such as linear, cosine or warmup(6%) > linear")
        arguments: list[tuple[str, Token]] = []
        if self._next().text == "(":
            self.place += 1
            while self._next().text != ")":
                if arguments:
                    self._mark(",")
                arguments.append(self._argument())
            self.place += 1
        return Call(name, tuple(arguments))

    def _argument(self) -> tuple[str, Token]:
        name = ""
        if self._next().kind == "name":
            name = self._next().text
            self.place += 1
            self._mark("=")
        return name, self._take("number", "write a number, with its unit where it is a length: 6%, 2ep, 500st")

    def _mark(self, mark: str) -> None:
        if self._next().text != mark:
            raise self._error(self._next(), f"write {mark} here" + (" or close with )" if mark == "," else ""))
        self.place += 1

    def _take(self, kind: str, hint: str) -> Token:
        token = self._next()
        if token.kind != kind:
            raise self._error(token, hint)
        self.place += 1
        return token

    def _next(self) -> Token:
        return self.tokens[self.place]

    def _cut(self) -> list[Token]:
        if len(self.text) > LONGEST:
            raise ScheduleError(
                f"a schedule has at most {LONGEST} characters: got {len(self.text)}; shorten it", LONGEST
            )
        tokens, place = [], 0
        while place < len(self.text):
            if self.text[place].isspace():
                place += 1
                continue
            match = _TOKEN.match(self.text, place)
            if match is None:
                hint = "put the unit right after its number, as in 6%" if self.text[place] == "%" else "leave it out"
                raise self._error(Token("mark", self.text[place], place), hint)
            kind = match.lastgroup if match["number"] is None else "number"
            number = float(match["number"]) if match["number"] else 0.0
            tokens.append(Token(str(kind), match[0], place, number, match["unit"] or ""))
            place = match.end()
        return [*tokens, Token("end", "", len(self.text))]

    def _at(self, token: Token, build: Callable[[], Any]) -> Any:
        try:
            return build()
        except ScheduleError as error:
            raise ScheduleError(f"{error} (column {token.column + 1} of {self._shown()})", token.column) from None

    def _error(self, token: Token, hint: str, what: str = "unexpected") -> ScheduleError:
        got = "end of the text" if token.kind == "end" else repr(token.text)
        return ScheduleError(f"{what} {got} at column {token.column + 1} of {self._shown()}; {hint}", token.column)

    def _shown(self) -> str:
        return repr(self.text if len(self.text) <= 80 else self.text[:77] + "...")
