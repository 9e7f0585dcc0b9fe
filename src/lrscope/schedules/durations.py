"""Lengths with their unit: a share of the run, epochs or steps, turned into steps once the run's length is known."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

from lrscope.errors import ScheduleError

SPELLINGS = "a share of the run such as 6%, epochs such as 2ep, or steps such as 500st"
UNITS = ("%", "ep", "st")

_DURATION = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(%|[A-Za-z]*)")


def format_number(value: float) -> str:
    """Return the shortest text that reads back as the same number.

    >>> format_number(6.0), format_number(0.1), format_number(1e-06)
    ('6', '0.1', '1e-6')
    """
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return re.sub(r"e([+-])0*", lambda match: "e" + match[1].replace("+", ""), repr(float(value)))


def round_half_up(value: Fraction) -> int:
    """Return the nearest whole number, the upper one where two are as near (Python's own `round` goes to even).

    >>> round_half_up(Fraction(5, 2)), round_half_up(Fraction(7, 2))
    (3, 4)
    """
    return math.floor(value + Fraction(1, 2))


@dataclass(frozen=True)
class Duration:
    """A length: `Duration(6, "%")`, `Duration(2, "ep")`, `Duration(500, "st")`; all zeros are equal.

    Raises ScheduleError where the value is negative, not finite, above 100% or a broken number of steps.

    >>> Duration(6, "%").to_steps(total_steps=535, steps_per_epoch=107)
    32
    >>> str(Duration(2.0, "ep")), str(Duration(0, "%"))
    ('2ep', '0')
    """

    value: float
    unit: str

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise ScheduleError(f"a duration is {SPELLINGS}: got the unit {self.unit!r}; write %, ep or st")
        try:
            value = float(self.value)
        except (TypeError, ValueError, OverflowError):
            value = math.nan
        if not math.isfinite(value):
            raise ScheduleError(f"a duration is a finite number: got {self.value}{self.unit}; write {SPELLINGS}")
        written = f"{format_number(value)}{self.unit}"
        if value < 0:
            raise ScheduleError(f"a duration is not negative: got {written}; write {SPELLINGS}")
        if self.unit == "%" and value > 100:
            raise ScheduleError(f"a share of the run is at most 100%: got {written}; shorten it, or write ep or st")
        if self.unit == "st" and not value.is_integer():
            raise ScheduleError(f"steps are whole: got {written}; write whole steps, or epochs such as {value:g}ep")
        whole = value.is_integer() and value < 1e15
        object.__setattr__(self, "value", int(value) if whole else value)
        if value == 0:
            object.__setattr__(self, "unit", "st")

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
    if unit in UNITS:
        return Duration(value, unit)
    if unit:
        raise ScheduleError(f"a duration ends in %, ep or st: got {written}; write {SPELLINGS}")
    if value != 0:
        number = format_number(value) if math.isfinite(value) else written
        raise ScheduleError(f"a duration needs its unit: got {written}; write {number}%, {number}ep or {number}st")
    return Duration(0, "st")


def parse_duration(text: str) -> Duration:
    """Return the duration that a text such as `6%`, `2ep`, `500st` or `0` names.

    Raises ScheduleError where the text is something else; a bare number is one, and shows the three spellings.

    >>> parse_duration("1.5ep")
    Duration(value=1.5, unit='ep')
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ScheduleError(f"a duration is {SPELLINGS}: got {text[:60]!r}; write a number and its unit", column=0)
    try:
        return duration_from(float(match[1]), match[2], text.strip()[:60])
    except ScheduleError as error:
        raise ScheduleError(str(error), column=0) from None
