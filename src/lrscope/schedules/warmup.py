"""The way up: from nothing, from a given rate, or from where the phase before ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lrscope.errors import ScheduleError
from lrscope.schedules.arguments import DURATION, START, argument, word
from lrscope.schedules.durations import Duration
from lrscope.schedules.horizon import Span
from lrscope.schedules.levels import Level
from lrscope.schedules.phase import Phase

if TYPE_CHECKING:
    from lrscope.schedules.horizon import Array

SHAPES = ("linear", "cosine", "exponential", "constant")


@dataclass(frozen=True, kw_only=True)
class Warmup(Phase):
    """A rise to the peak over L steps, from the factor f: `from=`, or where the phase before ended, or 0.

    linear        f + (1 − f) q
    cosine        f + (1 − f) (1 − cos πq) / 2
    exponential   f^(1 − q), for f > 0
    constant      f, for f > 0, and the peak after it

    q = (s + 1) / L where f is 0, so that no step runs at rate 0; q = s / (L − 1) where it is not, so that the first
    step runs at f. The last step runs at the peak either way (but for `constant`). With `update=`, a stretch is held at
    what its last step would run at.

    >>> from lrscope.schedules.decays import Hold
    >>> (Warmup(length="4st") >> Hold()).resolve(total_steps=5, steps_per_epoch=5).factors().tolist()
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """

    name: ClassVar[str] = "warmup"
    is_warmup: ClassVar[bool] = True
    begins_run: ClassVar[bool] = True

    length: Duration | None = argument(DURATION)
    start: Level | None = argument(START, None, text="from")
    shape: str = argument(word(*SHAPES), "linear")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.length is None:
            raise ScheduleError("a warmup has a length: got none; write warmup(6%)")
        if self.shape not in SHAPES:
            raise ScheduleError(f"a warmup's shape is one of {', '.join(SHAPES)}: got {self.shape!r}")

    def may_be_empty(self, name: str) -> bool:
        """Allow `warmup(0)`: no warmup, said on purpose."""
        return name == "length"

    def check(self, span: Span) -> None:
        """Raise ScheduleError where a shape that rises by factors begins at nothing."""
        low = self._from(span)
        if self.shape in ("exponential", "constant") and span.num_steps and low == 0.0:
            raise ScheduleError(
                f"warmup(shape={self.shape}) must start above 0: got from=0; write from=10% or a rate such as from=1e-6"
            )

    def values(self, steps: Array, span: Span) -> Array:
        """Return the factors at steps of the span."""
        import numpy as np

        low, num = self._from(span), span.num_steps
        if low == 0.0:
            q = (steps - span.start + 1) / num
        else:
            q = (steps - span.start) / (num - 1) if num > 1 else np.ones_like(steps)
        if self.shape == "constant":
            return np.full_like(steps, low)
        if self.shape == "exponential":
            return np.asarray(low ** (1.0 - q))
        if self.shape == "cosine":
            q = 0.5 - 0.5 * np.cos(np.pi * q)
        # Not low + (1 − low) q: this one is exactly 1 at q = 1, and never above.
        return np.asarray(q + low * (1.0 - q))

    def end(self, span: Span) -> float:
        """Return the peak."""
        return 1.0

    def held(self, steps: Array, span: Span) -> Array:
        """Return, for each step, the last one of its update's stretch."""
        if self.update is None:
            return steps
        import numpy as np

        return np.minimum(self.update_boundaries(steps, span)[1], span.stop) - 1

    def _from(self, span: Span) -> float:
        if self.start is not None:
            return self.start.share(span.horizon.peak_rate)
        return span.value or 0.0
