"""Where a search of rates says that the best one is, whether or not it ran."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lrscope.statistics.arm_view import ArmView


@dataclass(frozen=True)
class ExpectedBest:
    """The rate to take by all runs of a search, and the 95% interval of the best one.

    `is_bracketed` says that rates on both sides of the best one came to worse.

    `cost` is by which share its loss is expected to exceed the least; it and the interval are None where runs are
    compared by something that is no loss. With `is_of_errors` that loss is the share of wrong answers.
    """

    rate: float
    interval: tuple[float, float] | None
    cost: float | None
    num_runs: int
    is_bracketed: bool
    is_of_errors: bool = False

    def is_borne_out(self, arms: Sequence[ArmView]) -> bool:
        """Return whether the arm nearest to the rate, of those with a value, may be the best."""
        known = [(arm.rate, arm.standing) for arm in arms if arm.rate is not None and not math.isnan(arm.value)]
        _, standing = min(known, key=lambda each: abs(math.log10(each[0] / self.rate)))
        return standing == "contender"
