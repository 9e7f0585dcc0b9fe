"""Runs inside a bracket: judged by the same conclusions as a report, on dev loss."""

from __future__ import annotations

import math

import pytest

from lrscope.records import Metric
from lrscope.runs.run import Point, Run
from lrscope.runs.runs import Runs
from lrscope.statistics.conclusions import Conclusions
from lrscope.statistics.confirmation import confirm


def by_loss(losses: dict[float, list[float]], **known: dict[str, float]) -> Conclusions:
    runs = tuple(
        Run(
            f"lr {rate:g}", seed, rate, (Point(None, 1, {"dev": {"loss": loss}}),),
            status="diverged" if math.isnan(loss) else "completed",
        )
        for rate, each in losses.items()
        for seed, loss in enumerate(each)
    )  # fmt: skip
    return Conclusions(Runs("s", Metric("loss", "minimize"), runs, {}, **known))


def test_the_lowest_loss_is_used_and_worse_rates_are_ruled_out() -> None:
    c = by_loss({1e-4: [1.50, 1.51, 1.49], 1e-3: [1.00, 1.01, 0.99], 1e-2: [2.0, 2.02, 1.98]})
    confirmed = confirm(c, 1)
    assert (confirmed.rate, confirmed.among) == (1e-3, (1e-3,))
    assert confirmed.sentence == (
        "use lr 1e-3, by dev loss after complete runs of 1 epoch; the other rates are ruled out"
    )
    assert "by dev log-loss after" in confirm(c, 1, "log-loss").sentence
    assert confirmed.dev_loss[1e-2] == pytest.approx(2.0)


def test_it_is_the_choice_of_the_report_with_its_contenders() -> None:
    c = by_loss({1e-4: [1.10, 1.30, 1.00], 1e-3: [1.12, 1.25, 1.02], 1e-2: [1.15, 1.32, 1.01]})
    confirmed = confirm(c, 2)
    assert confirmed.rate == c.arms[c.choice.first].rate
    assert confirmed.among == tuple(c.arms[arm].rate for arm in c.verdict.contenders)
    assert "complete runs of 2 epochs; not ruled out: " in confirmed.sentence


def test_one_seed_rules_nothing_out_and_guessing_is_named() -> None:
    c = by_loss({1e-4: [1.61], 1e-3: [1.60]}, baseline={"loss": 1.5})
    confirmed = confirm(c, 1)
    assert confirmed.among == (1e-4, 1e-3)
    assert confirmed.sentence.endswith("no run is shown to do better than guessing, so confirm with longer runs")


def test_rates_that_all_diverged_have_no_answer() -> None:
    confirmed = confirm(by_loss({1e-1: [math.nan], 1.0: [math.nan]}), 1)
    assert (confirmed.rate, confirmed.among) == (None, ())
    assert confirmed.sentence == "no rate of the bracket trained to its end: try lower rates"
