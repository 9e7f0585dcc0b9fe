"""The answer: what is recommended, how sure that is by a rule that can be checked, and why where a mean is lower."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lrscope.findings.advice import advice
from lrscope.findings.answer import answer
from lrscope.findings.answer_statements import (
    AllTheSame,
    AlsoDiffer,
    AtEdge,
    ChosenBelow,
    Confidence,
    Equivalent,
    Expected,
    NotCompared,
    OnlyOne,
    Tie,
    Use,
    Winner,
)
from lrscope.findings.findings import findings
from lrscope.findings.method import method
from lrscope.findings.statements import RuledOutByOrder, TwoPeaks
from lrscope.records import Metric
from lrscope.runs.quantities import Count, Names, Setting, Value
from lrscope.runs.run import Point, Run
from lrscope.runs.runs import Runs
from lrscope.runs.score_table import ScoreTable
from lrscope.runs.sources import read_runs
from lrscope.statistics.conclusions import Conclusions
from lrscope.statistics.expected_best import ExpectedBest

SIZE = 100_000  # so that examples add next to no noise


def conclusions(ends: Mapping[float, Sequence[float]], size: int = SIZE, **asked: float) -> Conclusions:
    runs = [
        Run(f"lr {rate:g}", seed, rate, (Point(None, 1, {"dev": {"acc": value}}),))
        for rate, values in ends.items()
        for seed, value in enumerate(values)
    ]
    return Conclusions(Runs("x", Metric("acc", "maximize"), tuple(runs), {"dev": size}), **asked)  # type: ignore[arg-type]


def seeds(mean: float, spread: float = 0.001) -> list[float]:
    return [mean - spread, mean, mean + spread]


PEAK = {1e-5: seeds(0.30), 1e-4: seeds(0.45), 1e-3: seeds(0.60), 1e-2: seeds(0.45), 1e-1: seeds(0.30)}


@pytest.mark.parametrize(
    ("ends", "asked", "standing", "level", "reason"),
    [
        (PEAK, {}, Winner, "high", "winner"),
        ({**PEAK, 3e-3: seeds(0.6001)}, {}, Equivalent, "high", "equivalent"),
        ({**PEAK, 3e-3: [0.55, 0.60, 0.65]}, {"margin": 0.001}, Tie, "medium", "undecided"),
        ({rate: values[:2] for rate, values in PEAK.items()}, {}, Winner, "low", "few-seeds"),
        ({rate: values[:1] for rate, values in PEAK.items()}, {"seed_sd": 1e-5}, Winner, "medium", "firm"),
        ({rate: values[:1] for rate, values in PEAK.items()}, {"seed_sd": 0.02}, Winner, "low", "assumed"),
        ({1e-4: seeds(0.45), 1e-3: seeds(0.60)}, {}, Winner, "low", "edge"),
        ({1e-4: [0.4, 0.5, 0.6], 1e-3: [0.6, 0.5, 0.4]}, {}, Tie, "low", "none-ruled-out"),
        ({1e-3: seeds(0.60)}, {}, NotCompared, "low", "alone"),
    ],
    ids=["winner", "equivalent", "undecided", "few seeds", "firm", "assumed", "edge", "none ruled out", "alone"],
)
def test_confidence_follows_its_rule(
    ends: dict[float, list[float]], asked: dict[str, float], standing: type, level: str, reason: str
) -> None:
    first, second, third, *_ = answer(conclusions(ends, **asked))
    assert isinstance(first, OnlyOne if reason == "alone" else Use)
    assert isinstance(second, standing)
    assert third == Confidence(level, reason)  # type: ignore[arg-type]


def test_settings_far_behind_did_not_do_about_as_well() -> None:
    noisy = {1e-4: [0.20, 0.40], 1e-3: [0.39, 0.41], 1e-2: [0.37, 0.41]}
    (tie,) = [each for each in answer(conclusions(noisy)) if isinstance(each, Tie)]
    assert (tie.close, tie.behind, tie.wording) == (("lr 0.01",), ("lr 0.0001",), "both")


def test_a_recommended_setting_with_a_lower_mean_says_why() -> None:
    c = conclusions({1e-5: [0.50], 1e-4: [0.49], 1e-3: [0.48], 1e-2: [0.50], 1e-1: [0.52]}, size=60)
    (why,) = [each for each in answer(c) if isinstance(each, ChosenBelow)]
    assert (why.arm, why.value) == ("lr 0.001", 0.48)
    assert (why.best, why.best_value, why.rule) == ("lr 0.1", 0.52, "expected")
    assert not [each for each in answer(conclusions(PEAK)) if isinstance(each, ChosenBelow)]


def test_no_expectation_leaves_the_metrics_range() -> None:
    c = conclusions({1e-4: [0.002], 1e-3: [0.004], 1e-2: [0.0]}, size=60)
    (expected,) = [each for each in answer(c) if isinstance(each, Expected)]
    assert 0.0 <= expected.expected <= expected.observed
    assert expected.expected == pytest.approx(expected.observed - expected.correction)


def test_two_peaks_are_said_and_no_rate_is_then_out_by_its_order() -> None:
    c = conclusions({1e-5: seeds(0.30), 1e-4: seeds(0.60), 1e-3: seeds(0.30), 1e-2: seeds(0.60), 1e-1: seeds(0.30)})
    kinds = {type(each) for each in findings(c)}
    assert TwoPeaks in kinds
    assert RuledOutByOrder not in kinds
    assert TwoPeaks not in {type(each) for each in findings(conclusions(PEAK))}


def test_rates_that_were_tried_with_other_settings_are_not_said_alone(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("lr,optimizer,val_acc\n1e-5,adamw,0.80\n1e-2,sgd,0.82\n")
    told = [each for each in answer(Conclusions(read_runs([table], {}))) if isinstance(each, AlsoDiffer)]
    assert told == [AlsoDiffer(Names(["optimizer"]))]
    table.write_text("lr,optimizer,val_acc\n1e-5,adamw,0.80\n1e-2,adamw,0.82\n")
    assert not any(isinstance(each, AlsoDiffer) for each in answer(Conclusions(read_runs([table], {}))))


def test_results_that_are_all_the_same_are_said_to_be(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("lr,seed,val_acc\n1e-5,0,0.5092\n1e-5,1,0.5092\n1e-4,0,0.5092\n1e-4,1,0.5092\n")
    told = [each for each in answer(Conclusions(read_runs([table], {}))) if isinstance(each, AllTheSame)]
    assert told == [AllTheSame(Count(4), Value(0.5092))]
    table.write_text("lr,seed,val_acc\n1e-5,0,0.51\n1e-5,1,0.51\n1e-4,0,0.51\n1e-4,1,0.51\n")
    assert not any(isinstance(each, AllTheSame) for each in answer(Conclusions(read_runs([table], {})))), "rounded"


def test_one_example_is_compared_by_its_values() -> None:
    """How examples differ takes two: seeds are what is known."""
    ends = {1e-4: (0.43, 0.44, 0.42), 1e-3: (0.31, 0.30, 0.32)}
    runs = [
        Run(f"lr {rate:g}", seed, rate, (Point(None, 1, {"dev": {"loss": value}}),))
        for rate, values in ends.items()
        for seed, value in enumerate(values)
    ]
    scores = {f"lr {rate:g}": {seed: np.array([v]) for seed, v in enumerate(values)} for rate, values in ends.items()}
    c = Conclusions(Runs("x", Metric("loss", "minimize"), tuple(runs), {"dev": 1}, ScoreTable.of(scores)))
    assert not c.is_by_example
    assert [each.kind for each in answer(c)[:2]] == ["use", "winner"]
    assert next(each.kind for each in method(c)) == "by-value"
    one_seed = tuple(run for run in runs if run.seed == 0)
    first = {arm: {0: by_seed[0]} for arm, by_seed in scores.items()}
    c = Conclusions(Runs("x", Metric("loss", "minimize"), one_seed, {"dev": 1}, ScoreTable.of(first)))
    assert [each.kind for each in answer(c)[:2]] == ["use", "not-comparable"]


def with_failures(ends: Mapping[float, Sequence[float]], *failed: float) -> Conclusions:
    c = conclusions(ends)
    runs = (*c.runs.runs, *(Run(f"lr {rate:g}", 0, rate, (), status="failed") for rate in failed))
    return Conclusions(Runs("x", c.runs.metric, runs, c.runs.sizes))


def test_nothing_is_said_of_settings_whose_runs_failed() -> None:
    two = {1e-4: seeds(0.45), 1e-3: seeds(0.60)}
    first, second, third, fourth, *_ = answer(with_failures(two, 3e-3, 1e-2))
    assert (first.kind, second) == ("use", Winner(False, False)), "what failed was not ruled out"
    assert third == Confidence("low", "unmeasured")
    assert fourth == AtEdge(Setting("lr 0.001"), True), "the highest rate that was measured is an end"
    inside = {**two, 1e-2: seeds(0.45)}
    assert answer(with_failures(inside, 3e-3))[2] == Confidence("low", "unmeasured")
    assert answer(with_failures(inside, 1e-1))[2] == Confidence("high", "winner"), "a rate before it is too high"


def test_where_every_run_failed_no_evaluation_is_missed() -> None:
    assert [each.kind for each in answer(with_failures({}, 1e-3, 1e-2))] == ["no-recommendation", "all-failed"]


def test_an_edge_is_told_beside_another_reason() -> None:
    told = answer(conclusions({1e-4: [0.30], 1e-3: [0.40], 1e-2: [0.60]}, seed_sd=0.02))
    assert told[2:4] == [Confidence("low", "assumed"), AtEdge(Setting("lr 0.01"), True)]
    assert not any(isinstance(each, AtEdge) for each in answer(conclusions(PEAK)))


@pytest.mark.parametrize(
    ("interval", "is_bracketed", "is_edge"),
    [((2e-3, 9e-3), True, False), ((2e-3, 3e-2), True, True), (None, True, False), (None, False, True)],
)
def test_a_search_says_whether_the_best_rate_may_lie_beyond_an_end(
    interval: tuple[float, float] | None, is_bracketed: bool, is_edge: bool
) -> None:
    """What ran at the highest rate may be the best, where the search's interval does not reach beyond it."""
    c = conclusions({1e-4: seeds(0.30), 1e-3: seeds(0.40), 1e-2: seeds(0.60)})
    assert "edge-high" in {each.kind for each in findings(c)}
    c = replace(c, search=ExpectedBest(9e-3, interval, None, 9, is_bracketed))
    assert c.follows_search
    assert ("edge-high" in {each.kind for each in findings(c)}) is is_edge
    assert any(each == Confidence("low", "edge") for each in answer(c)) is is_edge
    assert "wider-grid" not in {each.suggestion.kind for each in advice(c, findings(c))}
