"""A callback that leaves a Trainer's run as a record: its settings, the rates applied, and all that was measured."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from lrscope.errors import ConfigError, DataError, StudyError
from lrscope.records import EvaluationRecord, Status
from lrscope.runners.external.example_losses import example_scores, kind_of
from lrscope.runs.measured import Entry
from lrscope.runs.recorded_run import RECORD, read_recorded
from lrscope.runs.run_record_writer import RunRecordWriter

OnRecord = Callable[[EvaluationRecord], bool | None]


class Recorder(TrainerCallback):  # type: ignore[misc]
    """Leaves a run in `folder`, for `lrscope report`: `Trainer(..., callbacks=[Recorder("runs/a")])`.

    The folder gets `lrscope.json`, written whole at each evaluation, so that a run that was killed can be read: the
    learning rate that the optimizer held at each logged step, training losses (NaN as NaN: the Trainer's
    `logging_nan_inf_filter`, which hides them, is off meanwhile), evaluations, and the settings of the training. A run
    that is resumed from a checkpoint goes on with its record. Of several processes the main one writes.

    Args:
        folder: where the record is written; every run has its own.
        per_example_losses: evaluate each example of the eval dataset once more, at the last evaluation, and write
            `scores.parquet`: runs are then compared example by example. For causal language models and sequence
            classifiers (and there by the share of right answers too, where the Trainer measures an `accuracy`), in one
            process.
        on_record: is given what was measured, when it was; where it returns True, the training is ended.

    Raises:
        StudyError: when the training begins: the folder holds another run that was completed, or cannot be written.
        ConfigError: when the training begins: per-example losses cannot be measured.
    """

    def __init__(
        self, folder: str | Path, *, per_example_losses: bool = False, on_record: OnRecord | None = None
    ) -> None:
        self.folder, self.per_example_losses, self.on_record = Path(folder), per_example_losses, on_record
        self._writer: RunRecordWriter | None = None
        self._rate: float | None = None
        self._evaluated: dict[tuple[int, str], float] = {}  # of dev, by step and name
        self._lost: tuple[int, float | None, float] | None = None  # step, rate and loss where it was no number first
        self._last_loss, self._scored_at, self._has_ended, self._hid_nan = 0.0, -1, False, False
        self._has_warned = False

    def on_train_begin(
        self, args: Any, state: Any, control: Any, model: Any = None, optimizer: Any = None, lr_scheduler: Any = None,
        **_: Any,
    ) -> None:  # fmt: skip
        """Begin the record, or go on with it."""
        if self.per_example_losses:
            _require_example_losses(args, model)
        if not state.is_world_process_zero:
            return
        before = self._before(state.global_step)
        self._evaluated, self._lost, self._has_ended, self._scored_at = {}, None, False, -1
        self._writer = RunRecordWriter(
            self.folder, rate=_peak_rate(optimizer, args), seed=args.seed, settings=_settings(args, lr_scheduler)
        )
        self._writer.add(before)
        self._writer.save()
        self._hid_nan = bool(args.logging_nan_inf_filter)
        object.__setattr__(args, "logging_nan_inf_filter", False)

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, optimizer: Any = None, **_: Any) -> None:
        """Note the rate that this update is made with."""
        if optimizer is not None:
            self._rate = max(float(group["lr"]) for group in optimizer.param_groups)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Record a training loss."""
        if self._writer is None or "loss" not in (logs or {}):
            return
        loss = Entry.of({"loss": logs["loss"]}).splits.get("train", {}).get("loss", math.nan)
        self._last_loss = loss
        if not math.isfinite(loss) and self._lost is None:
            self._lost = state.global_step, self._rate, loss
        self._written(lambda writer: writer.train(state.global_step, state.epoch, loss=loss, rate=self._rate))
        metrics = {"loss": loss} if self._rate is None else {"loss": loss, "learning_rate": self._rate}
        self._tell(state, control, "train", metrics)

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **named: Any) -> None:
        """Record an evaluation; of the last one, the examples' losses where they are asked for."""
        if self._writer is None:
            return
        splits = Entry.of(metrics or {}).splits
        for split in ("dev", "test"):
            values = dict(splits.get(split, {}))
            if split == "dev" and self._has_ended:  # perhaps of the best weights, which are not those of this step
                values = {name: v for name, v in values.items() if (state.global_step, name) not in self._evaluated}
            if values:
                self._record(state, control, split, values)
        is_last = state.global_step >= state.max_steps or control.should_training_stop
        if "dev" in splits and is_last and self._scored_at != state.global_step:
            self._score(state, splits["dev"], **named)

    def on_predict(self, args: Any, state: Any, control: Any, metrics: Any = None, **_: Any) -> None:
        """Record what was measured on a test set."""
        values = Entry.of(metrics or {}).splits.get("test")
        if self._writer is not None and values:
            self._record(state, control, "test", dict(values))

    def on_save(self, args: Any, state: Any, control: Any, **named: Any) -> None:
        """Measure the examples' losses where early stopping has made this the last evaluation."""
        if control.should_training_stop:
            self._score_late(state, **named)

    on_epoch_end = on_save

    def on_train_end(self, args: Any, state: Any, control: Any, **named: Any) -> None:
        """Say in the record how the run ended."""
        if self._writer is None:
            return
        object.__setattr__(args, "logging_nan_inf_filter", self._hid_nan)
        if not args.load_best_model_at_end:
            self._score_late(state, **named)
        self._has_ended = True
        if self._lost is not None and not math.isfinite(self._last_loss):
            step, rate, loss = self._lost
            held = "" if rate is None else f", learning rate {rate:.3g}"
            self._written(lambda writer: writer.finish("diverged", f"loss became {loss} at step {step}{held}"))
        else:
            status: Status = "completed" if state.global_step >= state.max_steps else "stopped"
            self._written(lambda writer: writer.finish(status))

    def _before(self, step: int) -> list[EvaluationRecord]:
        """Return what the record holds from before a run that is resumed at a step."""
        path = self.folder / RECORD
        if not path.is_file():
            return []
        try:
            record = read_recorded(path)
        except DataError:  # half of one, or of something else: a run that begins there replaces it
            return []
        if step:
            return [each for each in record.evaluations if each.step <= step]
        if record.status == "completed" and self._writer is None:
            raise StudyError(f"{self.folder} holds a run that was completed; record this one in another folder")
        return []

    def _record(self, state: Any, control: Any, split: str, values: Mapping[str, float]) -> None:
        if split == "dev":
            self._evaluated |= {(state.global_step, name): value for name, value in values.items()}
        self._written(lambda writer: writer.evaluation(state.global_step, state.epoch, split, values))
        self._tell(state, control, split, values)

    def _tell(self, state: Any, control: Any, split: str, values: Mapping[str, float]) -> None:
        if self.on_record is not None:
            epoch = 0.0 if state.epoch is None else float(state.epoch)
            if self.on_record(EvaluationRecord(state.global_step, epoch, split, dict(values), 0.0)):
                control.should_training_stop = True

    def _score_late(self, state: Any, **named: Any) -> None:
        """Measure the examples' losses, where this step was evaluated and they are not known yet."""
        dev = {name: value for (step, name), value in self._evaluated.items() if step == state.global_step}
        if dev and self._scored_at != state.global_step:
            self._score(state, dev, **named)

    def _score(
        self, state: Any, dev: Mapping[str, float], model: Any = None, eval_dataloader: Any = None, **_: Any
    ) -> None:
        losses = sorted((name for name in dev if name == "loss" or name.endswith("_loss")), key=len)
        if not self.per_example_losses or eval_dataloader is None or not losses:
            return
        scores = example_scores(model, eval_dataloader)
        self._scored_at = state.global_step
        self._written(lambda writer: writer.example_scores(losses[0], scores["loss"]))
        # The Trainer's own share of right answers, example by example, where it is that: it measures what it likes.
        if "right" in scores and abs(dev.get("accuracy", math.nan) - scores["right"].mean) < 1e-6:
            self._written(lambda writer: writer.example_scores("accuracy", scores["right"]))

    def _written(self, write: Callable[[RunRecordWriter], None]) -> None:
        """Write; a disk that is full in the middle of a training costs the record, not the training."""
        assert self._writer is not None
        try:
            write(self._writer)
        except StudyError as error:
            if not self._has_warned:
                warnings.warn(f"the run's record is not up to date: {error}", stacklevel=2)
                self._has_warned = True


