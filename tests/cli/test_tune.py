"""`lrscope tune`: the budget is laid out, said, spent and reported; the same command goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.conftest import Cli, Toy

from lrscope.config import StudyConfig
from lrscope.config.numerics import Numerics
from lrscope.errors import ConfigError
from lrscope.store.study import StudyStore
from lrscope.studies.budget import parse_budget
from lrscope.training.study_inputs import StudyInputs, load_inputs


def tune(toy: Toy, budget: str, out: Path) -> list[str | Path]:
    return [
        "tune", "--model", toy.model, "--train", toy.train, "--dev", toy.dev, "--test", toy.test,
        "--label-names", toy.names, "--threads", "1", "--batch-size", "8", "--epochs", "1",
        "--budget", budget, "--out", out,
    ]  # fmt: skip


def short_range_tests(monkeypatch: pytest.MonkeyPatch, seeds: int) -> None:
    """Let so many range tests be made however slow the machine is, and leave time for runs."""
    monkeypatch.setattr("lrscope.workflows.tune.RAMP_SHARE", 100.0)
    monkeypatch.setattr("lrscope.workflows.tune.RAMP_SEEDS", seeds)


@pytest.mark.slow
def test_a_budget_is_spent_to_the_report(toy: Toy, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    short_range_tests(monkeypatch, seeds=2)
    command = tune(toy, "10s", tmp_path / "t")
    code, out, error = cli(*command)
    assert code == 0, error
    assert "the range test is in" in error
    assert "plan for the budget of 10" in error
    assert "run 1: lr " in error
    assert "the report is" in out
    # So few dev sentences may show nothing: then there is no command to train it.
    train = "to train it: lrscope finetune --model"
    assert (train in out) != ("None is shown to be better than guessing" in out)
    assert (tmp_path / "t" / "sweep" / "report.html").exists()
    with StudyStore.open(tmp_path / "t" / "sweep") as store:
        (last,) = store.evaluations(1, "dev")[-1:]
        assert store.predictions(1, last.step, "test") is not None
        assert not store.evaluations(1, "test"), "sealed until asked for"
        assert not store.openings()
    again = cli(*command)
    assert again[0] == 0
    assert again[1].splitlines()[-1] == out.splitlines()[-1]
    code, _, error = cli("tune", "--resume", tmp_path / "t", "--batch-size", "7")
    assert (code, "a resumed tune keeps its settings: got --batch-size" in error) == (2, True)
    resumed = cli("tune", "--resume", tmp_path / "t")
    assert resumed[0] == 0
    assert resumed[1].splitlines()[-1] == out.splitlines()[-1]
    code, _, error = cli(*command, "--dropout", "0.5")
    assert (code, "was begun with --dropout 0.3: got 0.5" in error) == (2, True)
    code, out, error = cli(*command, "--json")
    found = json.loads(out)
    assert (code, error) == (0, "")
    commands = [line for line in again[1].splitlines() if line.startswith(train)]
    assert [f"to train it: {found['finetune']}"] * bool(found["finetune"]) == commands
    assert found["choice"]["first"] in [arm["name"] for arm in found["arms"]]


@pytest.mark.parametrize("text", ["20", "0min", "-1h", "soon", ""])
def test_budgets_without_sense(text: str) -> None:
    with pytest.raises(ConfigError, match="a time with its unit"):
        parse_budget(text)


@pytest.mark.slow
def test_a_range_test_without_an_answer_does_not_end_it(
    toy: Toy, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lrscope.workflows.range_tests.FindResult.rate", None)
    short_range_tests(monkeypatch, seeds=1)
    code, out, error = cli(*tune(toy, "10s", tmp_path / "t"))
    assert code == 0, error
    assert "the range test found no rate: " in error
    assert "they begin at lr 3.2e-4, as nothing is known of the best rate" in error
    assert "lr 3.2e-4" in out


def test_a_budget_that_holds_no_three_runs_is_refused_before_anything_runs(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    code, _, error = cli(*tune(toy, "10ms", tmp_path / "t"))
    assert code == 2
    assert "--budget" in error
    code, _, error = cli(*tune(toy, "1s", tmp_path / "t"))
    assert code == 2
    assert "holds 3 runs at least, each of 1 epoch about" in error
    assert not (tmp_path / "t").exists()


@pytest.mark.slow
def test_inputs_are_read_once(toy: Toy, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lrscope.workflows.tune.RAMP_SHARE", 0.0)
    read: list[str] = []

    def counted(config: StudyConfig, numerics: Numerics | None = None) -> StudyInputs:
        read.append(config.data.train or "")
        return load_inputs(config, numerics)

    monkeypatch.setattr("lrscope.runners.prepared.load_inputs", counted)
    code, out, error = cli(*tune(toy, "60s", tmp_path / "t"))
    assert (code, "the report is" in out) == (0, True), error
    assert read == [str(toy.train)]
    with StudyStore.open(tmp_path / "t" / "sweep") as store:
        assert store.config.sweep is not None
        assert all(row.status == "completed" for row in store.trials())
