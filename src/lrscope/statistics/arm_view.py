"""One arm, and what the evidence makes of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from lrscope.runs.run import Run

ArmStanding = Literal["contender", "too low", "too high", "worse", "no value"]


@dataclass(frozen=True)
class ArmView:
    """One arm as the report shows it: `done` are its runs that have a value, `standing` is what it comes to.

    `beaten_by` names the arm that shows that this one is not the best. Where their order says so, `beaten_through`
    names the arm between the two that is shown to be worse: with a single peak along the rates, so is all beyond it.
    """

    name: str
    rate: float | None
    runs: tuple[Run, ...]
    done: tuple[Run, ...]
    value: float
    sd: float
    standing: ArmStanding
    beaten_by: str | None
    beaten_through: str | None = None

    @property
    def seconds_spent(self) -> float:
        """What its runs took together, NaN where that is not known of each."""
        return sum(run.seconds for run in self.runs)

    @property
    def seconds_per_run(self) -> float:
        """What a run of it took: the mean of those of which that is known, NaN where of none."""
        known = [run.seconds for run in self.runs if not math.isnan(run.seconds)]
        return sum(known) / len(known) if known else math.nan

    @property
    def num_diverged(self) -> int:
        """How many seeds diverged."""
        return sum(run.status == "diverged" for run in self.runs)

    @property
    def num_failed(self) -> int:
        """How many seeds failed otherwise."""
        return sum(run.status == "failed" for run in self.runs)
