"""Cosine with warm restarts. Letters as in `phase.py`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar

from lrscope.errors import ScheduleError
from lrscope.schedules.arguments import DURATION, LEVEL, NUMBER, argument
from lrscope.schedules.durations import Duration, round_half_up
from lrscope.schedules.horizon import Span
from lrscope.schedules.levels import Level
from lrscope.schedules.milestones import check_not_below_a_step
from lrscope.schedules.phase import Phase
from lrscope.schedules.step_decay import check_gamma

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lrscope.schedules.horizon import Array


@dataclass(frozen=True, kw_only=True)
class Restarts(Phase):
    """Cosine from the peak of each cycle to `to`, again and again (SGDR: Loshchilov and Hutter, arXiv 1608.03983).

    Cycle i has `period` · multiplierⁱ steps, counted from the phase's start, and the peak v · decayⁱ; boundaries are
    rounded half up. The run may end within a cycle.

    >>> Restarts(period="2st", decay=0.5).resolve(total_steps=4, steps_per_epoch=4).factors().tolist()
    [1.0, 0.5, 0.5, 0.25]
    """

    name: ClassVar[str] = "restarts"
    first_argument: ClassVar[str] = "period"

    period: Duration = argument(DURATION)
    multiplier: float = argument(NUMBER, 1.0)
    decay: float = argument(NUMBER, 1.0)
    to: Level = argument(LEVEL, Level(0.0))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.period.value == 0:
            raise ScheduleError("period must be longer than 0: got period=0; write period=1ep")
        if not (math.isfinite(self.multiplier) and self.multiplier >= 1):
            raise ScheduleError(f"multiplier must be at least 1: got {self.multiplier:g}; write multiplier=2")
        check_gamma(self.decay, "decay")

    def check(self, span: Span) -> None:
        """Raise ScheduleError where a cycle would be shorter than a step."""
        self.to.share(span.horizon.peak_rate)
        check_not_below_a_step(self.period, span.horizon, "period")

    def boundaries(self, span: Span) -> list[int]:
        """Return the first step of each cycle, and the end of the last one, which may lie past the run."""
        bounds, end, length = [span.start], Fraction(span.start), span.horizon.exact(self.period)
        growth = Fraction(repr(self.multiplier))
        while bounds[-1] < span.stop:
            end += length
            length *= growth
            bounds.append(round_half_up(end))
        return bounds

    def values(self, steps: Array, span: Span) -> Array:
        """Return the factors at steps of the span."""
        import numpy as np

        bounds = np.array(self.boundaries(span), dtype=np.float64)
        cycle = np.searchsorted(bounds, steps, side="right") - 1
        return self._at(cycle, (steps - bounds[cycle]) / (bounds[cycle + 1] - bounds[cycle]), span)

    def end(self, span: Span) -> float:
        """Return what the last cycle's formula gives at step b: no new cycle begins there."""
        import numpy as np

        bounds = self.boundaries(span)
        if len(bounds) < 2:
            return span.first
        progress = (span.stop - bounds[-2]) / (bounds[-1] - bounds[-2])
        return float(self._at(np.array([len(bounds) - 2]), np.array([progress]), span)[0])

    def _at(self, cycle: NDArray[np.intp], progress: Array, span: Span) -> Array:
        import numpy as np

        high = span.first * self.decay ** cycle.astype(np.float64)
        to = np.minimum(self.to.share(span.horizon.peak_rate), high)
        remaining = 0.5 + 0.5 * np.cos(np.pi * progress)
        return np.asarray(high * remaining + to * (1.0 - remaining))
