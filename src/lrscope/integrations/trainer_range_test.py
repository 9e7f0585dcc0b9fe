"""A range test that a Hugging Face Trainer makes with its own step, and does not notice afterwards."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch.optim.lr_scheduler import LambdaLR
from transformers import Trainer, TrainerCallback
from transformers.trainer_callback import DefaultFlowCallback

from lrscope.errors import ConfigError
from lrscope.integrations.range_test import ended_early, require_no_scheduler, require_rates, require_seeds
from lrscope.number_text import counted
from lrscope.range_test.curve import Curve
from lrscope.range_test.result import RangeTestResult
from lrscope.schedules.ramp import RAMP_ENDED, WIDEN_BY, Ramp
from lrscope.training.divergence import RiseWatch
from lrscope.training.preserve import preserved, seed_generators


def range_test(
    trainer: Any,
    *,
    start: float = 1e-7,
    end: float = 1e-2,
    steps: int = 100,
    kind: Literal["exponential", "linear"] = "exponential",
    widen: bool = True,
    seeds: int = 1,
) -> RangeTestResult:
    """Train under a ramp with the Trainer's own loop, put everything back, and return the curve and what it says.

    Its collator, `compute_loss`, accumulation, clipping, mixed precision and adapters are those of its training; the
    rates of its groups keep their ratios. Nothing is logged, saved, evaluated or reported meanwhile. The loss of an
    update is the mean over its micro-batches and over all processes, which stop together.

    Args:
        trainer: a `transformers.Trainer` before its training.
        start: first rate of the largest group.
        end: last rate.
        steps: optimizer updates from one to the other.
        kind: how the rate rises.
        widen: where the loss has not risen by `end`, go on at the same pace, two decades at most.
        seeds: how often the test is made, each time from the same weights. One test has the Trainer's own seed. Of
            several, each sets seed and data seed to its number, 0, 1, ..., and the result says how far they disagree.

    Raises:
        ScheduleError: the ramp does not rise.
        ConfigError: the optimizer has a scheduler attached or no learning rate, the model has nothing that trains, or
            the Trainer has no batches.
    """
    ramp = Ramp(start, end, steps, kind)
    require_seeds(seeds)
    _require_examples(trainer)
    if not any(parameter.requires_grad for parameter in trainer.model.parameters()):
        raise ConfigError("a range test trains: got a model with no parameter that requires a gradient")
    if trainer.optimizer is not None:
        require_no_scheduler(trainer.optimizer)
        require_rates(trainer.optimizer)
    curves = [_curve(trainer, ramp, widen, seed, reseed=seeds > 1) for seed in range(seeds)]
    return RangeTestResult(tuple(curves))


def _curve(trainer: Any, ramp: Ramp, widen: bool, seed: int, *, reseed: bool) -> Curve:
    """Make one test, and put everything back."""
    last = ramp.steps
    while widen and ramp(last) <= ramp.end * WIDEN_BY * (1 + 1e-9):
        last += 1
    watcher = _Watcher(trainer, ramp, widen)
    scaler = getattr(trainer.accelerator, "scaler", None)
    with preserved(trainer.model, optimizer=trainer.optimizer, scaler=scaler), _untouched(trainer):
        trainer.args = _quiet(trainer.args, last, seed if reseed else None)
        if reseed:
            seed_generators(seed)
        trainer.callback_handler.callbacks = [DefaultFlowCallback(), watcher]
        trainer.create_scheduler = lambda num_training_steps, optimizer=None: _ramp_scheduler(trainer, optimizer, ramp)
        step = trainer.training_step

        def measured(model: Any, inputs: Any, *more: Any, **named: Any) -> Any:
            num_items = more[0] if more else named.get("num_items_in_batch")
            watcher.inspect(model, inputs, num_items)
            loss = step(model, inputs, *more, **named)
            watcher.add(loss)
            return loss

        trainer.training_step = measured
        trainer.train()
    made = len(watcher.rates)
    if not made:
        raise ConfigError("a range test needs batches: got a Trainer whose train_dataset has none; give it examples")
    if not watcher.why and made < ramp.steps:
        raise ended_early(made, ramp.steps)
    why = watcher.why or (RAMP_ENDED if made >= last else f"the batches ended after {counted(made, 'step')}")
    return Curve.of(watcher.rates, watcher.losses, end_reason=why, seed=seed, rose=watcher.rose)


def _require_examples(trainer: Any) -> None:
    data = trainer.train_dataset
    if data is None and type(trainer).get_train_dataloader is not Trainer.get_train_dataloader:
        return  # it makes its batches itself
    if data is None or (hasattr(data, "__len__") and len(data) == 0):
        got = "no train_dataset" if data is None else "a train_dataset without examples"
        raise ConfigError(f"a range test needs batches: got a Trainer with {got}; build it with train_dataset=")


class _Watcher(TrainerCallback):  # type: ignore[misc]
    """Notes each update's rate and loss, and ends the training when the rate is too large or the ramp is over."""

    def __init__(self, trainer: Any, ramp: Ramp, widen: bool) -> None:
        self.trainer, self.ramp, self.widen = trainer, ramp, widen
        self.rates: list[float] = []
        self.losses: list[float] = []
        self.why, self.rose = "", False
        self._loss, self._num_micro_batches, self._watch = 0.0, 0, RiseWatch()
        self._means: int | None = None  # how many means of a micro-batch the Trainer's loss of one is; 0: a part of one

    def inspect(self, model: Any, inputs: Any, num_items: Any) -> None:
        """Find out, before the first micro-batch, how the losses of micro-batches become that of an update."""
        args, processes = self.trainer.args, self.trainer.accelerator.num_processes
        if self._means is None and (args.gradient_accumulation_steps > 1 or processes > 1):
            self._means = _means_in_loss(self.trainer, model, inputs, num_items)

    def add(self, loss: Any) -> None:
        """Take in a micro-batch."""
        self._loss += float(loss)
        self._num_micro_batches += 1

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Begin an update."""
        self._loss, self._num_micro_batches = 0.0, 0

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Note the update."""
        loss = self._loss / (self._means * self._num_micro_batches) if self._means else self._loss
        accelerator = self.trainer.accelerator
        if accelerator.num_processes > 1:  # all of them see one loss, and so they stop together
            loss = float(accelerator.reduce(torch.tensor(loss, device=accelerator.device), reduction="mean"))
        self.rates.append(self.ramp(len(self.rates)))
        self.losses.append(loss)
        self.rose = self._watch(loss)
        if self.rose:
            self.why = self._watch.why
        elif not self.widen and len(self.rates) >= self.ramp.steps:
            self.why = RAMP_ENDED
        control.should_training_stop = control.should_training_stop or bool(self.why)


