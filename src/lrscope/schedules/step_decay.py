"""Ways down in jumps: every so often, or at given places. Letters as in `phase.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lrscope.errors import ScheduleError
from lrscope.schedules.arguments import DURATION, DURATIONS, LEVEL, NUMBER, argument
from lrscope.schedules.durations import Duration
from lrscope.schedules.horizon import Span, reached
from lrscope.schedules.levels import Level
from lrscope.schedules.milestones import check_not_below_a_step, check_order, check_steps
from lrscope.schedules.phase import Phase

if TYPE_CHECKING:
    from lrscope.schedules.horizon import Array


def check_gamma(gamma: float, name: str = "gamma") -> None:
    """Raise ScheduleError where a factor is not above 0 and at most 1."""
    if not 0 < gamma <= 1:
        raise ScheduleError(f"{name} must be above 0 and at most 1: got {gamma:g}; write {name}=0.1")


@dataclass(frozen=True, kw_only=True)
class _Drops(Phase):
    """factor = max(to, v gammaᵏ), k how many drops lie at or before t, less those before the phase."""

    gamma: float = argument(NUMBER, 0.1, always=True)
    to: Level = argument(LEVEL, Level(0.0))

    def __post_init__(self) -> None:
        super().__post_init__()
        check_gamma(self.gamma)

    def values(self, steps: Array, span: Span) -> Array:
        """Return the factors at steps of the span."""
        import numpy as np

        to = min(self.to.share(span.horizon.peak_rate), span.first)
        return np.maximum(to, span.first * self.gamma ** self.drops(steps, span))

    def end(self, span: Span) -> float:
        """Return the factor of the last step: a drop at step b itself is no longer this phase's."""
        import numpy as np

        return float(self.values(np.array([float(span.stop - 1)]), span)[0])

    def empty_end(self, span: Span) -> float:
        """Return v."""
        return span.first

    def drops(self, steps: Array, span: Span) -> Array:
        """Return k of each step."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Step(_Drops):
    """factor = max(to, v gammaᵏ), k how many multiples of `every`, counted from the start of the run, t has reached.

    Each boundary k · every is rounded half up to whole steps.

    >>> Step(every="2st", gamma=0.5).resolve(total_steps=6, steps_per_epoch=3).factors().tolist()
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    """

    name: ClassVar[str] = "step"
    first_argument: ClassVar[str] = "every"

    every: Duration = argument(DURATION)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.every.value == 0:
            raise ScheduleError("every must be longer than 0: got every=0; write every=1ep")

    def check(self, span: Span) -> None:
        """Raise ScheduleError where `every` is shorter than a step."""
        self.to.share(span.horizon.peak_rate)
        check_not_below_a_step(self.every, span.horizon, "every")

    def drops(self, steps: Array, span: Span) -> Array:
        """Return k of each step."""
        return reached(steps, span.horizon.exact(self.every))


@dataclass(frozen=True, kw_only=True)
class MultiStep(_Drops):
    """factor = max(to, v gammaᵏ), k how many of the places `at`, counted from the start of the run, t has reached.

    >>> MultiStep(at=("2st", "3st"), gamma=0.5).resolve(total_steps=5, steps_per_epoch=5).factors().tolist()
    [1.0, 1.0, 0.5, 0.25, 0.25]
    """

    name: ClassVar[str] = "multistep"
    first_argument: ClassVar[str] = "at"

    at: tuple[Duration, ...] = argument(DURATIONS)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.at:
            raise ScheduleError("milestones are needed: got at=[]; write at=[2ep, 4ep]")
        check_order(self.at, "milestones")

    def check(self, span: Span) -> None:
        """Raise ScheduleError where the milestones are not in order in this run."""
        self.to.share(span.horizon.peak_rate)
        check_steps(self.at, span.horizon, "milestones")

    def drops(self, steps: Array, span: Span) -> Array:
        """Return k of each step."""
        import numpy as np

        places = [span.horizon.steps(place) for place in self.at]
        return np.searchsorted(places, steps, side="right").astype(np.float64)
