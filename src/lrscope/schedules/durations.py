"""Lengths with their unit: a share of the run, epochs or steps, turned into steps once the run's length is known."""

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

SPELLINGS = "a share of the run such as 6%, epochs such as 2ep, or steps such as 500st"
Unit = Literal["%", "ep", "st"]
UNITS: tuple[Unit, ...] = get_args(Unit)
MAX_VALUE = 1e15  # of epochs or steps: beyond it, floating point has no room for a step
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
    """A length: `Duration(6, "%")`, `Duration(2, "ep")`, `Duration(500, "st")`; all zeros are equal.

    Durations of one unit are ordered. Which of 6% and 2ep is longer depends on the run, so that comparing them raises
    ScheduleError; so does a value that is negative, not finite, beyond range, above 100% or a broken number of steps.

    >>> Duration(6, "%").to_steps(total_steps=535, steps_per_epoch=107)
    32
    >>> str(Duration(2.0, "ep")), str(Duration(0, "%"))
    ('2ep', '0')
    """

    value: float
    unit: Unit

    def __post_init__(self) -> None:
        if not is_unit(self.unit):
            raise ScheduleError(f"a duration is {SPELLINGS}: got the unit {self.unit!r}; write %, ep or st")
        try:
            value = float(self.value)
        except (TypeError, ValueError, OverflowError):
            value = math.nan
        if not math.isfinite(value):
            raise ScheduleError(f"a duration is a finite number: got {shorten(str(self.value))}; write {SPELLINGS}")
        written = f"{format_number(value)}{self.unit}"
        if value < 0:
            raise ScheduleError(f"a duration is not negative: got {written}; write {SPELLINGS}")
        if 0 < value < MIN_VALUE:
            raise ScheduleError(f"a duration is 0 or at least {MIN_VALUE:g}{self.unit}: got {written}; write 0")
        if self.unit != "%" and value > MAX_VALUE:
            raise ScheduleError(f"a duration is at most {MAX_VALUE:g} {self.unit}: got {shorten(written)}; shorten it")
        if self.unit == "%" and value > 100:
            raise ScheduleError(f"a share of the run is at most 100%: got {written}; shorten it, or write ep or st")
        if self.unit == "st" and not value.is_integer():
            raise ScheduleError(f"steps are whole: got {written}; write whole steps, or epochs such as {value:g}ep")
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

    def exact_steps(self, *, total_steps: int, steps_per_epoch: int) -> Fraction:
        """Return the length in steps before rounding, reading the decimal number as it is written."""
        value = Fraction(format_number(self.value))
        if self.unit == "%":
            return value * total_steps / 100
        return value * steps_per_epoch if self.unit == "ep" else value

    def to_steps(self, total_steps: int, steps_per_epoch: int) -> int:
        """Return the length in steps, rounded half up, in a run of `total_steps`."""
        return round_half_up(self.exact_steps(total_steps=total_steps, steps_per_epoch=steps_per_epoch))

    def __str__(self) -> str:
        return "0" if self.value == 0 else f"{format_number(self.value)}{self.unit}"


def duration_from(value: float, unit: str, written: str) -> Duration:
    """Return the duration of a number and the unit that was written after it; only zero may go without.

    Raises ScheduleError that shows the three spellings.
    """
    if is_unit(unit):
        return Duration(value, unit)
    if unit:
        raise ScheduleError(f"a duration ends in %, ep or st: got {written}; write {SPELLINGS}")
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
    """Return the duration that a text such as `6%`, `2ep`, `500st` or `0` names.

    Raises ScheduleError where the text is something else; a bare number is one, and shows the three spellings.

    >>> parse_duration("1.5ep")
    Duration(value=1.5, unit='ep')
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ScheduleError(f"a duration is {SPELLINGS}: got {shorten(text)!r}; write a number and its unit", column=0)
    try:
        return duration_from(float(match[1]), match[2], text.strip())
    except ScheduleError as error:
        raise ScheduleError(str(error), column=0) from None
