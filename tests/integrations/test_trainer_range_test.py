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


def test_the_loss_of_an_update_is_the_mean_over_its_micro_batches(folder: Path, tmp_path: Path) -> None:
    def losses(accumulation: int) -> Any:
        subject, _ = trainer(folder, tmp_path, accumulation=accumulation)
        return range_test(subject, end=1e-6, steps=12, widen=False).curves[0].losses

    each, of_five = losses(1), losses(5)  # six batches an epoch: an update of five, and one of what is left
    assert of_five[0] == pytest.approx(each[:5].mean(), abs=1e-4)
    assert of_five[1] == pytest.approx(each[5], abs=1e-4)


@pytest.mark.parametrize("accumulation", [1, 3])
def test_losses_that_add_up_are_as_the_trainer_logs_them(accumulation: int, folder: Path, tmp_path: Path) -> None:
    hf.set_seed(7)
    model = hf.AutoModelForCausalLM.from_pretrained(folder)
    rows = [[1, *range(3, 5 + 2 * (i % 4)), 2] for i in range(12)]
    arguments = hf.TrainingArguments(
        output_dir=str(tmp_path), use_cpu=True, per_device_train_batch_size=1, save_strategy="no", logging_steps=1,
        gradient_accumulation_steps=accumulation, report_to="none", disable_tqdm=True, dataloader_pin_memory=False,
    )  # fmt: skip
    logs = Losses()
    data = [{"input_ids": row, "labels": row} for row in rows]
    subject = hf.Trainer(model, arguments, train_dataset=data, callbacks=[logs])
    first = range_test(subject, steps=12, widen=False).curves[0].losses[0]
    subject.train()
    assert logs.logs[0]["loss"] == pytest.approx(first, abs=1e-4)


def test_gradient_checkpointing_is_put_back(folder: Path, tmp_path: Path) -> None:
    subject, _ = trainer(folder, tmp_path)
    subject.args.gradient_checkpointing = subject.args.activation_checkpointing = True  # before v5, and since
    before = [dict(vars(module)) for module in subject.model.modules()]
    compute_loss, during = subject.compute_loss, []

    def watched(model: Any, *inputs: Any, **more: Any) -> Any:
        during.append(model.model.gradient_checkpointing)
        return compute_loss(model, *inputs, **more)

    subject.compute_loss = watched
    range_test(subject, steps=12, widen=False)
    assert during == [True] * 12
    assert not subject.model.model.gradient_checkpointing
    assert [dict(vars(module)) for module in subject.model.modules()] == before


def test_several_seeds_begin_from_the_same_weights(folder: Path, tmp_path: Path) -> None:
    subject, _ = trainer(folder, tmp_path)
    before = copy.deepcopy(subject.model.state_dict())
    one, other = range_test(subject, steps=12, widen=False, seeds=2).curves
    assert (one.seed, other.seed) == (0, 1)
    assert one.losses.tolist() != other.losses.tolist()  # another order
    assert all(torch.equal(before[name], value) for name, value in subject.model.state_dict().items())
    again = range_test(subject, steps=12, widen=False, seeds=2).curves
    assert [curve.losses.tolist() for curve in again] == [one.losses.tolist(), other.losses.tolist()]
    with pytest.raises(ConfigError, match="seeds counts repetitions, at least 1: got 0"):
        range_test(subject, seeds=0)


def test_it_widens_and_stops_where_the_loss_rises(folder: Path, tmp_path: Path) -> None:
    subject, _ = trainer(folder, tmp_path)
    curve = range_test(subject, start=1e-4, end=1.0, steps=20).curves[0]
    assert curve.rates[-1] > 1.0
    assert curve.diverged_at is not None
    assert "loss" in curve.end_reason


def test_a_trainer_that_makes_its_batches_itself(folder: Path, tmp_path: Path) -> None:
    subject, _ = trainer(folder, tmp_path)

    class Own(hf.Trainer):  # type: ignore[misc]
        def get_train_dataloader(self) -> Any:
            return subject.get_train_dataloader()

    own = Own(subject.model, subject.args)
    assert len(range_test(own, steps=10, widen=False).curves[0].rates) == 10


def test_what_cannot_be_tested(folder: Path, tmp_path: Path) -> None:
    subject, _ = trainer(folder, tmp_path, own_optimizer=True)
    with pytest.raises(ScheduleError, match="rises from a positive rate"):
        range_test(subject, start=1.0, end=0.1)
    torch.optim.lr_scheduler.StepLR(subject.optimizer, 1)
    with pytest.raises(ConfigError, match="scheduler attached"):
        range_test(subject)
    adafactor, _ = trainer(folder, tmp_path)
    adafactor.optimizer = hf.Adafactor(adafactor.model.parameters(), lr=None, relative_step=True)
    with pytest.raises(ConfigError, match=r"got Adafactor, which computes its own; build it with lr=1e-3, relative"):
        range_test(adafactor)
    still, _ = trainer(folder, tmp_path)
    still.args.learning_rate = 0.0
    with pytest.raises(ConfigError, match="ratios of the groups' learning rates: got 0, 0; give"):
        range_test(still)
    still.args.learning_rate = 1e-3
    assert len(range_test(still, steps=10, widen=False).curves[0].rates) == 10  # the refusal left nothing behind
    still.train_dataset = []
    with pytest.raises(ConfigError, match="got a Trainer with a train_dataset without examples"):
        range_test(still)
    still.train_dataset = None
    with pytest.raises(ConfigError, match="got a Trainer with no train_dataset"):
        range_test(still)
    frozen, _ = trainer(folder, tmp_path)
    frozen.model.requires_grad_(False)
    with pytest.raises(ConfigError, match="no parameter that requires a gradient"):
        range_test(frozen)
