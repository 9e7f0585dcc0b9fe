"""Range tests on the corpus: recorded on features as on the whole model, kept, and read by the rules."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from head_ramp import HeadRangeTrial
from ramp_curves import CURVES, RecordedRamp, read_ramps, write_ramps
from ramps import middle, said_of
from settings import SETTINGS
from tests.conftest import Toy

from lrscope.config import FindConfig
from lrscope.runners.range_test import RangeTrial
from lrscope.schedules.ramp import RAMP_ENDED
from lrscope.training.features import features_of
from lrscope.training.study_inputs import load_inputs


@pytest.mark.parametrize(
    "test", [FindConfig(start=1e-4, end=1.0, steps=30), FindConfig(steps=20, probe="dev", probe_size=9)], ids=str
)
def test_on_features_the_same_as_on_the_whole_model(test: FindConfig, toy: Toy, tmp_path: Path) -> None:
    config = toy.config(train_part="head", dropout=0.3)
    inputs, trial = load_inputs(config), replace(config.trial, seed=3)
    whole = RangeTrial(inputs, test, trial)
    heads = HeadRangeTrial(inputs, test, trial, features=features_of(inputs, tmp_path))
    one, other = list(whole.run()), list(heads.run())
    assert [each.learning_rate for each in one] == [each.learning_rate for each in other]
    assert [each.loss for each in one] == pytest.approx([each.loss for each in other], rel=1e-4)
    assert [e.metrics["loss"] for e in whole.probes] == pytest.approx(
        [e.metrics["loss"] for e in heads.probes], rel=1e-4
    )
    assert whole.end_reason == heads.end_reason


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    losses = tuple(np.linspace(2.0, 1.0, 12))
    one = RecordedRamp("stories-trec2000-head-b16", "default", 1, 1e-7, 1e-2, losses, RAMP_ENDED)
    made = [one, replace(one, seed=0, last=1e-1, losses=(2.0, 1.5, math.nan), end_reason="the loss became nan")]
    write_ramps([*made, replace(made[0], first=1.0)], tmp_path / "ramps.parquet")
    read = read_ramps(tmp_path / "ramps.parquet")
    assert [each.key for each in read] == [made[1].key, made[0].key]
    assert read[1].first == 1e-7, "of two of the same the first"
    assert read[1].curve().diverged_at is None
    assert (read[0].curve().diverged_at, len(read[0].curve().rates)) == (pytest.approx(0.1), 2)
    assert read[1].curve().losses == pytest.approx(made[0].losses)


def test_the_recorded_range_tests_are_of_settings_and_rise() -> None:
    tests = read_ramps()
    assert {each.setting for each in tests} <= set(SETTINGS)
    assert all(each.first < each.last and len(each.losses) > 5 for each in tests)
    assert CURVES.stat().st_size < 1_000_000


def test_a_rule_s_place_for_each_seed() -> None:
    u = np.linspace(-7, -1, 121)
    falls = tuple(2.0 - 1.0 / (1.0 + np.exp(-4 * (u + 4))) + np.exp(6 * (u + 1.5)))
    test = RecordedRamp("x", "default", 0, 1e-7, 1e-1, falls, "the loss rose")
    flat = replace(test, seed=1, losses=(2.0,) * 121, end_reason=RAMP_ENDED)
    (said,) = said_of(middle, [test, flat], {"x": None, "y": None})  # type: ignore[dict-item]
    bracket = middle(test.curve())
    assert bracket is not None
    assert said.places[0] == pytest.approx(math.log10(bracket))
    assert -4.0 < said.places[0] < -1.5
    assert math.isnan(said.places[1])
