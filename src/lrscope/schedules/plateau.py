"""Reduce on plateau: a function of the step and of what was measured before it. Letters as in `phase.py`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lrscope.errors import ScheduleError
from lrscope.schedules.arguments import COUNT, LEVEL, NUMBER, argument
from lrscope.schedules.horizon import Span
from lrscope.schedules.levels import Level
from lrscope.schedules.phase import Phase
from lrscope.schedules.step_decay import check_gamma

if TYPE_CHECKING:
    from lrscope.schedules.horizon import Array


@dataclass(frozen=True, kw_only=True)
class Plateau(Phase):
    """factor = max(to, v gammaᵏ), k how often the metric has stood still since the phase began.

    An evaluation is better where it exceeds the best so far by more than `threshold`; NaN never is. After more than
    `patience` evaluations in a row that are not better, k rises by one, and the next `cooldown` evaluations do not
    count. Only evaluations after step a count; one after `step` updates acts from that step on. Without evaluations
    the factor is v: so a preview shows it.

    The count is torch's `ReduceLROnPlateau(threshold_mode="abs", eps=0)`; larger values are better here, so a loss
    comes in negated.
    """

    name: ClassVar[str] = "plateau"
    reads_metric: ClassVar[bool] = True
    first_argument: ClassVar[str] = "patience"

    patience: int = argument(COUNT, 2, always=True)
    gamma: float = argument(NUMBER, 0.1, always=True)
    threshold: float = argument(NUMBER, 0.0)
    cooldown: int = argument(COUNT, 0)
    to: Level = argument(LEVEL, Level(0.0))

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("patience", "cooldown"):
            if getattr(self, name) < 0:
                raise ScheduleError(f"{name} counts evaluations: got {getattr(self, name)}; write {name}=2")
        if not (math.isfinite(self.threshold) and self.threshold >= 0):
            raise ScheduleError(f"threshold must be 0 or more: got {self.threshold:g}; write threshold=0.001")
        check_gamma(self.gamma)

    def check(self, span: Span) -> None:
        """Raise ScheduleError where `to` is a rate above the peak."""
        self.to.share(span.horizon.peak_rate)

    def reductions(self, span: Span) -> list[int]:
        """Return the steps at which the factor falls, in order."""
        best, bad, cooling, reductions = -math.inf, 0, 0, []
        for step, value in span.horizon.history:
            if not span.start < step <= span.stop:
                continue
            if value > best + self.threshold:
                best, bad = value, 0
            else:
                bad += 1
            if cooling:
                cooling, bad = cooling - 1, 0
            if bad > self.patience:
                reductions.append(step)
                cooling, bad = self.cooldown, 0
        return reductions

    def values(self, steps: Array, span: Span) -> Array:
        """Return the factors at steps of the span, given the evaluations so far."""
        import numpy as np

        drops = np.searchsorted(self.reductions(span), steps, side="right").astype(np.float64)
        to = min(self.to.share(span.horizon.peak_rate), span.first)
        return np.maximum(to, span.first * self.gamma**drops)

    def end(self, span: Span) -> float:
        """Return the factor after all evaluations so far."""
        import numpy as np

        return float(self.values(np.array([float(span.stop)]), span)[0])