def _means_in_loss(trainer: Any, model: Any, inputs: Any, num_items: Any) -> int:
    """Return 0 where the losses that the Trainer gives of micro-batches add up to the mean over an update.

    They do where it divides them by the number of micro-batches, or the model by that of all tokens. But a model may
    take `num_items_in_batch` and not heed it, which is tried out: then each of them is a mean, which the Trainer
    multiplies by the number of processes where it takes it for a share of all processes' tokens.
    """
    takes_items = getattr(trainer, "model_accepts_loss_kwargs", False)
    has_function = getattr(trainer, "compute_loss_func", None) is not None
    is_scaled = getattr(trainer, "loss_is_scaled_for_ga", None)
    if is_scaled is None:
        is_scaled = (takes_items and num_items is not None) or has_function
    if not is_scaled:
        return 0
    if num_items is None:
        return 1
    model.eval()  # the Trainer's step sets it to train
    with torch.no_grad(), trainer.compute_loss_context_manager():
        prepared = trainer._prepare_inputs(inputs)
        whole = float(trainer.compute_loss(model, dict(prepared), num_items_in_batch=num_items))
        half = float(trainer.compute_loss(model, dict(prepared), num_items_in_batch=2 * num_items))
    if abs(half) < 0.75 * abs(whole):
        return 0
    if not getattr(trainer.args, "average_tokens_across_devices", False) or not (takes_items or has_function):
        return 1
    num_gpus: int = trainer.args.n_gpu
    return num_gpus if num_gpus > 1 else int(trainer.accelerator.num_processes)


def _ramp_scheduler(trainer: Any, optimizer: Any, ramp: Ramp) -> Any:
    """Attach the ramp to the optimizer that the Trainer has just made, or was given."""
    target = trainer.optimizer if optimizer is None else optimizer
    require_rates(target)
    largest = max(float(group["lr"]) for group in target.param_groups)
    trainer.lr_scheduler = LambdaLR(target, lambda update: ramp(update) / largest)
    return trainer.lr_scheduler


def _quiet(args: Any, max_steps: int, seed: int | None) -> Any:
    """Return a Trainer's arguments for a run of so many updates that leaves no trace; None keeps its seeds."""
    quiet = copy.copy(args)
    if seed is not None:
        object.__setattr__(quiet, "seed", seed)
        object.__setattr__(quiet, "data_seed", seed)
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
