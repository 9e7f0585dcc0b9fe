"""A sweep that keeps what a record says of its training: `--like`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from tests.conftest import Cli, Toy
from tests.sft import SftToy

from lrscope.config import StudyConfig
from lrscope.config.read import study_from_toml
from lrscope.errors import ConfigError
from lrscope.workflows.like import like


def state(path: Path, *, batch_size: int = 16, steps: int = 200, rate: float = 1e-4) -> Path:
    """Write the state of a run with a warmup of a tenth and a linear decay, its rate logged at every tenth step."""
    warmup = steps // 10
    history = [
        {"step": step, "epoch": 2 * step / steps, "loss": 1.0, "learning_rate": rate * _factor(step - 1, warmup, steps)}
        for step in range(10, steps + 1, 10)
    ]
    history.append({"step": steps, "epoch": 2.0, "eval_loss": 1.5})
    named = {"max_steps": steps, "global_step": steps, "num_train_epochs": 2, "train_batch_size": batch_size}
    path.write_text(json.dumps({"log_history": history, **named}), encoding="utf-8")
    return path


def _factor(step: int, warmup: int, steps: int) -> float:
    return step / warmup if step < warmup else (steps - step) / (steps - warmup)


def test_settings_and_schedule_are_kept(tmp_path: Path, toy: Toy, cli: Cli) -> None:
    record, config = state(tmp_path / "trainer_state.json"), tmp_path / "sweep.toml"
    inputs = ("--model", toy.model, "--train", toy.train, "--dev", toy.dev)
    options = ("--lr", "1e-4,1e-3", "--batch-size", "8", "--save-config", config)
    code, _, error = cli("sweep", "--like", record, *inputs, *options)
    assert code == 0, error
    assert "epochs 2" in error
    study = study_from_toml(config)
    assert isinstance(study, StudyConfig)
    assert (study.trial.epochs, study.trial.batch_size) == (2, 8), "an option counts before the record"
    assert str(study.trial.schedule) == "warmup(10%) > linear"


def test_placeholders_of_a_command_are_filled(tmp_path: Path, cli: Cli) -> None:
    record, config = state(tmp_path / "trainer_state.json"), tmp_path / "sweep.toml"
    command = f"{sys.executable} a.py --lr {{lr}} --batch {{per_device_train_batch_size}} --n {{epochs}} --w {{width}}"
    options = ("--command", command, "--set", "width=8", "--lr", "1e-4", "--save-config", config)
    code, _, error = cli("sweep", "--like", record, *options)
    assert code == 0, error
    values = study_from_toml(config).trial.values
    assert (values["per_device_train_batch_size"], values["width"], values["epochs"]) == (16, 8, 2)


def test_what_cannot_be_kept_is_refused(tmp_path: Path, cli: Cli) -> None:
    table = tmp_path / "runs.csv"
    table.write_text("lr,batch_size,epoch,dev_acc\n1e-4,8,1,0.5\n1e-3,16,1,0.6\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"differ in batch size \(8, 16\)"):
        like(table)
    bare = tmp_path / "bare.csv"
    bare.write_text("arm,epoch,dev_acc\na,1,0.5\nb,1,0.6\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="names its settings or logs its learning rates"):
        like(bare)
    code, _, error = cli("sweep", "--resume", tmp_path, "--like", bare)
    assert (code, "--like" in error) == (2, True)


def test_a_record_counts_before_a_configuration(tmp_path: Path, toy: Toy, cli: Cli) -> None:
    record, first, then = state(tmp_path / "trainer_state.json"), tmp_path / "first.toml", tmp_path / "then.toml"
    inputs = ("--model", toy.model, "--train", toy.train, "--dev", toy.dev)
    assert cli("sweep", *inputs, "--lr", "1e-4,1e-3", "--batch-size", "8,32", "--save-config", first)[0] == 0
    code, _, error = cli("sweep", "--config", first, "--like", record, "--save-config", then)
    assert (code, "batch size 16" in error) == (0, True), error
    study = study_from_toml(then)
    assert isinstance(study, StudyConfig)
    assert (study.trial.batch_size, study.sweep and dict(study.sweep.grid)) == (16, {"peak_rate": (1e-4, 1e-3)})


def test_placeholders_of_a_configuration_s_command_are_filled(tmp_path: Path, cli: Cli) -> None:
    record, first, then = state(tmp_path / "trainer_state.json"), tmp_path / "first.toml", tmp_path / "then.toml"
    command = f"{sys.executable} a.py --lr {{lr}} --batch {{batch_size}}"
    asked = ("--command", command, "--set", "batch_size=8", "--lr", "1e-4", "--save-config", first)
    assert cli("sweep", *asked)[0] == 0
    code, _, error = cli("sweep", "--config", first, "--like", record, "--save-config", then)
    assert (code, "batch size 16" in error) == (0, True), error
    assert study_from_toml(then).trial.values["batch_size"] == 16


def test_a_run_of_lrscope_is_trained_again_at_other_rates(sft_toy: SftToy, tmp_path: Path, cli: Cli) -> None:
    """All that it was asked for is kept, its inputs included."""
    options = [
        "--train-part",
        "lora",
        "--lora-rank",
        "2",
        "--schedule",
        "cosine",
        "--warmup",
        "0",
        "--micro-batch",
        "4",
    ]
    code, _, error = cli("finetune", *sft_toy.options(*options), "--out", tmp_path / "run")
    assert code == 0, error
    config = tmp_path / "sweep.toml"
    code, _, error = cli("sweep", "--like", tmp_path / "run", "--lr", "1e-3,1e-2", "--save-config", config)
    assert code == 0, error
    study = study_from_toml(config)
    assert isinstance(study, StudyConfig)
    assert (study.task, study.data.train, study.model.model) == ("sft", str(sft_toy.train), str(sft_toy.model))
    assert (study.trial.train_part, study.trial.lora_rank, study.trial.micro_batch) == ("lora", 2, 4)
    assert (str(study.trial.schedule), study.trial.epochs) == ("cosine", 1)
    full = ("--train-part", "full", "--lr", "1e-3", "--save-config", config)
    code, _, error = cli("sweep", "--like", tmp_path / "run", *full)
    assert code == 0, error
    assert study_from_toml(config).trial.values["train_part"] == "full"
    grid = ("--lr", "1e-3", "--train-part", "lora", "--lora-rank", "2,4", "--seeds", "1", "--yes")
    assert cli("sweep", *sft_toy.options()[:8], *grid, "--epochs", "1", "--out", tmp_path / "ranks")[0] == 0
    with pytest.raises(ConfigError, match=r"differ in lora rank \(2, 4\); name the record of one"):
        like(tmp_path / "ranks")
