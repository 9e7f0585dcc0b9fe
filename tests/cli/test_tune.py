"""`lrscope tune`: the budget is laid out, said, spent and reported; the same command goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import Cli, Toy

from lrscope.errors import ConfigError
from lrscope.store.study import StudyStore
from lrscope.studies.budget import NUM_RATES, parse_budget, plan_budget


def tune(toy: Toy, budget: str, out: Path) -> list[str | Path]:
    return [
        "tune", "--model", toy.model, "--train", toy.train, "--dev", toy.dev, "--test", toy.test,
        "--label-names", toy.names, "--threads", "1", "--batch-size", "8", "--epochs", "1",
        "--budget", budget, "--out", out,
    ]  # fmt: skip


@pytest.mark.slow
def test_a_budget_is_spent_to_the_report(toy: Toy, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lrscope.studies.budget.MAX_SEEDS", 3)
    command = tune(toy, "3min", tmp_path / "t")
    code, out, error = cli(*command)
    assert code == 0, error
    assert "range test, " in error
    assert "Check 1 of" in error
    assert "the report is" in out
    # So few dev sentences may show nothing: then there is no command to train it.
    train = "to train it: lrscope finetune --model"
    assert (train in out) != ("No setting can be recommended" in out)
    assert (tmp_path / "t" / "sweep" / "report.html").exists()
    with StudyStore.open(tmp_path / "t" / "sweep") as store:
        (last,) = store.evaluations(1, "dev")[-1:]
        assert store.predictions(1, last.step, "test") is not None
        assert not store.evaluations(1, "test"), "sealed until asked for"
        assert not store.openings()
    again = cli(*command)
    assert again[0] == 0
    assert again[1].splitlines()[-1] == out.splitlines()[-1]
    code, _, error = cli(*command[:-4], "--budget", "4min", *command[-2:])
    assert (code, "was begun with a budget of 3min" in error) == (2, True)
    code, _, error = cli(*command, "--dropout", "0.5")
    assert (code, "was begun with --dropout 0.3: got 0.5" in error) == (2, True)
    code, out, error = cli(*command, "--json")
    found = json.loads(out)
    assert (code, error) == (0, "")
    commands = [line for line in again[1].splitlines() if line.startswith(train)]
    assert [f"to train it: {found['finetune']}"] * bool(found["finetune"]) == commands
    assert found["choice"]["first"] in [arm["name"] for arm in found["arms"]]


@given(st.floats(60, 1e5), st.floats(1e-3, 1.0), st.floats(0.1, 300), st.integers(1, 8))
def test_a_plan_keeps_to_its_budget(budget: float, step: float, epoch: float, workers: int) -> None:
    try:
        plan = plan_budget(budget, step, (4.0, epoch), workers, None)
    except ConfigError:
        return  # said in words: too little for a run of one epoch
    assert plan.epochs >= 1
    assert 2 <= plan.seeds <= plan.max_seeds <= 8
    least = 140 * step / workers + NUM_RATES * 2 * (4.0 + epoch) / workers
    assert plan.find_seconds + plan.sweep_seconds + plan.more_seconds <= max(budget * 1.01, least)


@pytest.mark.parametrize("text", ["20", "0min", "-1h", "soon", ""])
def test_budgets_without_sense(text: str) -> None:
    with pytest.raises(ConfigError, match="a time with its unit"):
        parse_budget(text)


@pytest.mark.slow
def test_looks_end_where_the_budget_does(toy: Toy, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lrscope.workflows.tune.is_within_budget", lambda *_: False)
    command = tune(toy, "1min", tmp_path / "t")
    code, out, error = cli(*command)
    assert code == 0, error
    assert "Check 1 of" in error
    assert "Check 2 of" not in error
    assert "the report is" in out


@pytest.mark.slow
def test_a_range_test_without_an_answer_does_not_end_it(
    toy: Toy, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lrscope.studies.budget.MAX_SEEDS", 2)
    monkeypatch.setattr("lrscope.workflows.range_tests.FindResult.rate", None)
    code, out, error = cli(*tune(toy, "3min", tmp_path / "t"))
    assert code == 0, error
    assert "the range test found no rate: " in error
    assert "the sweep compares 5 rates from 1e-5 to 1e-2 instead" in error
    assert "lr 3.2e-4" in out
