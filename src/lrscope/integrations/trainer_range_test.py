"""A range test that a Hugging Face Trainer makes with its own step, and does not notice afterwards."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from torch.optim.lr_scheduler import LambdaLR
from transformers import TrainerCallback
from transformers.trainer_callback import DefaultFlowCallback

from lrscope.errors import ConfigError
from lrscope.integrations.range_test import require_no_scheduler
from lrscope.range_test.curve import Curve
from lrscope.range_test.result import RangeTestResult
from lrscope.schedules.ramp import RAMP_ENDED, WIDEN_BY, Ramp
from lrscope.training.divergence import RiseWatch
from lrscope.training.preserve import preserved


def range_test(
    trainer: Any,
    *,
    start: float = 1e-7,
    end: float = 1e-2,
    steps: int = 100,
    kind: Literal["exponential", "linear"] = "exponential",
    widen: bool = True,
) -> RangeTestResult:
    """Train under a ramp with the Trainer's own loop, put everything back, and return the curve and what it says.

    Its collator, `compute_loss`, accumulation, clipping, mixed precision and adapters are those of its training; the
    rates of its groups keep their ratios. Nothing is logged, saved, evaluated or reported meanwhile.

    Args:
        trainer: a `transformers.Trainer` before its training.
        start: first rate of the largest group.
        end: last rate.
        steps: optimizer updates from one to the other.
        kind: how the rate rises.
        widen: where the loss has not risen by `end`, go on at the same pace, two decades at most.

    Raises:
        ScheduleError: the ramp does not rise.
        ConfigError: its optimizer has a scheduler attached, or its model nothing that trains.
    """
    ramp = Ramp(start, end, steps, kind)
    if not any(parameter.requires_grad for parameter in trainer.model.parameters()):
        raise ConfigError("a range test trains: got a model with no parameter that requires a gradient")
    if trainer.optimizer is not None:
        require_no_scheduler(trainer.optimizer)
    last = steps
    while widen and ramp(last) <= end * WIDEN_BY * (1 + 1e-9):
        last += 1
    watcher = _Watcher(ramp, widen)
    scaler = getattr(trainer.accelerator, "scaler", None)
    with preserved(trainer.model, optimizer=trainer.optimizer, scaler=scaler), _untouched(trainer):
        trainer.args = _quiet(trainer.args, last)
        trainer.callback_handler.callbacks = [DefaultFlowCallback(), watcher]
        trainer.create_scheduler = lambda num_training_steps, optimizer=None: _ramp_scheduler(trainer, optimizer, ramp)
        step = trainer.training_step

        def measured(*inputs: Any, **more: Any) -> Any:
            loss = step(*inputs, **more)
            watcher.loss += float(loss)
            return loss

        trainer.training_step = measured
        trainer.train()
    rose = watcher.why not in ("", RAMP_ENDED)
    return RangeTestResult((Curve.of(watcher.rates, watcher.losses, end_reason=watcher.why, rose=rose),))


class _Watcher(TrainerCallback):  # type: ignore[misc]
    """Notes each update's rate and loss, and ends the training when the rate is too large or the ramp is over."""

    def __init__(self, ramp: Ramp, widen: bool) -> None:
        self.ramp, self.widen = ramp, widen
        self.rates: list[float] = []
        self.losses: list[float] = []
        self.loss, self.why, self._watch = 0.0, "", RiseWatch()

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Begin an update's sum over micro-batches."""
        self.loss = 0.0

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Note the update."""
        self.rates.append(self.ramp(len(self.rates)))
        self.losses.append(self.loss)
        if self._watch(self.loss):
            self.why = self._watch.why
        elif not self.widen and len(self.rates) >= self.ramp.steps:
            self.why = RAMP_ENDED
        control.should_training_stop = control.should_training_stop or bool(self.why)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Say why it is over where the rate never was too large."""
        self.why = self.why or RAMP_ENDED


def _ramp_scheduler(trainer: Any, optimizer: Any, ramp: Ramp) -> Any:
    """Attach the ramp to the optimizer that the Trainer has just made, or was given."""
    target = trainer.optimizer if optimizer is None else optimizer
    largest = max(float(group["lr"]) for group in target.param_groups)
    trainer.lr_scheduler = LambdaLR(target, lambda update: ramp(update) / largest)
    return trainer.lr_scheduler


def _quiet(args: Any, max_steps: int) -> Any:
    """Return a Trainer's arguments for a run of so many updates that leaves no trace."""
    quiet = copy.copy(args)
    for name, value in (
        ("max_steps", max_steps), ("eval_strategy", "no"), ("save_strategy", "no"), ("logging_strategy", "no"),
        ("load_best_model_at_end", False), ("report_to", []), ("push_to_hub", False), ("eval_on_start", False),
        ("logging_nan_inf_filter", False), ("resume_from_checkpoint", None), ("disable_tqdm", True),
    ):  # fmt: skip
        object.__setattr__(quiet, name, value)
    return quiet


@contextmanager
def _untouched(trainer: Any) -> Iterator[None]:
    """Put back what the Trainer holds: every attribute, its callbacks, and its accelerator's lists."""
    handler, accelerator = trainer.callback_handler, trainer.accelerator
    kept, callbacks = dict(trainer.__dict__), list(handler.callbacks)
    state, control = copy.copy(trainer.state), copy.copy(trainer.control)
    prepared = {name: list(value) for name, value in vars(accelerator).items() if isinstance(value, list)}
    steps = accelerator.step
    try:
        yield
    finally:
        trainer.__dict__.clear()
        trainer.__dict__.update(kept)
        handler.callbacks = callbacks
        trainer.state.__dict__.update(state.__dict__)
        trainer.control.__dict__.update(control.__dict__)
        for name, value in prepared.items():
            getattr(accelerator, name)[:] = value
        accelerator.step = steps
