"""Schedules from text. Nothing is evaluated: a text is cut into tokens, and each shape knows its arguments.

schedule = product { ">" product }
product  = factor { "*" factor }
factor   = "(" schedule ")" | name [ "(" argument { "," argument } ")" ]
argument = [ name "=" ] ( value | "[" [ value { "," value } ] "]" ) | schedule     (the last in `part` alone)
value    = number [ unit ] | name
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable
from typing import Any

from lrscope.errors import ScheduleError
from lrscope.schedules.arguments import Kind, Token
from lrscope.schedules.registry import FORMS, Form
from lrscope.schedules.schedule import Phases, Product, Schedule
from lrscope.schedules.tokens import cut, shown

MAX_DEPTH = 40


def parse(schedule: str | Schedule) -> Schedule:
    """Return the schedule that a text names; one that is a schedule already, as it is.

    Raises:
        ScheduleError: it names none; the message points at the column, and `column` holds it.

    >>> parse("cosin")
    Traceback (most recent call last):
    ...
    lrscope.errors.ScheduleError: unknown schedule 'cosin' at column 1 of 'cosin'; did you mean cosine? ...
    >>> str(parse("warmup(6%)>step(2ep,gamma=.5)"))
    'warmup(6%) > step(every=2ep, gamma=0.5)'
    """
    if isinstance(schedule, Schedule):
        return schedule
    if not isinstance(schedule, str):
        raise ScheduleError(f"a schedule is a text or a Schedule: got {schedule!r}; write 'warmup(6%) > linear'")
    return _parse(schedule)


@functools.lru_cache(maxsize=4096)  # a study of ten thousand trials has few schedules
def _parse(text: str) -> Schedule:
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = cut(text)
        self.index = 0
        self.depth = 0

    def whole(self) -> Schedule:
        schedule = self._sequence()
        if self._next().kind != "end":
            raise self._error(self._next(), "write > between phases, as in warmup(6%) > linear")
        if schedule.is_warmup:
            raise self._error(self.tokens[0], "a warmup leads to a shape, as in warmup(6%) > linear")
        return schedule

    def _sequence(self) -> Schedule:
        first = self._next()
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self._error(first, f"nest at most {MAX_DEPTH} deep")
        parts = [self._product()]
        while self._next().text == ">":
            self.index += 1
            parts.append(self._product())
        self.depth -= 1
        return parts[0] if len(parts) == 1 else self._at(first, lambda: Phases(tuple(parts)))

    def _product(self) -> Schedule:
        parts = [self._factor()]
        while self._next().text == "*":
            self.index += 1
            parts.append(self._factor())
        return parts[0] if len(parts) == 1 else Product(tuple(parts))

    def _factor(self) -> Schedule:
        if self._next().text == "(":
            self.index += 1
            inside = self._sequence()
            self._mark(")", "or join phases with >")
            return inside
        name = self._take("name", "write a shape such as linear, cosine or warmup(6%) > linear")
        if name.text not in FORMS:
            near = difflib.get_close_matches(name.text, FORMS, n=2, cutoff=0.5)
            known = f"known shapes are {', '.join(FORMS)}"
            hint = f"did you mean {' or '.join(near)}? {known}" if near else known
            raise self._error(name, hint, what="unknown schedule")
        return self._call(name, FORMS[name.text])

    def _call(self, name: Token, form: Form) -> Schedule:
        values: dict[str, Any] = {}
        is_called = self._next().text == "("
        if is_called:
            self.index += 1
            if form.takes_schedule:
                values["whole"] = self._sequence()
                if self._next().text != ")":
                    self._mark(",", "or close with )")
        while is_called and self._next().text != ")":
            self._argument(name, form, values)
            if self._next().text != ")":
                self._mark(",", "or close with )")
        self.index += is_called
        if form.takes_schedule and not values:
            raise self._error(name, "write part(linear, of=1000st, to=400st)", what="missing schedule in")
        for text, (keyword, kind, required) in form.arguments.items():
            if required and keyword not in values:
                example = kind.example if text == form.first == "length" else f"{text}={kind.example}"
                raise self._error(name, f"write {name.text}({example})", f"missing {text}= in")
        return self._at(name, lambda: form.build(**values))  # type: ignore[no-any-return]

    def _argument(self, name: Token, form: Form, values: dict[str, Any]) -> None:
        token, given = self._next(), ""
        if token.kind == "name" and self.tokens[self.index + 1].text == "=":
            given, self.index = token.text, self.index + 2
        text = given or ("" if values else form.first)
        if text not in form.arguments:
            takes = ", ".join(f"{argument}=" for argument in form.arguments) or "no arguments"
            what = f"unknown argument {given}=" if given else "unexpected argument"
            raise self._error(token if given else self._next(), f"{name.text} takes {takes}", what)
        keyword, kind, _ = form.arguments[text]
        if keyword in values:
            raise self._error(token, f"write {text}= once", "repeated argument")
        values[keyword] = self._list(text, kind) if kind.many else self._value(text, kind)

    def _list(self, text: str, kind: Kind) -> tuple[Any, ...]:
        hint = f"write a list, as in {text}={kind.example}"
        if self._next().text != "[":
            raise self._error(self._next(), hint)
        self.index += 1
        values: list[Any] = []
        while self._next().text != "]":
            values.append(self._value(text, kind))
            if self._next().text != "]":
                self._mark(",", "or close with ]")
        self.index += 1
        return tuple(values)

    def _value(self, text: str, kind: Kind) -> Any:
        token = self._next()
        if token.kind != kind.token:
            lengths = ", with its unit where it is a length: 6%, 2ep, 500st" if kind.token == "number" else ""
            what = "a number" if kind.token == "number" else "a word"
            raise self._error(token, f"write {what}{lengths}, as in {text}={kind.example}")
        self.index += 1
        return self._at(token, lambda: kind.read(token))

    def _mark(self, mark: str, otherwise: str) -> None:
        if self._next().text != mark:
            raise self._error(self._next(), f"write {mark} here, {otherwise}")
        self.index += 1

    def _take(self, kind: str, hint: str) -> Token:
        token = self._next()
        if token.kind != kind:
            raise self._error(token, hint)
        self.index += 1
        return token

    def _next(self) -> Token:
        return self.tokens[self.index]

    def _at(self, token: Token, build: Callable[[], Any]) -> Any:
        try:
            return build()
        except ScheduleError as error:
            if error.column is not None:
                raise
            raise ScheduleError(f"{error} (column {token.column + 1} of {shown(self.text)})", token.column) from None

    def _error(self, token: Token, hint: str, what: str = "unexpected") -> ScheduleError:
        got = "end of the text" if token.kind == "end" else repr(token.text)
        return ScheduleError(f"{what} {got} at column {token.column + 1} of {shown(self.text)}; {hint}", token.column)
