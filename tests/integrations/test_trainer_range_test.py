"""A range test through a Hugging Face Trainer: its own step, and no trace of it afterwards."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from tests.conftest import TINY, random_weights, tiny_tokenizer

from lrscope.errors import ConfigError, ScheduleError
from lrscope.integrations.transformers import range_test
from lrscope.models.checkpoint_writer import write_checkpoint

hf: Any = transformers


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    write_checkpoint(folder, random_weights(TINY), TINY.to_config(), tiny_tokenizer())
    return folder


class Losses(hf.TrainerCallback):  # type: ignore[misc]
    def __init__(self) -> None:
        self.logs: list[dict[str, float]] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        self.logs.append(
            {name: value for name, value in logs.items() if name in ("loss", "grad_norm", "learning_rate")}
        )


def trainer(folder: Path, out: Path, *, accumulation: int = 1, own_optimizer: bool = False) -> tuple[Any, Losses]:
    hf.set_seed(7)
    model = hf.AutoModelForSequenceClassification.from_pretrained(folder, num_labels=3, pad_token_id=0)
    draw = np.random.default_rng(0)
    data = [
        {"input_ids": [1, *draw.integers(3, 300, size=6).tolist(), 2], "labels": int(draw.integers(3))}
        for _ in range(24)
    ]
    arguments = hf.TrainingArguments(
        output_dir=str(out), use_cpu=True, per_device_train_batch_size=4, num_train_epochs=2, save_strategy="no",
        gradient_accumulation_steps=accumulation, report_to="none", disable_tqdm=True, dataloader_pin_memory=False,
        learning_rate=1e-3, logging_steps=1,
    )  # fmt: skip
    losses = Losses()
    optimizers = (torch.optim.AdamW(model.parameters(), lr=1e-3), None) if own_optimizer else (None, None)
    return hf.Trainer(model, arguments, train_dataset=data, callbacks=[losses], optimizers=optimizers), losses


@pytest.mark.parametrize("own_optimizer", [False, True])
@pytest.mark.parametrize("accumulation", [1, 2])
def test_training_after_it_is_as_without_it(
    own_optimizer: bool, accumulation: int, folder: Path, tmp_path: Path
) -> None:
    results = []
    for tested in (False, True):
        subject, losses = trainer(folder, tmp_path, accumulation=accumulation, own_optimizer=own_optimizer)
        if tested:
            before = copy.deepcopy(subject.model.state_dict())
            attributes = dict(subject.__dict__)
            curve = range_test(subject, start=1e-6, end=1e-1, steps=15, widen=False).curves[0]
            assert len(curve.rates) > 5
            assert np.allclose(curve.rates, np.geomspace(1e-6, 1e-1, 15)[: len(curve.rates)])
            assert subject.__dict__ == attributes
            assert all(torch.equal(before[name], value) for name, value in subject.model.state_dict().items())
            assert losses.logs == []
            assert list(tmp_path.rglob("*")) == []
            # Once more: a test leaves nothing that would forbid the next.
            again = range_test(subject, start=1e-6, end=1e-1, steps=15, widen=False).curves[0]
            assert again.losses.tolist() == curve.losses.tolist()
        subject.train()
        results.append((losses.logs, {name: value.clone() for name, value in subject.model.state_dict().items()}))
    (logs, weights), (logs_after, weights_after) = results
    assert logs == logs_after
    assert all(torch.equal(weights[name], weights_after[name]) for name in weights)


def test_it_records_what_the_trainer_computes(folder: Path, tmp_path: Path) -> None:
    for accumulation in (1, 3):
        subject, losses = trainer(folder, tmp_path, accumulation=accumulation)
        first = range_test(subject, steps=12, widen=False).curves[0].losses[0]
        subject.train()
        assert losses.logs[0]["loss"] == pytest.approx(first, abs=1e-4)


def test_it_widens_and_stops_where_the_loss_rises(folder: Path, tmp_path: Path) -> None:
    subject, _ = trainer(folder, tmp_path)
    curve = range_test(subject, start=1e-4, end=1.0, steps=20).curves[0]
    assert curve.rates[-1] > 1.0
    assert curve.diverged_at is not None
    assert "loss" in curve.end_reason


def test_what_cannot_be_tested(folder: Path, tmp_path: Path) -> None:
    subject, _ = trainer(folder, tmp_path, own_optimizer=True)
    with pytest.raises(ScheduleError, match="rises from a positive rate"):
        range_test(subject, start=1.0, end=0.1)
    torch.optim.lr_scheduler.StepLR(subject.optimizer, 1)
    with pytest.raises(ConfigError, match="scheduler attached"):
        range_test(subject)
    frozen, _ = trainer(folder, tmp_path)
    frozen.model.requires_grad_(False)
    with pytest.raises(ConfigError, match="no parameter that requires a gradient"):
        range_test(frozen)
