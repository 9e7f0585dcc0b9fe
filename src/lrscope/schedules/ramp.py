"""The ramp of a range test: a rate that rises from a very small one to a large one, step by step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from lrscope.errors import ScheduleError

MIN_STEPS = 10
WIDEN_BY = 100.0  # two decades beyond the end, at most
RAMP_ENDED = "the ramp ended"  # why a test is over in which no rate was too large


@dataclass(frozen=True)
class Ramp:
    """Rates from `start` to `end` over `steps` steps, and on at the same pace beyond.

    Exponential: start · (end / start)^(t / (steps − 1)). Linear: start + (end − start) · t / (steps − 1).

    Raises:
        ScheduleError: the rates do not rise from a positive one, or there are too few steps to read a curve.

    Source: Smith, Cyclical Learning Rates for Training Neural Networks, arXiv 1506.01186 (linear); Gugger's
    exponential form is the usual one today.

    >>> ramp = Ramp(1e-6, 1e-2, 41)
    >>> f"{ramp(0):.2g} {ramp(20):.2g} {ramp(40):.2g} {ramp(50):.2g}"
    '1e-06 0.0001 0.01 0.1'
    """

    start: float = 1e-7
    end: float = 1e-2
    steps: int = 100
    kind: Literal["exponential", "linear"] = "exponential"

    def __post_init__(self) -> None:
        problems = []
        if not (math.isfinite(self.start) and math.isfinite(self.end) and 0 < self.start < self.end):
            problems.append(
                f"a range test rises from a positive rate to a larger one: got {self.start:g} to {self.end:g}; write "
                "start=1e-7, end=1e-2"
            )
        if self.steps < MIN_STEPS:
            problems.append(
                f"a range test needs at least {MIN_STEPS} steps to be read: got {self.steps}; 100 are usual"
            )
        if self.kind not in ("exponential", "linear"):
            problems.append(f"a ramp is exponential or linear: got {self.kind!r}")
        if problems:
            raise ScheduleError("; ".join(problems))

    def __call__(self, step: int) -> float:
        """Return the rate of a step, counted from 0."""
        progress = step / (self.steps - 1)
        if self.kind == "linear":
            return self.start + (self.end - self.start) * progress
        # Both ends exactly, whatever the logarithm rounds.
        return self.end if step == self.steps - 1 else self.start * (self.end / self.start) ** progress
