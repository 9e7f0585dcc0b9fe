"""`lrscope find`, from the command line to the picture."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.conftest import Cli, Toy

from lrscope.number_text import format_rate
from lrscope.priors import Question, predict
from lrscope.priors.prior import NARROW
from lrscope.priors.range_tests import read_range_tests
from lrscope.runs.import_range_test import read_result
from lrscope.store.study import StudyStore


def find(toy: Toy, *more: object) -> list[object]:
    return [
        "find", "--model", toy.model, "--train", toy.train, "--dev", toy.dev, "--label-names", toy.names,
        "--batch-size", "8", "--threads", "1", "--steps", "24", "--start", "1e-5", *more,
    ]  # fmt: skip


def test_find_prints_rules_bracket_and_the_next_command(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    code, out, err = cli(*find(toy, "--seeds", "3", "--out", tmp_path / "f"))
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0].split() == ["rule", "seed", "0", "seed", "1", "seed", "2", "median", "spread"]
    assert [line.split("  ")[0] for line in lines[1:6]] == [
        "steepest", "valley", "slide", "minimum / 10", "divergence / 10",
    ]  # fmt: skip
    assert "next: lrscope sweep --model" in out
    assert "--lr log:" in out
    assert "3 of 3 tests" in err
    assert (tmp_path / "f" / "range-test.png").stat().st_size > 10_000
    data = json.loads((tmp_path / "f" / "range-test.json").read_text())
    assert len(data["curves"]) == 3
    assert data["bracket"][0] < data["bracket"][1]
    assert cli("find", "--resume", tmp_path / "f")[1] == out


def test_seeds_share_batches_but_not_heads(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    cli(*find(toy, "--seeds", "2", "--vary", "none", "--out", tmp_path / "same"))
    with StudyStore.open(tmp_path / "same") as store:
        one, other = read_result(store).curves
        assert one.losses.tolist() == other.losses.tolist()
    cli(*find(toy, "--seeds", "2", "--out", tmp_path / "heads"))
    with StudyStore.open(tmp_path / "heads") as store:
        one, other = read_result(store).curves
        assert one.losses[0] != other.losses[0]
        assert store.steps(1)["learning_rate"][0] == 1e-5


@pytest.mark.parametrize(
    "more",
    [
        ["--probe", "dev", "--probe-size", "9"],
        ["--probe", "train"],
        ["--warm-head", "5"],
        ["--method", "forks", "--steps-each", "3"],
        ["--method", "runs", "--steps-each", "6", "--per-decade", "3"],
        ["--kind", "linear"],
        ["--train", "head"],
        ["--optimizer", "sgd"],
        ["--vary", "head,dropout"],
        ["--workers", "2"],
    ],
    ids=lambda more: " ".join(more),
)
def test_every_way_to_test(more: list[str], toy: Toy, tmp_path: Path, cli: Cli) -> None:
    code, out, err = cli(*find(toy, "--seeds", "2", *more, "--json", "--out", tmp_path / "f"))
    assert code == 0, err
    result = json.loads(out)
    assert len(result["curves"]) == 2
    assert all(len(curve["rates"]) > 5 for curve in result["curves"])


def test_confirm_runs_complete_schedules_inside_the_bracket(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    options = ["--seeds", "2", "--confirm", "1ep", "--confirm-rates", "3", "--confirm-seeds", "2"]
    code, out, err = cli(*find(toy, *options, "--out", tmp_path / "f", "--json"))
    assert code == 0, err
    result = json.loads(out)
    low, high = result["bracket"]
    confirmed = result["confirmed"]
    assert low * 0.999 <= confirmed["rate"] <= high * 1.001
    assert confirmed["rate"] in confirmed["among"]
    assert confirmed["sentence"].startswith("use lr ")
    with StudyStore.open(tmp_path / "f" / "confirm") as store:
        assert len(store.trials()) == 6
        assert all(row.step == row.total_steps == 6 for row in store.trials())


def test_a_probe_is_the_same_before_the_first_step(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    cli(*find(toy, "--seeds", "1", "--probe", "dev", "--out", tmp_path / "f"))
    with StudyStore.open(tmp_path / "f") as store:
        probes = store.evaluations(1, "probe")
        assert [record.step for record in probes] == list(range(len(store.steps(1)) + 1))
        assert abs(probes[0].metrics["loss"] - probes[1].metrics["loss"]) < 1e-3, "the first rate is 1e-5"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--start", "1e-2", "--end", "1e-3"], "rises from --start to a larger --end: got 0.01 to 0.001"),
        (["--start", "0"], "--start must be a positive number: got 0; try 1e-7"),
        (["--steps", "4"], "--steps must be at least 10"),
        (["--steps", "1000000000000"], "--steps must be at most 1,000,000"),
        (["--vary", "weather"], "--vary takes head, dropout, order: got 'weather'"),
        (["--confirm", "100st"], "--confirm runs complete schedules of whole epochs: got 100st"),
        (["--seeds", "0"], "--seeds must be at least 1"),
        (["--probe-size", "0"], "--probe-size must be at least 1"),
    ],
)
def test_bad_input_is_one_line(more: list[str], said: str, toy: Toy, tmp_path: Path, cli: Cli) -> None:
    code, _, err = cli(*find(toy, *more, "--out", tmp_path / "f"))
    assert code == 2
    assert said in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "f").exists()


def test_a_range_test_is_no_sweep(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    cli(*find(toy, "--seeds", "1", "--out", tmp_path / "f"))
    code, _, err = cli("sweep", "--resume", tmp_path / "f")
    assert code == 2
    assert "holds a range test: go on with lrscope find --resume" in err


def test_finetune_at_the_rate_that_is_found(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    options = toy.options("--epochs", "1", "--out", str(tmp_path / "run"))
    options[options.index("--lr") + 1] = "find"
    code, _, err = cli("finetune", *options)
    assert code == 0, err
    assert "the range test is in" in err
    with StudyStore.open(tmp_path / "run") as store, StudyStore.open(tmp_path / "run-find") as tests:
        bracket = read_result(tests).bracket
        assert bracket.low is not None
        assert bracket.high is not None
        assert bracket.low * 0.99 < store.trial(1).config.peak_rate < bracket.high * 1.01
        assert f"training at {format_rate(store.trial(1).config.peak_rate)}" in err
    with StudyStore.open(tmp_path / "run-find" / "confirm") as store:
        assert len(store.trials()) == 5


def test_sweep_the_bracket_that_is_found(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    options = toy.options("--epochs", "1", "--out", str(tmp_path / "s"))
    options[options.index("--lr") + 1] = "auto"
    code, _, err = cli("sweep", *options, "--schedule", "linear;cosine")
    assert code == 0, err
    assert "too little is known of the best rate beforehand" in err  # a model of 60K parameters
    with StudyStore.open(tmp_path / "s") as store, StudyStore.open(tmp_path / "s-find") as tests:
        bracket = read_result(tests).bracket
        rates = sorted({row.config.peak_rate for row in store.trials()})
        assert len(store.trials()) == 10
        assert rates[0] == pytest.approx(bracket.low, rel=0.01)
        assert rates[-1] == pytest.approx(bracket.high, rel=0.01)


def test_the_prior_stands_beside_the_range_test(
    toy: Toy, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    prior = predict(Question(method="lora", parameters=1e9, family="llama-3"))
    wide = replace(prior, sd=NARROW + 0.01)
    monkeypatch.setattr("lrscope.workflows.range_tests.prior_of", lambda config, num_examples: wide)
    code, out, _ = cli(*find(toy, "--seeds", "1", "--out", tmp_path / "wide", "--json"))
    assert (code, json.loads(out)["prior"]) == (0, None)
    assert read_range_tests().sentence not in cli("find", "--resume", tmp_path / "wide")[1]
    monkeypatch.setattr("lrscope.workflows.range_tests.prior_of", lambda config, num_examples: prior)
    _, out, _ = cli("find", "--resume", tmp_path / "wide", "--json")
    told = {"start": prior.rate, "interval": list(prior.interval()), "level": 0.8}
    assert json.loads(out)["prior"] == {**told, "sentence": read_range_tests().sentence}
    printed = cli("find", "--resume", tmp_path / "wide")[1]
    assert "before the test, the best rate was expected at" in printed
    assert f"\n{read_range_tests().sentence}\n" in printed


def test_sweep_around_the_prior(toy: Toy, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    prior = predict(Question(method="lora", parameters=1e9, family="llama-3"))
    monkeypatch.setattr("lrscope.workflows.found_rates.prior_of", lambda config, num_examples: prior)
    options = toy.options("--epochs", "1", "--out", str(tmp_path / "s"))
    options[options.index("--lr") + 1] = "auto"
    code, _, err = cli("sweep", *options)
    assert code == 0, err
    assert "with 80%, before anything is trained" in err
    assert not (tmp_path / "s-find").exists()
    with StudyStore.open(tmp_path / "s") as store:
        rates = sorted({row.config.peak_rate for row in store.trials()})
    assert rates == pytest.approx(prior.rates(5), rel=0.05)


def test_each_part_is_swept_around_its_own_prior(
    toy: Toy, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    priors = {
        part: predict(Question(method=part, parameters=1e9, family="llama-3"))  # type: ignore[arg-type]
        for part in ("full", "lora")
    }
    assert priors["full"].rate < priors["lora"].rate / 3
    monkeypatch.setattr(
        "lrscope.workflows.found_rates.prior_of", lambda config, num_examples: priors[config.trial.train_part]
    )
    options = toy.options("--epochs", "1", "--train-part", "lora,full", "--out", str(tmp_path / "s"))
    options[options.index("--lr") + 1] = "auto"
    code, _, err = cli("sweep", *options)
    assert code == 0, err
    assert "full fine-tuning: the best rate lies in " in err
    assert "LoRA: the best rate lies in " in err
    with StudyStore.open(tmp_path / "s") as store:
        trials = [row.config for row in store.trials()]
    for part, prior in priors.items():
        rates = sorted(trial.peak_rate for trial in trials if trial.values["train_part"] == part)
        assert rates == pytest.approx(prior.rates(5), rel=0.05)
    # The study as it is written is the same study, and one rate more is for both parts.
    code, _, err = cli("sweep", "--config", tmp_path / "s" / "config.toml", "--out", tmp_path / "again")
    assert code == 0, err
    with StudyStore.open(tmp_path / "again") as store:
        assert [row.config for row in store.trials()] == trials
    assert cli("sweep", "--resume", tmp_path / "s", "--lr", "5e-5")[0] == 0
    with StudyStore.open(tmp_path / "s") as store:
        assert sum(row.config.peak_rate == 5e-5 for row in store.trials()) == 2
    # Named rates take the place of those of the parts.
    code, _, err = cli(
        "sweep", "--config", tmp_path / "s" / "config.toml", "--lr", "1e-3,1e-4", "--out", tmp_path / "named"
    )
    assert code == 0, err
    with StudyStore.open(tmp_path / "named") as store:
        assert {row.config.peak_rate for row in store.trials()} == {1e-3, 1e-4}


def test_a_part_of_which_too_little_is_known_has_a_range_test_of_its_own(
    toy: Toy, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    prior = predict(Question(method="lora", parameters=1e9, family="llama-3"))
    monkeypatch.setattr(
        "lrscope.workflows.found_rates.prior_of",
        lambda config, num_examples: prior if config.trial.train_part == "lora" else None,
    )
    options = toy.options("--epochs", "1", "--train-part", "full,lora", "--out", str(tmp_path / "s"))
    options[options.index("--lr") + 1] = "auto"
    code, _, err = cli("sweep", *options)
    assert code == 0, err
    assert "full fine-tuning: nothing is known of the best rate beforehand" in err
    assert (tmp_path / "s-find-full" / "study.db").is_file()
    with StudyStore.open(tmp_path / "s") as store:
        lora = [row.config.peak_rate for row in store.trials() if row.config.values["train_part"] == "lora"]
        assert (sorted(lora), len(store.trials())) == (pytest.approx(prior.rates(5), rel=0.05), 10)


def test_run_llama_finds_too(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    code, out, err = cli(
        "run-llama", "--option", "find", "--train", toy.train, "--dev", toy.dev, "--test", toy.test, "--label-names",
        toy.names, "--pretrained-model-path", toy.model, "--threads", "1", "--out", tmp_path / "f",
    )  # fmt: skip
    assert code == 0, err
    assert "next: lrscope sweep" in out


def test_a_range_test_s_configuration_is_no_fine_tune_and_no_sweep(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    assert cli(*find(toy, "--seeds", "2", "--out", tmp_path / "f"))[0] == 0
    for command in ("finetune", "sweep"):
        code, _, err = cli(command, "--config", tmp_path / "f" / "config.toml", "--lr", "1e-3", "--out", tmp_path / "o")
        assert (code, "of range tests; leave it out" in err, err.count("\n")) == (2, True, 1), err
