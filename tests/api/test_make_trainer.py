"""A function that returns a transformers Trainer: trained, evaluated, recorded, stopped and gone on with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers

import lrscope
from lrscope.integrations.transformers import Recorder
from lrscope.runners.external.driven_trainer import drive, last_checkpoint
from lrscope.runners.external.running_trial import StopRequested, Trial
from lrscope.store.study import StudyStore

hf: Any = transformers
pytestmark = pytest.mark.filterwarnings("ignore")


def examples(number: int, seed: int) -> list[dict[str, Any]]:
    draw = np.random.default_rng(seed)
    return [
        {"input_ids": (ids := [1, *draw.integers(3, 300, size=6).tolist(), 2]), "labels": ids} for _ in range(number)
    ]


MakeTrainer = Callable[..., Any]


@pytest.fixture
def make(tiny_model: Path) -> MakeTrainer:
    def make_trainer(trial: Trial, *callbacks: Any, **changes: Any) -> Any:
        hf.set_seed(trial.seed)
        model = hf.AutoModelForCausalLM.from_pretrained(tiny_model)
        settings = {
            "output_dir": str(trial.checkpoint), "learning_rate": trial.lr, "seed": trial.seed, "max_steps": 6,
            "per_device_train_batch_size": 4, "logging_steps": 2, "save_steps": 3, "report_to": "none", "use_cpu": True,
            "disable_tqdm": True, "dataloader_pin_memory": False, **changes,
        }  # fmt: skip
        return hf.Trainer(
            model, hf.TrainingArguments(**settings), train_dataset=examples(16, 0), eval_dataset=examples(7, 1),
            callbacks=list(callbacks),
        )  # fmt: skip

    return make_trainer


def a_trial(tmp_path: Path, attempt: str = "first", checkpoints: str = "checkpoint") -> Trial:
    out, checkpoint = tmp_path / attempt, tmp_path / checkpoints
    for folder in (out, checkpoint):
        folder.mkdir(exist_ok=True)
    return Trial(lr=1e-3, seed=1, settings={}, number=1, out=out, checkpoint=checkpoint)


def test_it_is_swept_and_recorded_whole(make: MakeTrainer, tmp_path: Path) -> None:
    def make_trainer(trial: Trial) -> Any:
        return make(trial, Recorder(trial.out, per_example_losses=True))

    study = lrscope.sweep(make_trainer, lr=[1e-4, 1e-2], seeds=1, out=tmp_path / "a", progress=False)
    assert study.failures == {}
    with StudyStore.open(tmp_path / "a") as store:
        assert store.metric == ("loss", "minimize")
        train, dev = store.evaluations(2, "train"), store.evaluations(2, "dev", with_scores=True)
    assert [record.step for record in train] == [2, 4, 6]
    assert 0 < train[0].metrics["learning_rate"] <= 1e-2
    assert [record.step for record in dev] == [6]  # it was evaluated at its end, though the Trainer was not told to
    assert len(dev[0].scores["loss"].values) == 7
    assert (tmp_path / "a" / "trials" / "0002" / "out" / "lrscope.json").is_file()


def test_stopped_it_goes_on_from_its_checkpoint(make: MakeTrainer, tmp_path: Path) -> None:
    one = a_trial(tmp_path)

    class StopAtFour(hf.TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            one._reports.stop_asked = state.global_step == 3

    with pytest.raises(StopRequested):
        drive(make(one, StopAtFour(), save_strategy="no"), one)
    assert last_checkpoint(one.checkpoint) == one.checkpoint / "checkpoint-4"
    again, straight = a_trial(tmp_path, "second"), a_trial(tmp_path, "straight", "others")
    for each in (again, straight):
        drive(make(each), each)
    ends = [each._reports.evaluations[-1].metrics["loss"] for each in (again, straight)]
    assert ends[0] == pytest.approx(ends[1], abs=1e-6)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"learning_rate": 5e-5}, "got learning_rate=5e-5 for lr 1e-4; write learning_rate=trial.lr"),
        ({"seed": 42}, "got seed=42 for seed 0; write seed=trial.seed"),
    ],
)
def test_settings_that_were_not_passed_on_are_an_error(
    make: MakeTrainer, tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    study = lrscope.sweep(
        lambda trial: make(trial, **changes), lr=1e-4, seeds=1, out=tmp_path / "a", progress=False
    )  # fmt: skip
    assert reason in study.failures[1]


def test_a_loss_that_becomes_nan_is_a_divergence(make: MakeTrainer, tmp_path: Path) -> None:
    study = lrscope.sweep(
        lambda trial: make(trial, max_grad_norm=0.0, lr_scheduler_type="constant", max_steps=40),
        lr=[1e-4, 1e18], seeds=1, out=tmp_path / "a", progress=False,
    )  # fmt: skip
    assert study.failures == {}
    with StudyStore.open(tmp_path / "a") as store:
        first, second = store.trials()
    assert (first.status, second.status) == ("completed", "diverged")
    assert second.reason.startswith("loss became")
