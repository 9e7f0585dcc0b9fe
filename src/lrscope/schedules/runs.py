"""The run that a schedule is laid out over, and even grids over its steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from lrscope.errors import ScheduleError
from lrscope.schedules.durations import Duration, round_half_up


@dataclass(frozen=True)
class Run:
    """The length of a run in steps, its epochs, and (where a schedule writes rates) its peak rate."""

    total_steps: int
    steps_per_epoch: int
    peak_rate: float | None = None

    def __post_init__(self) -> None:
        for name in ("total_steps", "steps_per_epoch"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ScheduleError(f"{name} is a whole number from 1 up: got {value!r}; give the run's own count")
        if self.peak_rate is not None and not (math.isfinite(self.peak_rate) and self.peak_rate > 0):
            raise ScheduleError(f"the peak rate is above 0: got {self.peak_rate}; give a rate such as 1e-5")

    def exact_steps(self, duration: Duration) -> Fraction:
        """Return a duration in steps, before rounding."""
        return duration.exact_steps(total_steps=self.total_steps, steps_per_epoch=self.steps_per_epoch)

    def steps(self, duration: Duration) -> int:
        """Return a duration in steps, rounded half up."""
        return round_half_up(self.exact_steps(duration))

    def grid(self, argument: str, every: Duration) -> Grid:
        """Return the grid of `every`, counted from the start of the run.

        Raises ScheduleError where it is finer than the steps.
        """
        exact = self.exact_steps(every)
        if exact < 1:
            raise ScheduleError(
                f"{argument} is at least one step: got {argument}={every} in a run of {self.total_steps} steps "
                f"({self.steps_per_epoch} an epoch); lengthen it"
            )
        return Grid(exact)


@dataclass(frozen=True)
class Grid:
    """Boundaries at every multiple of `spacing` steps from the start of the run, each rounded half up.

    >>> grid = Grid(Fraction(5, 2))
    >>> [grid.boundary(k) for k in range(4)], [grid.count(t) for t in range(6)]
    ([0, 3, 5, 8], [0, 0, 0, 1, 1, 2])
    """

    spacing: Fraction

    def boundary(self, index: int) -> int:
        """Return the step of boundary `index`; number 0 is step 0."""
        return round_half_up(index * self.spacing)

    def count(self, step: int) -> int:
        """Return how many boundaries after step 0 lie at or before `step`."""
        # boundary(k) <= step  <=>  k * spacing < step + 1/2
        doubled = 2 * self.spacing.numerator
        return -((-(2 * step + 1) * self.spacing.denominator) // doubled) - 1

    def counts(self, steps: Any) -> Any:
        """Return `count` for an array of whole steps."""
        import numpy as np

        if self.spacing.denominator == 1:
            return steps // self.spacing.numerator if self.spacing.numerator < 2**62 else steps * 0
        largest = (2 * int(steps[-1]) + 1) * self.spacing.denominator if len(steps) else 0
        if max(largest, 2 * self.spacing.numerator) >= 2**62:
            return np.fromiter((self.count(int(step)) for step in steps), dtype=np.int64, count=len(steps))
        return -((-(2 * steps + 1) * self.spacing.denominator) // (2 * self.spacing.numerator)) - 1

    def boundaries(self, indices: Any) -> Any:
        """Return `boundary` for an array of indices."""
        import numpy as np

        n, d = self.spacing.numerator, self.spacing.denominator
        largest = int(indices[-1]) if len(indices) else 0
        if 2 * n * (largest + 1) + d >= 2**62:
            return np.fromiter((self.boundary(int(index)) for index in indices), dtype=np.int64, count=len(indices))
        return (2 * n * indices + d) // (2 * d)
