"""What is said of arms: spreads, pooled over them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lrscope.config import TrialConfig
from lrscope.config.arms import Arm
from lrscope.runs.arm_summary import ArmSummary, Spread
from lrscope.statistics.noise import pooled_sd


def arm(rate: float, *values: float) -> ArmSummary:
    spread = Spread.of(values)
    return ArmSummary(
        arm=Arm(TrialConfig(peak_rate=rate), {"peak_rate": rate}), num_trials=len(values), num_finished=len(values),
        num_diverged=0, num_failed=0, metric=spread, loss=spread, best_epochs=(), train_loss=spread, epochs_saved=0,
        values=values, seconds=0.0,
    )  # fmt: skip


def test_spreads_are_numpys() -> None:
    values = [0.3, 0.35, 0.37]
    spread = Spread.of(values)
    assert (spread.mean, spread.sd) == pytest.approx((np.mean(values), np.std(values, ddof=1)))
    assert math.isnan(Spread.of([0.5]).sd)
    assert str(Spread.of([])) == "–"


def test_the_pooled_spread_is_that_of_a_one_way_analysis_of_variance() -> None:
    groups = [[0.30, 0.34, 0.33], [0.40, 0.41], [0.2]]
    sd, freedom = pooled_sd([arm(10.0**-n, *values).metric for n, values in enumerate(groups)])
    within = sum(((np.array(g) - np.mean(g)) ** 2).sum() for g in groups)
    assert freedom == 3
    assert sd == pytest.approx(math.sqrt(within / 3))
    assert pooled_sd([arm(1e-3, 0.5).metric])[1] == 0
