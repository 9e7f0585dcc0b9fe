"""The shapes a learning rate can take after its warmup: one frozen value each, a formula and its text.

Letters in the formulas: t the 0-based step, W warmup steps, T total steps, p = (t − W) / (T − W) the progress of the
decay, held at 1 from T on, `to` the floor as a share of the peak rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from lrscope.errors import ScheduleError
from lrscope.schedules.durations import Duration, format_number, round_half_up


@dataclass(frozen=True)
class Span:
    """The steps that a shape is laid over: from W = `start` to T = `stop`, in a run with so many steps an epoch."""

    start: int
    stop: int
    steps_per_epoch: int

    def progress(self, step: int) -> float:
        """Return p = (t − W) / (T − W), and 1 from T on."""
        return 1.0 if step >= self.stop else (step - self.start) / (self.stop - self.start)


class Shape(Protocol):
    """A way for the factor to run after the warmup; `str` gives the text that it is parsed from."""

    def check(self, span: Span) -> None:
        """Raise ScheduleError where the shape does not fit a run."""
        ...

    def factor(self, step: int, span: Span) -> float:
        """Return the factor at a step from `span.start` on."""
        ...


@dataclass(frozen=True)
class Constant:
    """factor = 1."""

    def check(self, span: Span) -> None:
        """Fit every run."""

    def factor(self, step: int, span: Span) -> float:
        """Return 1."""
        return 1.0

    def __str__(self) -> str:
        return "constant"


@dataclass(frozen=True)
class Linear:
    """factor = 1 − (1 − to) · p.

    >>> Linear(to=0.5).factor(5, Span(0, 10, 10))
    0.75
    """

    to: float = 0.0

    def __post_init__(self) -> None:
        _check_floor(self.to)

    def check(self, span: Span) -> None:
        """Fit every run."""

    def factor(self, step: int, span: Span) -> float:
        """Return the factor at a step."""
        return 1.0 - (1.0 - self.to) * span.progress(step)

    def __str__(self) -> str:
        return _written("linear", self.to)


@dataclass(frozen=True)
class Cosine:
    """factor = to + (1 − to) · (1 + cos πp) / 2: half a period, once (Loshchilov and Hutter, arXiv 1608.03983).

    >>> Cosine().factor(5, Span(0, 10, 10))
    0.5
    """

    to: float = 0.0

    def __post_init__(self) -> None:
        _check_floor(self.to)

    def check(self, span: Span) -> None:
        """Fit every run."""

    def factor(self, step: int, span: Span) -> float:
        """Return the factor at a step."""
        return self.to + (1.0 - self.to) * (0.5 + 0.5 * math.cos(math.pi * span.progress(step)))

    def __str__(self) -> str:
        return _written("cosine", self.to)


@dataclass(frozen=True)
class Step:
    """factor = max(to, gammaᵏ), k how many multiples of `every`, counted from the start of the run, t has reached.

    Each boundary k · every is rounded half up to whole steps.

    >>> [Step(every=Duration(2, "st"), gamma=0.5).factor(t, Span(0, 6, 3)) for t in range(6)]
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    """

    every: Duration
    gamma: float = 0.1
    to: float = 0.0

    def __post_init__(self) -> None:
        _check_floor(self.to)
        if not 0 < self.gamma <= 1:
            raise ScheduleError(f"gamma must be above 0 and at most 1: got {self.gamma}; write gamma=0.1")
        if self.every.value == 0:
            raise ScheduleError("every must be longer than 0: got every=0; write every=1ep")

    def check(self, span: Span) -> None:
        """Raise ScheduleError where `every` is shorter than a step."""
        if self._every_steps(span) < 1:
            raise ScheduleError(
                f"every must be at least one step: got every={self.every} in a run of {span.stop} steps; lengthen it"
            )

    def factor(self, step: int, span: Span) -> float:
        """Return the factor at a step, held at its last value from T on."""
        step = min(step, span.stop - 1)
        every = self._every_steps(span)
        drops = int(Fraction(step) / every)
        drops += round_half_up((drops + 1) * every) <= step
        drops -= round_half_up(drops * every) > step
        return max(self.to, self.gamma**drops)

    def _every_steps(self, span: Span) -> Fraction:
        return self.every.exact_steps(total_steps=span.stop, steps_per_epoch=span.steps_per_epoch)

    def __str__(self) -> str:
        floor = f", to={format_number(self.to)}" if self.to else ""
        return f"step(every={self.every}, gamma={format_number(self.gamma)}{floor})"


def _check_floor(to: float) -> None:
    if not 0 <= to <= 1:
        raise ScheduleError(f"to= is a share of the peak rate, from 0 to 1: got to={to}; write to=0.01 or to=1%")


def _written(name: str, to: float) -> str:
    return f"{name}(to={format_number(to)})" if to else name
