"""Lengths with their unit: a share of the run, epochs, steps or tokens, made steps once the run's length is known."""

from __future__ import annotations

import functools
import math
import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal, TypeGuard, get_args

from lrscope.errors import ScheduleError
from lrscope.number_text import format_number

SPELLINGS = "a share of the run such as 6%, epochs such as 2ep, steps such as 500st, or tokens such as 500ktok"
Unit = Literal["%", "ep", "st", "tok"]
UNITS: tuple[Unit, ...] = get_args(Unit)
_PREFIXES = {"Mtok": 1_000_000, "ktok": 1_000}  # tokens are written in millions and thousands where that is short
TOKENS_WAY_OUT = "write it as a share, in epochs or in steps"
_WHOLE = {"st": "steps", "tok": "tokens"}
MAX_VALUE = 1e15  # of epochs, steps or tokens: beyond it, floating point has no room for a step
MIN_VALUE = 1e-9  # of anything but 0: below it a length is no length in any run

_DURATION = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(%|[A-Za-z]*)")


def round_half_up(value: Fraction) -> int:
    """Return the nearest whole number, the upper one where two are as near (Python's own `round` goes to even).

    >>> round_half_up(Fraction(5, 2)), round_half_up(Fraction(7, 2))
    (3, 4)
    """
    return math.floor(value + Fraction(1, 2))


def shorten(text: str) -> str:
    """Return a text cut to what a message has room for."""
    return text if len(text) <= 40 else text[:37] + "..."


def is_unit(text: str) -> TypeGuard[Unit]:
    """Return whether a text is a unit of durations."""
    return text in UNITS


@functools.total_ordering
@dataclass(frozen=True)
class Duration:
    """A length: `Duration(6, "%")`, `Duration(2, "ep")`, `Duration(500, "st")`, `Duration(2e6, "tok")`.

    All zeros are equal. Tokens are those that the model reads in training, prompts among them.

    Durations of one unit are ordered. Which of 6% and 2ep is longer depends on the run, so that comparing them raises
    ScheduleError; so does a value that is negative, not finite, beyond range, above 100% or a broken number of steps or
    tokens.

    >>> Duration(6, "%").to_steps(total_steps=535, steps_per_epoch=107)
    32
    >>> str(Duration(2.0, "ep")), str(Duration(0, "%")), str(Duration(1.5e6, "tok")), str(Duration(1234, "tok"))
    ('2ep', '0', '1.5Mtok', '1234tok')
    """

    value: float
    unit: Unit

    def __post_init__(self) -> None:
        if not is_unit(self.unit):
            raise ScheduleError(f"a duration is {SPELLINGS}: got the unit {self.unit!r}; write %, ep, st or tok")
        try:
            value = float(self.value)
        except (TypeError, ValueError, OverflowError):
            value = math.nan
        if not math.isfinite(value):
            raise ScheduleError(f"a duration is a finite number: got {shorten(str(self.value))}; write {SPELLINGS}")
        written = _written(value, self.unit)
        if value < 0:
            raise ScheduleError(f"a duration is not negative: got {written}; write {SPELLINGS}")
        if 0 < value < MIN_VALUE:
            raise ScheduleError(f"a duration is 0 or at least {MIN_VALUE:g}{self.unit}: got {written}; write 0")
        if self.unit != "%" and value > MAX_VALUE:
            raise ScheduleError(f"a duration is at most {MAX_VALUE:g} {self.unit}: got {shorten(written)}; shorten it")
        if self.unit == "%" and value > 100:
            raise ScheduleError(f"a share of the run is at most 100%: got {written}; shorten it, or write ep or st")
        if self.unit in _WHOLE and not value.is_integer():
            whole = _WHOLE[self.unit]
            raise ScheduleError(f"{whole} are whole: got {written}; write whole {whole}, or epochs such as {value:g}ep")
        object.__setattr__(self, "value", int(value) if value.is_integer() else value)
        if value == 0:
            object.__setattr__(self, "unit", "st")

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Duration):
            return NotImplemented
        if self.value and other.value and self.unit != other.unit:
            raise ScheduleError(
                f"durations of different units are compared within a run: got {self} and {other}; compare their "
                "to_steps(...)"
            )
        return self.value < other.value

    def exact_steps(self, *, total_steps: int, steps_per_epoch: int, tokens_per_epoch: int | None = None) -> Fraction:
        """Return the length in steps before rounding, reading the decimal number as it is written.

        Tokens become steps by the mean of an epoch: steps = tokens · steps_per_epoch / tokens_per_epoch.

        Raises:
            ScheduleError: it is in tokens, and those of an epoch are not known.
        """
        value = Fraction(format_number(self.value))
        if self.unit == "%":
            return value * total_steps / 100
        if self.unit == "tok":
            if tokens_per_epoch is None:
                raise ScheduleError(f"how many tokens an epoch has is not known: got {self}; {TOKENS_WAY_OUT}")
            return value * steps_per_epoch / tokens_per_epoch
        return value * steps_per_epoch if self.unit == "ep" else value

    def to_steps(self, total_steps: int, steps_per_epoch: int, tokens_per_epoch: int | None = None) -> int:
        """Return the length in steps, rounded half up, in a run of `total_steps`."""
        return round_half_up(
            self.exact_steps(
                total_steps=total_steps, steps_per_epoch=steps_per_epoch, tokens_per_epoch=tokens_per_epoch
            )
        )

    def __str__(self) -> str:
        return "0" if self.value == 0 else _written(self.value, self.unit)


