"""What a user's training function is given: one trial while it runs, and the way to tell how it goes."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any, NoReturn

from lrscope.records import EvaluationRecord, Reached
from lrscope.runs.measured import Entry

MAX_REPORTS = 20_000  # training losses that are kept of a trial; of more, every second one
SECONDS_BETWEEN_TOLD = 0.1  # training losses are shown at most so often


class Diverged(Exception):  # noqa: N818 - a result of training, not an error of the program
    """Training diverged: the trial is recorded as diverged, at the last step that was reported.

    `Trial.report` raises it for a loss that is NaN or infinite. A function may raise it where it sees so itself.

    >>> raise Diverged("the loss is 30 times what it was")
    Traceback (most recent call last):
    lrscope.runners.external.running_trial.Diverged: the loss is 30 times what it was
    """


class StopRequested(BaseException):
    """The study was asked to stop: the function ends at its report, and the trial runs again when the study goes on.

    As KeyboardInterrupt it is no `Exception`, so that a training's own `except Exception` does not keep it.
    """


class TimeIsUp(BaseException):
    """The trial took longer than the study's `timeout`."""


class Trial:
    """One trial, as the training function sees it: what to train with, where to write, and how to report.

    A trial is one setting at one seed. `epochs` and `steps` are None where the study was not given them.

    Attributes:
        lr: the peak learning rate to train with.
        seed: the random seed to train with.
        settings: the study's own settings by name; `trial["dropout"]` is short for `trial.settings["dropout"]`.
        epochs: how many passes over the training set to make; an int where it is whole, as `range` wants it.
        steps: how many optimizer steps to make.
        number: the trial's number in the study, from 1 on.
        out: a folder for what the training leaves, such as weights; new and empty at every attempt.
        checkpoint: a folder for what a training goes on from; it is kept until the trial has ended, also over a kill.
    """

    def __init__(
        self,
        *,
        lr: float,
        seed: int,
        settings: Mapping[str, Any],
        number: int,
        out: Path,
        checkpoint: Path,
        epochs: float | None = None,
        steps: int | None = None,
    ) -> None:
        self.lr, self.seed, self.settings, self.epochs, self.steps = lr, seed, settings, epochs, steps
        self.number, self.out, self.checkpoint = number, out, checkpoint
        self._reports = Reports()

    def __getitem__(self, name: str) -> Any:
        """Return one of the study's own settings."""
        if name not in self.settings:
            known = ", ".join(self.settings) or "none"
            raise KeyError(f"a trial has the settings of its study: got {name!r}; it has {known}")
        return self.settings[name]

    def __repr__(self) -> str:
        own = "".join(f", {name}={value!r}" for name, value in self.settings.items())
        return f"Trial({self.number}: lr={self.lr:g}, seed={self.seed}{own})"

    @property
    def should_stop(self) -> bool:
        """Whether the study was asked to stop: write what to go on from into `checkpoint`, and report or return."""
        return self._reports.seen_stop()

    def report(
        self,
        step: int | None = None,
        *,
        epoch: float | None = None,
        lr: float | None = None,
        loss: float | None = None,
        **metrics: Any,
    ) -> None:
        """Tell how the training goes: for the curves, the live table, and to end a training that diverged.

        Args:
            step: how many optimizer steps were made; the last one that was told where it is left out. Where none is
                ever told, reports are counted.
            epoch: how many passes over the training set that is, also a fraction.
            lr: the learning rate that was applied.
            loss: the training loss.
            **metrics: what was measured: `dev_loss`, `eval_accuracy`, `test_f1`, `train_loss`; a name without a split
                is of dev. A metric that is NaN is left out.

        Raises:
            Diverged: a loss is NaN or infinite; the trial ends there, and is recorded as diverged.
            StopRequested: the study was asked to stop.
            TypeError: a value is no number.
        """
        self._reports.add(step, epoch, lr, loss, metrics)
        self._reports.check()


