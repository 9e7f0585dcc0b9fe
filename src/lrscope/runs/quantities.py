"""What numbers in a statement are: their type says how they are written, and nothing else does.

Numbers are their own type's subclass, so that they compute and compare as usual.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Generic, TypeVar


class Rate(float):
    """A learning rate."""


class Share(float):
    """A part of a whole, 0 to 1: written as a percentage."""


class Value(float):
    """A value of a metric, or how far apart two are."""


class Difference(float):
    """A difference of two values that may go either way: written with its sign."""


class Duration(float):
    """So many seconds: written as people say them."""


class Multiple(float):
    """How many times as large as something else: written to one digit after the point."""


class Proportion(float):
    """How large something is beside another: so many times it, or less than a tenth of it."""


class Epoch(float):
    """An epoch, counted from 1; a part of one after the point."""


class Step(float):
    """So many updates, where a record counts no epochs."""


class LogEntry(float):
    """An entry of a log, counted from 1, where neither steps nor epochs are known."""


class Count(int):
    """How many there are of something."""


class Number(int):
    """A number that names something, such as a seed or a line of a file."""


class Setting(str):
    """The name of one setting that was tried, such as "lr 1e-3"."""

    __slots__ = ()


class Text(str):
    """Text that came from outside: a file's name, a metric's."""

    __slots__ = ()


class Settings(tuple[str, ...]):
    """The names of several settings that were tried."""

    __slots__ = ()


class Names(tuple[str, ...]):
    """Several names of other things, such as metrics or options."""

    __slots__ = ()


class Rates(tuple[float, ...]):
    """Several learning rates."""

    __slots__ = ()


@dataclass(frozen=True)
class Estimate:
    """A value with its standard error, NaN where the error is not known.

    >>> Estimate(0.03, 0.012).ratio
    2.5
    """

    value: float
    error: float

    @property
    def ratio(self) -> float:
        """How many standard errors the value is; NaN where that is not known."""
        return self.value / self.error if self.error > 0.0 else math.nan


Q = TypeVar("Q", Rate, Share, Value, Difference, Step, Epoch, LogEntry, Count)


@dataclass(frozen=True)
class Interval(Generic[Q]):
    """From one quantity to another of its kind: a confidence interval, or the least and the most of several."""

    low: Q
    high: Q


Quantity = (
    Rate | Share | Value | Difference | Multiple | Proportion | Epoch | Step | Count | Number | Setting
    | Text | Settings | Names | Rates | Estimate | Interval[Rate] | Interval[Share] | Interval[Value]
    | Interval[Difference] | LogEntry | Interval[Step] | Interval[Epoch] | Interval[LogEntry]
    | Interval[Count] | Duration
)  # fmt: skip
