"""Any curve, point by point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lrscope.errors import ScheduleError
from lrscope.schedules.arguments import DURATIONS, LEVELS, argument
from lrscope.schedules.durations import Duration
from lrscope.schedules.horizon import Span
from lrscope.schedules.levels import Level
from lrscope.schedules.milestones import check_order, check_steps
from lrscope.schedules.phase import Phase

if TYPE_CHECKING:
    from lrscope.schedules.horizon import Array


@dataclass(frozen=True, kw_only=True)
class Piecewise(Phase):
    """Straight lines through the points (at, values), places counted from the start of the run; held after the last.

    Before its first point the factor runs straight from where the phase starts.

    >>> points = Piecewise(at=("0st", "2st", "4st"), values_at=(0.5, 1, 0))
    >>> points.resolve(total_steps=4, steps_per_epoch=4).factors().tolist()
    [0.5, 0.75, 1.0, 0.5]
    """

    name: ClassVar[str] = "piecewise"
    begins_run: ClassVar[bool] = True
    first_argument: ClassVar[str] = "at"

    at: tuple[Duration, ...] = argument(DURATIONS)
    values_at: tuple[Level, ...] = argument(LEVELS, text="values")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.at or len(self.at) != len(self.values_at):
            raise ScheduleError(
                f"every point has a place and a value: got {len(self.at)} in at= and {len(self.values_at)} in values=; "
                "write piecewise(at=[0%, 10%, 100%], values=[0.1, 1, 0])"
            )
        check_order(self.at, "points")

    def check(self, span: Span) -> None:
        """Raise ScheduleError where the points are not in order in this run, or a value is a rate above the peak."""
        for value in self.values_at:
            value.share(span.horizon.peak_rate)
        check_steps(self.at, span.horizon, "points")

    def values(self, steps: Array, span: Span) -> Array:
        """Return the factors at steps of the span."""
        import numpy as np

        places = [span.horizon.steps(place) for place in self.at]
        heights = [value.share(span.horizon.peak_rate) for value in self.values_at]
        if places[0] > span.start:
            places, heights = [span.start, *places], [span.first, *heights]
        return np.asarray(np.interp(steps, places, heights))

    def end(self, span: Span) -> float:
        """Return what the lines give at step b."""
        import numpy as np

        return float(self.values(np.array([float(span.stop)]), span)[0])
