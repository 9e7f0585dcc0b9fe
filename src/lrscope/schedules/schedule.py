"""A schedule before and after the run's length is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

from lrscope.errors import ScheduleError
from lrscope.schedules.durations import Duration

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lrscope.schedules.phase import LaidPhase, Phase, Span

    Array = NDArray[np.float64]

BLOCK = 4096  # factors that single steps are looked up in


@dataclass(frozen=True)
class Horizon:
    """What a schedule is laid over: so many optimizer updates, so many an epoch, to a peak rate if it is known.

    `history` is (step, value) of each evaluation of the metric so far, larger being better: a schedule that depends on
    a metric is a function of it.
    """

    total_steps: int
    steps_per_epoch: int
    peak_rate: float | None = None
    history: tuple[tuple[int, float], ...] = ()

    def __post_init__(self) -> None:
        if self.total_steps < 1 or self.steps_per_epoch < 1:
            raise ScheduleError(
                f"a run has a step at least: got {self.total_steps}, {self.steps_per_epoch} an epoch; add examples"
            )

    def exact(self, duration: Duration) -> Fraction:
        """Return a length in steps before rounding."""
        return duration.exact_steps(total_steps=self.total_steps, steps_per_epoch=self.steps_per_epoch)


class Laid(Protocol):
    """A schedule laid over a span: its factors, and the factor that it ends at."""

    @property
    def span(self) -> Span:
        """Return the steps that it is laid over."""
        ...

    @property
    def end(self) -> float:
        """Return the factor that a successor starts at, and that is held after the end."""
        ...

    def values(self, steps: Array) -> Array:
        """Return the factors at these steps."""
        ...

    def pieces(self) -> Iterator[LaidPhase]:
        """Yield its phases in their order."""
        ...


class Schedule:
    """step → factor in [0, 1], as a value: a phase, or phases joined by `>` or multiplied by `*`.

    `str` gives the canonical text, which `parse` reads back as an equal schedule.
    """

    def exact_length(self, run: Horizon) -> Fraction | None:
        """Return its length in steps before rounding; None where it takes what is left."""
        raise NotImplementedError

    def lay(self, span: Span) -> Laid:
        """Return it laid over a span.

        Raises:
            ScheduleError: it does not fit.
        """
        raise NotImplementedError

    def phases(self) -> Iterator[Phase]:
        """Yield the phases that it is made of."""
        raise NotImplementedError

    @property
    def is_open(self) -> bool:
        """Return whether it takes what is left of a run."""
        return self.exact_length(Horizon(100, 10)) is None

    def without_warmup(self) -> Schedule:
        """Return what follows the warmup that it begins with; itself where it begins with none."""
        return self

    @property
    def has_warmup(self) -> bool:
        """Return whether it says itself how a run begins: with a warmup, be it of length 0, or point by point."""
        return any(phase.name in ("warmup", "piecewise") for phase in self.phases())

    @property
    def depends_on_metric(self) -> bool:
        """Return whether the factors depend on what is measured on the way."""
        return any(phase.name == "plateau" for phase in self.phases())

    def with_warmup(self, duration: Duration) -> Schedule:
        """Return the same after a linear warmup.

        Raises:
            ScheduleError: there is one already.
        """
        from lrscope.schedules.warmup import Warmup

        if any(phase.name == "warmup" for phase in self.phases()):
            raise ScheduleError(
                f"a schedule has one warmup: got warmup({duration}) before {self}; leave out one of them"
            )
        return Warmup(length=duration) >> self

    def resolve(self, *, total_steps: int, steps_per_epoch: int, peak_rate: float | None = None) -> ResolvedSchedule:
        """Return the schedule laid over a run of `total_steps` optimizer updates.

        `peak_rate` is needed where a level is written as a rate.

        Raises:
            ScheduleError: it does not fit the run.
        """
        return ResolvedSchedule(self, Horizon(total_steps, steps_per_epoch, peak_rate))

    def __rshift__(self, successor: Schedule) -> Schedule:
        """Return this and then `successor`: what `>` is in the text."""
        from lrscope.schedules.composition import sequence

        return sequence(self, successor)

    def __mul__(self, other: Schedule) -> Schedule:
        """Return the product of the factors."""
        from lrscope.schedules.composition import product

        return product(self, other)


@dataclass(frozen=True)
class ResolvedSchedule:
    """step → factor, in closed form: no state, so a resumed run cannot drift.

    One schedule over one run; from the run's end on the factor is held.
    """

    schedule: Schedule
    run: Horizon
    laid: Laid = field(init=False, repr=False, compare=False)
    _blocks: dict[int, Array] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        from lrscope.schedules.composition import lay_whole

        object.__setattr__(self, "laid", lay_whole(self.schedule, self.run))

    @property
    def text(self) -> str:
        """Return the canonical text."""
        return str(self.schedule)

    @property
    def total_steps(self) -> int:
        """Return how many updates the run makes."""
        return self.run.total_steps

    @property
    def steps_per_epoch(self) -> int:
        """Return how many of them make an epoch."""
        return self.run.steps_per_epoch

    @property
    def warmup_steps(self) -> int:
        """Return how many steps the warmup at the beginning takes, 0 without one."""
        piece = next(self.laid.pieces(), None)
        return piece.span.num_steps if piece is not None and piece.phase.name == "warmup" else 0

    def __call__(self, step: int) -> float:
        """Return the factor of one step, from 0 on: the same number that `factors` gives."""
        if step >= self.run.total_steps:
            return self.laid.end
        number, place = divmod(step, BLOCK)
        block = self._blocks.get(number)
        if block is None:
            block = self._blocks[number] = self.factors(number * BLOCK, min((number + 1) * BLOCK, self.total_steps))
        return float(block[place])

    def factors(self, start: int = 0, stop: int | None = None) -> Array:
        """Return the factors of all steps, or of those from `start` to `stop`."""
        import numpy as np

        last = self.run.total_steps
        steps = np.arange(start, last if stop is None else stop, dtype=np.float64)
        values = self.laid.values(np.minimum(steps, last - 1))
        if len(steps) and steps[-1] >= last:
            values[steps >= last] = self.laid.end
        return values

    def with_history(self, history: Sequence[tuple[int, float]]) -> ResolvedSchedule:
        """Return the schedule after these evaluations, (step, value) with larger values better.

        Only a schedule that depends on a metric changes.
        """
        if not self.schedule.depends_on_metric:
            return self
        return ResolvedSchedule(self.schedule, replace(self.run, history=tuple(history)))
