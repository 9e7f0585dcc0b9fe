"""Guessing: what it gets, where it is kept, and what follows where nothing is shown to be better."""

from __future__ import annotations

import json
import math
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import Cli, Toy

from lrscope.data.guessing import guessing
from lrscope.findings.answer import answer
from lrscope.findings.answer_statements import NoRecommendation, NothingLearned, Use
from lrscope.number_text import format_rate
from lrscope.records import Metric
from lrscope.runs.run import Point, Run
from lrscope.runs.runs import Runs
from lrscope.runs.sources import read_runs
from lrscope.statistics.conclusions import Conclusions
from lrscope.statistics.learning import above_baseline
from lrscope.tasks.classification import macro_f1


def conclusions(values: dict[float, list[float]], baseline: dict[str, float], size: int = 1000) -> Conclusions:
    runs = tuple(
        Run(f"lr {format_rate(rate)}", seed, rate, (Point(None, 1, {"dev": {"accuracy": value}}),))
        for rate, each in values.items()
        for seed, value in enumerate(each)
    )
    return Conclusions(Runs("s", Metric("accuracy", "maximize"), runs, {"dev": size}, baseline=baseline))


def test_guessing_is_the_commonest_class_and_the_entropy_of_the_shares() -> None:
    labels = np.array([0, 0, 2, 2, 2, 1])
    found = guessing(labels)
    assert found["accuracy"] == 0.5
    assert found["macro_f1"] == pytest.approx(macro_f1(np.full(6, 2), labels))
    shares = np.array([2, 1, 3]) / 6
    assert found["loss"] == pytest.approx(-(shares * np.log(shares)).sum())
    assert guessing(np.arange(5).repeat(4))["loss"] == pytest.approx(math.log(5))
    assert guessing(np.array([0, -1])) == {}


def test_an_arm_is_learned_where_it_is_above_guessing_by_more_than_noise() -> None:
    c = conclusions({1e-4: [0.26, 0.25, 0.24], 1e-3: [0.40, 0.41, 0.42]}, {"accuracy": 0.25})
    assert c.learned is not None
    assert (c.learned.arms, c.learned.anything, c.learned.baseline) == ((False, True), True, 0.25)
    assert c.recommended is c.arms[c.choice.first]
    assert isinstance(answer(c)[0], Use)


def test_where_nothing_was_learned_no_rate_is_recommended() -> None:
    c = conclusions({1e-4: [0.26, 0.25, 0.24], 1e-3: [0.26, 0.27, 0.25]}, {"accuracy": 0.25})
    assert c.learned is not None
    assert not c.learned.anything
    assert c.recommended is None
    first, why, *_ = answer(c)
    assert isinstance(first, NoRecommendation)
    assert isinstance(why, NothingLearned)
    assert (why.baseline, why.arm) == (0.25, "lr 1e-3")
    assert not any(isinstance(sentence, Use) for sentence in answer(c))


def test_without_a_baseline_nothing_is_said_of_guessing() -> None:
    c = conclusions({1e-4: [0.2], 1e-3: [0.2]}, {"loss": 1.0})
    assert c.learned is None
    assert c.recommended is not None
    assert conclusions({1e-4: [math.nan]}, {"accuracy": 0.5}).recommended is None


def test_a_loss_is_learned_below_the_entropy() -> None:
    found = above_baseline(
        [[1.0, 1.01], [1.6, 1.62], []], [0.02] * 3, 1.6, math.nan, seed_sd=math.inf, error=0.05, maximize=False
    )
    assert found.arms == (True, False, None)


def test_null_arms_are_called_learned_in_at_most_5_of_100_studies() -> None:
    draw = np.random.default_rng(0)
    false = 0
    for _ in range(400):
        guess = draw.binomial(400, 0.25) / 400  # of examples of its own: cautious
        values = [(draw.binomial(400, 0.25, 3) / 400 + draw.normal(0, 0.01, 3)).tolist() for _ in range(5)]
        false += above_baseline(values, [0.0217] * 5, guess, 0.0217, seed_sd=0.014, error=0.05).anything
    assert false / 400 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)


def test_a_study_keeps_what_guessing_gets_and_one_of_version_0_1_is_read_again(
    toy: Toy, tmp_path: Path, cli: Cli
) -> None:
    folder = tmp_path / "s"
    assert cli("sweep", *toy.options("--lr", "1e-3", "--epochs", "1", "--seeds", "1"), "--out", folder, "--yes")[0] == 0
    kept = read_runs([folder], {}).baseline
    labels = [line.split("|||")[0].strip() for line in toy.dev.read_text().splitlines()]
    assert kept["accuracy"] == pytest.approx(max(map(labels.count, set(labels))) / len(labels))
    with closing(sqlite3.connect(folder / "study.db")) as store, store:
        (state,) = store.execute("SELECT task_state FROM study").fetchone()
        without = {name: value for name, value in json.loads(state).items() if name != "baseline"}
        store.execute("UPDATE study SET task_state = ?", (json.dumps(without),))
    assert read_runs([folder], {}).baseline == kept
    dev = toy.dev.read_text()
    try:
        toy.dev.write_text(dev + dev.splitlines()[0] + "\n")
        assert read_runs([folder], {}).baseline == {}, "the file is another one"
    finally:
        toy.dev.write_text(dev)
