"""What a phase of a schedule is: a shape with its arguments, which takes a stretch of a run.

Letters in the formulas: t the 0-based step; a and b the first step of a phase and the first one after it; L = b − a;
s = t − a; p = s / L the progress; v the factor that the phase starts at, which is its predecessor's end.

A decay takes the value v at its first step and reaches its end at step b, which is the next phase's first: so phases
join without a jump, and the last step of a run still has a rate. A rise from nothing (`warmup.py`) is the mirror
image: it takes its first stride at its first step, so that no step runs at rate 0.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar

from lrscope.errors import ScheduleError
from lrscope.schedules.arguments import DURATION, argument, arguments_of, written
from lrscope.schedules.durations import Duration
from lrscope.schedules.horizon import Horizon, Span, every_boundary, reached
from lrscope.schedules.milestones import check_not_below_a_step
from lrscope.schedules.schedule import Resolved, ResolvedSchedule, Schedule

if TYPE_CHECKING:
    from lrscope.schedules.horizon import Array


@dataclass(frozen=True, kw_only=True)
class Phase(Schedule):
    """A shape. `length` may be left out in one phase of a sequence, which then takes the rest of the run.

    `update` holds the factor within each stretch of that length, counted from the start of the run: `update=1ep` for
    those who step their scheduler once an epoch.
    """

    first_argument: ClassVar[str] = "length"

    length: Duration | None = argument(DURATION, None)
    update: Duration | None = argument(DURATION, None)

    def __post_init__(self) -> None:
        for item in arguments_of(type(self)).values():
            value = getattr(self, item.name)
            if value is not None:
                object.__setattr__(self, item.name, item.metadata["kind"].accepted(value))
        for name in ("length", "update"):
            value = getattr(self, name)
            if value is not None and value.value == 0 and not self.may_be_empty(name):
                raise ScheduleError(f"{name} must be longer than 0: got {name}=0; write {name}=1ep or leave it out")

    def may_be_empty(self, name: str) -> bool:
        """Return whether a length of 0 may be written: only a warmup's."""
        return False

    def check(self, span: Span) -> None:
        """Raise ScheduleError where the shape does not fit."""

    def values(self, steps: Array, span: Span) -> Array:
        """Return the factors at steps of the span (whole, or broken where a horizon was stretched)."""
        raise NotImplementedError

    def end(self, span: Span) -> float:
        """Return the factor that the next phase starts at: what the formula gives at step b."""
        raise NotImplementedError

    def held(self, steps: Array, span: Span) -> Array:
        """Return, for each step, the step whose factor it runs at: the first of its update's stretch."""
        if self.update is None:
            return steps
        import numpy as np

        return np.maximum(self.update_boundaries(steps, span)[0], span.start)

    def update_boundaries(self, steps: Array, span: Span) -> tuple[Array, Array]:
        """Return the first step of each step's stretch, and the first one of the stretch after it."""
        assert self.update is not None
        every = span.horizon.exact(self.update)
        number = reached(steps, every)
        return every_boundary(number, every), every_boundary(number + 1, every)

    def durations(self) -> Iterator[tuple[dataclasses.Field[Any], int, Duration]]:
        """Yield every length and place that is written in it: the field, its place in a list, the duration."""
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            for place, duration in enumerate(value if isinstance(value, tuple) else (value,)):
                if isinstance(duration, Duration):
                    yield item, place, duration

    # As a schedule of its own

    def exact_length(self, horizon: Horizon) -> Fraction | None:
        """Return the length in steps before rounding, None for the rest."""
        return None if self.length is None else horizon.exact(self.length)

    def resolve_over(self, span: Span) -> Resolved:
        """Return the phase over these steps.

        Raises:
            ScheduleError: it does not fit.
        """
        if self.update is not None:
            check_not_below_a_step(self.update, span.horizon, "update")
        self.check(span)
        return Resolved(self, span, self.end(span) if span.num_steps else self.empty_end(span))

    def factors(self, steps: Array, resolved: Resolved) -> Array:
        """Return the factors at steps of the span, held where `update` says so."""
        return self.values(self.held(steps, resolved.span), resolved.span)

    def empty_end(self, span: Span) -> float:
        """Return where a phase of no steps ends: at its own end, as a very short one would."""
        return self.end(span)

    def __str__(self) -> str:
        return written(self, self.name, self.first_argument)


def phases(schedule: Schedule) -> Iterator[Phase]:
    """Yield the phases that a schedule is made of."""
    yield from (leaf for leaf in schedule.leaves() if isinstance(leaf, Phase))


def resolved_phases(schedule: ResolvedSchedule) -> Iterator[tuple[Phase, Span]]:
    """Yield a run's phases with their steps; those within a `part` of another run count in other steps."""
    for leaf in schedule.resolved.leaves():
        if isinstance(leaf.schedule, Phase):
            yield leaf.schedule, leaf.span
