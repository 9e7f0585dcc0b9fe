"""A schedule before and after the run's length is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lrscope.errors import ScheduleError
from lrscope.schedules.durations import Duration
from lrscope.schedules.shapes import Shape, Span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Schedule:
    """A shape, after a linear warmup if there is one. `str` gives the canonical text, which `parse` reads back."""

    shape: Shape
    warmup: Duration | None = None

    @property
    def has_warmup(self) -> bool:
        """Return whether a warmup is written, be it of length 0."""
        return self.warmup is not None

    def with_warmup(self, duration: Duration) -> Schedule:
        """Return the same shape after a warmup.

        Raises:
            ScheduleError: there is one already.
        """
        if self.warmup is not None:
            raise ScheduleError(
                f"a schedule has one warmup: got warmup({duration}) before {self}; leave out one of them"
            )
        return replace(self, warmup=duration)

    def resolve(self, *, total_steps: int, steps_per_epoch: int, peak_rate: float | None = None) -> ResolvedSchedule:
        """Return the schedule laid over a run of `total_steps` optimizer updates.

        `peak_rate` is for levels that are written as rates; no shape has one yet.

        Raises:
            ScheduleError: it does not fit the run.
        """
        if total_steps < 1 or steps_per_epoch < 1:
            raise ScheduleError(
                f"a run has a step at least: got {total_steps}, {steps_per_epoch} an epoch; add examples"
            )
        warmup_steps = 0
        if self.warmup is not None:
            warmup_steps = self.warmup.to_steps(total_steps, steps_per_epoch)
            if warmup_steps >= total_steps:
                raise ScheduleError(
                    f"warmup must be shorter than the run: got warmup({self.warmup}) in a run of {total_steps} steps; "
                    "shorten it or write it as a share, such as warmup(10%)"
                )
        self.shape.check(Span(warmup_steps, total_steps, steps_per_epoch))
        return ResolvedSchedule(self, total_steps, steps_per_epoch, warmup_steps)

    def __str__(self) -> str:
        return str(self.shape) if self.warmup is None else f"warmup({self.warmup}) > {self.shape}"


@dataclass(frozen=True)
class ResolvedSchedule:
    """step → factor, in closed form: no state, so a resumed run cannot drift.

    For t < W the factor is (t + 1) / W, so that no step runs at rate 0 and the last of the warmup runs at the peak.
    """

    schedule: Schedule
    total_steps: int
    steps_per_epoch: int
    warmup_steps: int

    @property
    def text(self) -> str:
        """Return the canonical text."""
        return str(self.schedule)

    def __call__(self, step: int) -> float:
        """Return the factor of one step, from 0 on."""
        if step < self.warmup_steps:
            return (step + 1) / self.warmup_steps
        return self.schedule.shape.factor(step, Span(self.warmup_steps, self.total_steps, self.steps_per_epoch))

    def factors(self) -> NDArray[np.float64]:
        """Return the factors of all steps."""
        import numpy as np

        return np.array([self(step) for step in range(self.total_steps)])