class Reports:
    """What a trial has reported, and whether it is to end: kept apart from what a user sees.

    `tell` is called with every record that is worth showing.
    """

    def __init__(self) -> None:
        self.evaluations: list[EvaluationRecord] = []
        self.step, self.epoch = 0, 0.0
        self.diverged = ""
        self.stop_asked = self.stop_seen = False
        self.deadline = math.inf
        self.tell: Callable[[EvaluationRecord | Reached], None] | None = None
        self._training: list[EvaluationRecord] = []
        self._every, self._num_seen, self._told = 1, 0, 0.0
        self._are_steps_told = False

    @property
    def records(self) -> list[EvaluationRecord]:
        """All that was reported, training losses among it."""
        return [*self._training, *self.evaluations]

    def add(
        self, step: int | None, epoch: float | None, lr: float | None, loss: float | None, metrics: Mapping[str, Any]
    ) -> None:
        """Take in one report.

        Raises:
            Diverged: a loss is NaN or infinite.
            TypeError: a value is no number.
        """
        self._move(step, epoch)
        values = {name: number_of(value, name) for name, value in metrics.items()}
        own = {"train_loss": loss, "learning_rate": lr}
        values |= {name: number_of(value, name) for name, value in own.items() if value is not None}
        for name, value in values.items():
            if name.endswith("loss") and not math.isfinite(value):
                self.diverge(f"{'loss' if name == 'train_loss' else name} became {value} at step {self.step}")
        known = {name: value for name, value in values.items() if math.isfinite(value)}
        for split, measured in Entry.of(known, bare="dev").splits.items():
            self._keep(EvaluationRecord(self.step, self.epoch, split, dict(measured), 0.0))

    def diverge(self, reason: str) -> NoReturn:
        """End the training as one that diverged, also where the function goes on.

        Raises:
            Diverged: always.
        """
        self.diverged = reason
        raise Diverged(reason)

    def seen_stop(self) -> bool:
        """Return whether the study was asked to stop; note that the function knows."""
        self.stop_seen = self.stop_seen or self.stop_asked
        return self.stop_asked

    @property
    def should_end(self) -> bool:
        """Whether the study was asked to stop, or the trial's time is up."""
        return self.stop_asked or monotonic() > self.deadline

    def check(self) -> None:
        """End the function where the study was asked to stop, or the time is up.

        Raises:
            StopRequested, TimeIsUp: it was.
        """
        if self.stop_asked:
            raise StopRequested
        if monotonic() > self.deadline:
            raise TimeIsUp

    def _move(self, step: int | None, epoch: float | None) -> None:
        if step is not None and not (number_of(step, "step") >= 0 and int(step) == step):
            raise TypeError(f"a step is a whole number, 0 or more: got step={step!r}")
        if epoch is not None and not 0.0 <= number_of(epoch, "epoch") <= 1e9:
            raise TypeError(f"an epoch is a number, 0 or more: got epoch={epoch!r}")
        self._are_steps_told = self._are_steps_told or step is not None
        if step is not None:
            self.step = int(step)
        elif not self._are_steps_told:
            self.step += 1
        self.epoch = self.epoch if epoch is None else float(epoch)

    def _keep(self, record: EvaluationRecord) -> None:
        if record.split != "train":
            self.evaluations.append(record)
            self.say(record)
            return
        if self._num_seen % self._every == 0:
            self._training.append(record)
        self._num_seen += 1
        if len(self._training) > MAX_REPORTS:
            self._training, self._every = self._training[::2], 2 * self._every
        if monotonic() - self._told > SECONDS_BETWEEN_TOLD:
            self._told = monotonic()
            self.say(record)

    def say(self, record: EvaluationRecord | Reached) -> None:
        """Tell a record to whoever shows the trial; nobody may."""
        if self.tell is not None:
            self.tell(record)


def number_of(value: Any, name: str) -> float:
    """Return a number of Python, numpy or torch.

    Raises:
        TypeError: it is none.

    >>> number_of(True, "done")
    Traceback (most recent call last):
    TypeError: a value of a training is a number: got done=True
    """
    if callable(item := getattr(value, "item", None)):
        with suppress(ValueError, RuntimeError):  # an array of several
            value = item()
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"a value of a training is a number: got {name}={shown(value)}")
    return float(value)


def shown(value: Any) -> str:
    """Return a value of the user's on one line, not too long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
