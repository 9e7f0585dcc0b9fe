"""A schedule in Hugging Face Trainer: its own steps, accumulation, and a run that is stopped and resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from lrscope.errors import ScheduleError
from lrscope.integrations.torch import ScheduledLR
from lrscope.integrations.transformers import ScheduleCallback
from lrscope.schedules import parse

hf: Any = transformers


class Tiny(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(3, 1)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"loss": self.layer(x).square().mean()}


class Rates(hf.TrainerCallback):  # type: ignore[misc]
    def __init__(self) -> None:
        self.applied: list[float] = []

    def on_pre_optimizer_step(self, *_: Any, optimizer: Any = None, **__: Any) -> None:
        self.applied.append(optimizer.param_groups[0]["lr"])


class Halt(hf.TrainerCallback):  # type: ignore[misc]
    def __init__(self, at: int) -> None:
        self.at = at

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == self.at:
            control.should_save = control.should_training_stop = True


def trainer(folder: Path, text: str, *callbacks: Any, accumulation: int = 1) -> tuple[Any, Rates]:
    model = Tiny()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.5)
    rates = Rates()
    arguments = hf.TrainingArguments(
        output_dir=str(folder), use_cpu=True, per_device_train_batch_size=2, num_train_epochs=3, save_strategy="no",
        gradient_accumulation_steps=accumulation, report_to="none", disable_tqdm=True, remove_unused_columns=False,
        dataloader_pin_memory=False,
    )  # fmt: skip
    data = [{"x": torch.tensor([1.0, float(n), 2.0])} for n in range(13)]
    return hf.Trainer(
        model, arguments, train_dataset=data, optimizers=(optimizer, ScheduledLR(optimizer, text)),
        callbacks=[ScheduleCallback(), rates, *callbacks],
    ), rates  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("accumulation", "per_epoch"), [(1, 7), (2, 4)])
def test_shares_and_epochs_are_of_the_trainers_own_steps(tmp_path: Path, accumulation: int, per_epoch: int) -> None:
    text = "warmup(1ep) > step(every=2ep, gamma=0.1)"
    run, rates = trainer(tmp_path, text, accumulation=accumulation)
    run.train()
    factors = parse(text).resolve(total_steps=3 * per_epoch, steps_per_epoch=per_epoch).factors()
    assert rates.applied == [0.5 * factor for factor in factors]


@pytest.mark.filterwarnings("ignore")
def test_stopped_and_resumed_equals_straight(tmp_path: Path) -> None:
    text = "warmup(20%) > cosine(to=0.01)"
    run, straight = trainer(tmp_path / "one", text)
    run.train()
    run, before = trainer(tmp_path / "two", text, Halt(9))
    run.train()
    run, after = trainer(tmp_path / "two", text)
    run.train(resume_from_checkpoint=True)
    assert before.applied + after.applied == straight.applied
    run, _ = trainer(tmp_path / "two", "linear")
    with pytest.raises(ScheduleError, match=r"got linear over .* the state has warmup\(20%\)"):
        run.train(resume_from_checkpoint=True)


@pytest.mark.filterwarnings("ignore")
def test_another_scheduler_is_named(tmp_path: Path) -> None:
    run, _ = trainer(tmp_path, "linear")
    run.lr_scheduler = torch.optim.lr_scheduler.StepLR(run.optimizer, 1)
    with pytest.raises(ScheduleError, match="the Trainer has StepLR"):
        run.train()
