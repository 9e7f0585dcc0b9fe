"""Overfitting by the loss alone: a rise beyond how evaluations scatter, and none where they only do."""

from __future__ import annotations

import numpy as np
import pytest

from lrscope.findings.checkup.dev_loss import rise_after_least
from lrscope.findings.findings import findings
from lrscope.findings.statements import DevLossRises
from lrscope.records import Metric
from lrscope.runs.run import Point, Run
from lrscope.runs.runs import Runs
from lrscope.statistics.conclusions import Conclusions


@pytest.mark.parametrize(
    ("values", "least"),
    [
        ([1.6, 1.25, 1.4, 1.7], 1.25),
        ([1.6, 1.25, 1.7], 1.25),
        ([1.3, 1.5, 1.7], 1.3),
        ([4.44, 2.46, 2.139, 1.685, 1.61, 2.545, 3.563, 3.479, 2.887, 3.907, 4.266], 1.61),
        ([1.6, 1.25, 1.31], None),
        ([1.6, 1.25, 1.3, 1.27, 1.28], None),
        ([1.0, 1.3, 0.9, 1.2, 1.0], None),
        ([1.6, 1.4, 1.2], None),
        ([1.6, 1.2], None),
        ([1.6, 1.2, float("nan")], None),
        ([0.314, 0.255, 0.266, 0.232, 0.303, 0.272, 0.254, 0.283, 0.294, 0.294, 0.288], None),
    ],
)
def test_a_rise_is_said_beyond_scatter_alone(values: list[float], least: float | None) -> None:
    rise = rise_after_least([*enumerate(values, start=1)])
    assert rise == (None if least is None else (values.index(least) + 1, least, values[-1]))


@pytest.mark.parametrize("number", [3, 4, 6, 12, 30])
def test_noise_alone_is_no_rise(number: int) -> None:
    rng = np.random.default_rng(number)
    times = 0
    for _ in range(500):
        course = 1.0 + 0.3 * np.exp(-np.arange(number)) + 0.01 * rng.standard_normal(number)
        times += rise_after_least([*enumerate(course.tolist())]) is not None
    assert times <= 5


def runs(train: list[float], dev: list[float], metric: str) -> Runs:
    points = [
        Point(100 * n, float(n), {"dev": {"loss": d, "acc": 0.5}, "train": {"loss": t}})
        for n, (t, d) in enumerate(zip(train, dev, strict=True), start=1)
    ]
    run = Run("lr 1e-4", 0, 1e-4, tuple(points))
    return Runs("log", Metric(metric, "minimize" if metric == "loss" else "maximize"), (run,), {"dev": 500})


@pytest.mark.parametrize("metric", ["loss", "acc"])
def test_it_is_found_whatever_is_compared_by_and_not_where_training_broke(metric: str) -> None:
    dev = [1.6, 1.25, 1.4, 1.7]
    told = [
        each
        for each in findings(Conclusions(runs([1.5, 1.1, 0.8, 0.5], dev, metric)))
        if each.kind == DevLossRises.kind
    ]
    assert [(each.at, each.least, each.last) for each in told if isinstance(each, DevLossRises)] == [(2.0, 1.25, 1.7)]
    broken = findings(Conclusions(runs([1.5, 1.2, 1.5, 1.9], dev, metric)))
    assert not [each for each in broken if isinstance(each, DevLossRises)]
