"""`lrscope export`: the chosen arm's model as transformers loads it, and the equal Trainer arguments."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.conftest import Cli, Toy
from transformers import AutoModelForSequenceClassification, TrainingArguments

from lrscope.config import TrialConfig
from lrscope.report.trainer_arguments import equal_training, trainer_arguments
from lrscope.schedules import parse


def test_the_chosen_model_loads(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    study = tmp_path / "s"
    options = toy.options("--lr", "1e-6,1e-2", "--seeds", "2", "--epochs", "1", "--out", str(study), "--yes")
    assert cli("sweep", *options)[0] == 0
    code, out, error = cli("export", study, "--out", tmp_path / "model", "--json")
    assert code == 0, error
    # So few dev sentences show no setting to be better than guessing, which is said of what is exported all the same.
    assert "no setting is shown to be better than guessing" in error
    values = json.loads(out)
    assert values["trainer_arguments"]["num_train_epochs"] == 1
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "model")
    assert model.config.num_labels == 3
    code, _, error = cli("export", study, "--out", tmp_path / "model")
    assert (code, "is there already" in error) == (2, True)
    code, out, _ = cli("export", study, "--trial", values["trial"], "--out", tmp_path / "again")
    assert code == 0
    assert cli("report", study, "--open-test")[0] == 0
    error = cli("export", study, "--out", tmp_path / "chosen")[2]
    assert "no setting is shown to be better than guessing" in error, "also where the choice is stored"
    assert "TrainingArguments(learning_rate=" in out
    assert "what is not equal there: Trainer's warmup runs its first step at rate 0, it rounds the warmup up" in out


def test_studies_without_models(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    study = tmp_path / "s"
    options = toy.options("--epochs", "1", "--keep", "none", "--out", str(study), "--yes")
    assert cli("sweep", *options)[0] == 0
    code, _, error = cli("export", study, "--out", tmp_path / "model")
    assert (code, "was kept in" in error) == (2, True)
    assert not (tmp_path / "model").exists()


def test_what_is_kept_is_named(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    study = tmp_path / "s"
    options = toy.options("--lr", "1e-4,1e-3", "--epochs", "1", "--seeds", "2", "--yes")
    assert cli("sweep", *options, "--out", study)[0] == 0
    kept = sorted(int(path.parent.name) for path in (study / "trials").glob("*/best"))
    assert len(kept) == 2
    beside = next(trial for trial in range(1, 5) if trial not in kept)
    wanted = f"with --trial: {kept[0]}, {kept[1]}"
    for asked in (("--trial", beside), ("--trial", kept[0], "--checkpoint", "last")):
        code, _, error = cli("evaluate", "--run", study, "--data", toy.dev, *asked)
        assert (code, error.count("\n")) == (2, 1)
        assert f"was not kept; choose --checkpoint best of one that was, {wanted}" in error


def test_a_trial_without_a_model_says_why(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    study = tmp_path / "s"
    options = ("--schedule", "constant", "--warmup", "0", "--clip-norm", "0", "--epochs", "1", "--seeds", "1", "--yes")
    assert cli("sweep", *toy.options("--lr", "1e30,1e-3", *options, "--keep", "none"), "--out", study)[0] == 0
    diverged, other = (cli("evaluate", "--run", study, "--data", toy.dev, "--trial", trial)[2] for trial in (1, 2))
    assert "has no best checkpoint: trial 1 diverged; name another --trial" in diverged
    assert "has no best checkpoint: that of trial 2 was not kept; run the sweep with --keep best" in other
    assert cli("finetune", *toy.options("--lr", "1e30", *options[:-3]), "--out", tmp_path / "f")[0] == 0
    code, _, error = cli("export", tmp_path / "f", "--out", tmp_path / "model")
    assert (code, "it diverged; train with a lower --lr" in error) == (2, True)
    assert cli("sweep", *toy.options("--lr", "1e29,1e30", *options), "--out", tmp_path / "g")[0] == 0
    assert "Training diverged in every run: try lower learning rates." in cli("report", tmp_path / "g")[1]
    assert "No evaluation on a dev set" not in cli("report", tmp_path / "f")[1]


@pytest.mark.parametrize(
    "schedule", ["linear", "warmup(6%) > cosine", "warmup(10st) > linear", "warmup(20%) > constant"]
)
def test_trainers_schedule_is_ours(schedule: str) -> None:
    import torch
    from transformers import get_scheduler

    config = TrialConfig(peak_rate=1e-3, schedule=schedule)
    arguments = trainer_arguments(config)
    assert arguments is not None
    made = TrainingArguments(output_dir="unused", **arguments)
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=made.learning_rate)
    scheduler = get_scheduler(made.lr_scheduler_type, optimizer, made.get_warmup_steps(100), 100)
    ours = parse(schedule).resolve(total_steps=100, steps_per_epoch=10, peak_rate=1e-3)
    theirs = []
    for _ in range(100):
        theirs.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    # Trainer's warmup begins at zero, ours at the first step's share: the rates are one step apart.
    assert max(abs(1e-3 * ours(step) - rate) for step, rate in enumerate(theirs)) <= 1e-3 / 5


@pytest.mark.parametrize(
    "config",
    [
        TrialConfig(peak_rate=1e-3, schedule="step(every=2ep, gamma=0.1)"),
        TrialConfig(peak_rate=1, optimizer="sgd"),
        TrialConfig(peak_rate=1e-3, schedule="warmup(6%, from=1%) > linear"),
        TrialConfig(peak_rate=1e-3, schedule="warmup(1ep) > linear"),
    ],
)
def test_what_trainer_lacks(config: TrialConfig) -> None:
    assert trainer_arguments(config) is None


def test_what_is_not_equal_is_said(toy: Toy) -> None:
    study = toy.config(schedule="warmup(10st) > linear", dropout=0.2)
    equal = equal_training(study, study.trial)
    assert equal is not None
    assert equal.differences == (
        "Trainer's warmup runs its first step at rate 0",
        "no dropout of 0.2 before the head",
        "other batches of similar length",
    )