def _written(value: float, unit: Unit) -> str:
    """Return a number and its unit, tokens in the largest multiple that takes at most one decimal."""
    if unit == "tok" and float(value).is_integer():
        for prefix, size in _PREFIXES.items():
            if value >= size and int(value) % (size // 10) == 0:
                return f"{format_number(float(value) / size)}{prefix}"
    return f"{format_number(value)}{unit}"


def duration_from(value: float, unit: str, written: str) -> Duration:
    """Return the duration of a number and the unit that was written after it; only zero may go without.

    Raises ScheduleError that shows the spellings.
    """
    if is_unit(unit):
        return Duration(value, unit)
    if unit in _PREFIXES and math.isfinite(value):
        tokens = Fraction(format_number(value)) * _PREFIXES[unit]
        return Duration(int(tokens) if tokens.denominator == 1 else float(tokens), "tok")
    if unit:
        raise ScheduleError(f"a duration ends in %, ep, st or tok: got {written}; write {SPELLINGS}")
    if not math.isfinite(value):
        raise ScheduleError(f"a duration is a finite number: got {shorten(written)}; write {SPELLINGS}")
    if value != 0:
        raise ScheduleError(f"a duration needs its unit: got {shorten(written)}; write {_with_units(abs(value))}")
    return Duration(0, "st")


def _with_units(value: float) -> str:
    """Return a bare number in the units that it is likely meant in, the likeliest first.

    >>> _with_units(0.06), _with_units(2.0), _with_units(500.0)
    ('6%, or 0.06ep for epochs', '2%, 2ep or 2st', '500st, or 500ep for epochs')
    """
    number = format_number(value)
    if value < 1:  # other tools call it a ratio
        return f"{format_number(float(Decimal(number) * 100))}%, or {number}ep for epochs"
    if value > 100:
        return f"{number}st, or {number}ep for epochs" if value.is_integer() else f"{number}ep"
    return f"{number}%, {number}ep or {number}st" if value.is_integer() else f"{number}% or {number}ep"


def parse_duration(text: str) -> Duration:
    """Return the duration that a text such as `6%`, `2ep`, `500st`, `500ktok` or `0` names.

    Raises ScheduleError where the text is something else; a bare number is one, and shows the spellings.

    >>> parse_duration("1.5ep"), parse_duration("500ktok")
    (Duration(value=1.5, unit='ep'), Duration(value=500000, unit='tok'))
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ScheduleError(f"a duration is {SPELLINGS}: got {shorten(text)!r}; write a number and its unit", column=0)
    try:
        return duration_from(float(match[1]), match[2], text.strip())
    except ScheduleError as error:
        raise ScheduleError(str(error), column=0) from None