def _require_example_losses(args: Any, model: Any) -> None:
    kind_of(model)
    if args.world_size > 1:
        raise ConfigError(f"per-example losses are measured in one process: got {args.world_size}; leave them out")
    if getattr(args, "label_smoothing_factor", 0.0) > 0.0:
        raise ConfigError("per-example losses are cross entropies: got label smoothing; leave out one of them")


def _peak_rate(optimizer: Any, args: Any) -> float:
    """Return the rate that a schedule is a multiple of, as the optimizer has it; the largest group's."""
    groups = getattr(optimizer, "param_groups", None) or []
    rates = [float(group.get("initial_lr", group["lr"])) for group in groups]
    return max(rates, default=float(args.learning_rate))


def _settings(args: Any, scheduler: Any) -> dict[str, Any]:
    """Return what tells runs apart, by the names that settings have here."""
    scheduler = getattr(scheduler, "scheduler", scheduler)  # accelerate may have wrapped it
    own = getattr(scheduler, "schedule", None)
    schedule = str(own) if own is not None else str(getattr(args.lr_scheduler_type, "value", args.lr_scheduler_type))
    length = {"max_steps": args.max_steps} if args.max_steps > 0 else {"epochs": args.num_train_epochs}
    warmup = float(args.warmup_steps or 0.0)
    return {
        **length,
        "batch_size": args.train_batch_size * args.gradient_accumulation_steps * args.world_size,
        "weight_decay": args.weight_decay,
        "schedule": schedule,
        **({} if own is not None else {"warmup": f"{warmup:g}" if warmup >= 1 or not warmup else f"{100 * warmup:g}%"}),
    }
