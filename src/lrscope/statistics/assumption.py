"""What is taken for the standard deviation over seeds where the runs do not show it, and where that comes from."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lrscope.config import StudyConfig, TrialConfig
from lrscope.runs.runs import Runs
from lrscope.statistics.defaults import SEED_SD
from lrscope.statistics.recorded_noise import RecordedNoise, recorded_noise

REACH, LOOKED_AT = 10.0, 48  # by which factor another is tried, and at how many values on the way
LOG_LOSS = "loss"  # as records of a study call it


@dataclass(frozen=True)
class Assumption:
    """A value's standard deviation over seeds: infinite where nothing is known.

    `usual` is what is usual of runs like these, and no larger than `sd`; `recorded` the settings that both are taken
    from, None where a user named it or a constant is taken.
    """

    sd: float
    usual: float
    is_asked: bool = False
    recorded: RecordedNoise | None = None

    @property
    def is_known(self) -> bool:
        """Whether there is one."""
        return math.isfinite(self.sd)


NOTHING = Assumption(math.inf, math.inf)


def assumption(runs: Runs, *, asked: float | None, is_share: bool, best: float) -> Assumption:
    """Return what is assumed of these runs, whose best mean is `best`: what is asked for, wherever it is.

    Else a constant of shares of right answers, and of log-losses what was recorded of other settings of the same task.
    """
    if asked is not None:
        return Assumption(asked, asked, is_asked=True)
    if is_share:
        return Assumption(SEED_SD, SEED_SD)
    known = _recorded(runs)
    if known is None or not best > 0.0:
        return NOTHING
    return Assumption(known.high * best, known.usual * best, recorded=known)


def _recorded(runs: Runs) -> RecordedNoise | None:
    """Return what was recorded of a study's kind, that of the noisiest where arms train several parts of a model."""
    study, arms = runs.study, runs.configs.values()
    if not isinstance(study, StudyConfig) or runs.metric.name != LOG_LOSS or not arms:
        return None
    known = [
        recorded_noise(study.task, each.train_part, each.optimizer) if isinstance(each, TrialConfig) else None
        for each in arms
    ]
    found = [each for each in known if each is not None]
    return max(found, key=lambda each: each.high) if len(found) == len(known) else None


@dataclass(frozen=True, eq=False)
class Flips:
    """At which standard deviations over seeds other arms would be left than `left`; `judged` says which are."""

    of: Assumption
    left: frozenset[int]
    judged: Callable[[float], frozenset[int]]

    @cached_property
    def above(self) -> float | None:
        """The smallest larger one that was tried, up to ten times what is assumed; None where none is."""
        return self._first(np.geomspace(1.05, REACH, LOOKED_AT) * self.of.sd)

    @cached_property
    def below(self) -> float | None:
        """The largest smaller one that was tried, down to a tenth of what is usual; None where none is."""
        return self._first(np.geomspace(0.95 * self.of.sd, self.of.usual / REACH, LOOKED_AT))

    @property
    def nearest(self) -> float | None:
        """The one above, or else the one below; None where neither is."""
        return self.below if self.above is None else self.above

    @property
    def is_firm(self) -> bool:
        """Whether all from a tenth to ten times of what is usual leave the same arms."""
        return (self.above is None or self.above > REACH * self.of.usual) and self.below is None

    def _first(self, tried: np.typing.NDArray[np.float64]) -> float | None:
        return next((sd for sd in tried.tolist() if self.judged(sd) != self.left), None)
