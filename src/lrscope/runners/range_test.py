"""A range test of a study's own model, in the place of a fine-tune: one curve of loss against rate, at one seed."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

import numpy as np
from torch import nn
from torch.optim import Optimizer

from lrscope.config import FindConfig, TrialConfig
from lrscope.config.read import built_in_trial
from lrscope.randomness import derive_seed
from lrscope.records import EvaluationRecord, Outcome, StepRecord
from lrscope.runners.base import Event, Job, OnStart, Prepared
from lrscope.runners.one_trial import OneTrialAJob
from lrscope.schedules.ramp import RAMP_ENDED, WIDEN_BY
from lrscope.store.blobs import series_of
from lrscope.training.batches import step_batches
from lrscope.training.evaluation import outputs_of
from lrscope.training.host_memory import keep_freed_memory
from lrscope.training.loop import steps
from lrscope.training.numerics import apply
from lrscope.training.optimizer import build_optimizer
from lrscope.training.ramped import RampStep, ramped_steps
from lrscope.training.snapshot import capture, restore
from lrscope.training.study_inputs import StudyInputs

WARM_HEAD_RATE = 1e-2  # what a head alone learns fastest at, with AdamW


class RangeTestRunner(OneTrialAJob):
    """Makes range tests, one a job. They are short and keep no folder: a test that is stopped is made again."""

    def run(self, job: Job, prepared: Prepared, on_start: OnStart) -> Iterator[Event]:
        """Make a range test."""
        (trial,) = job.trials
        assert job.study.find is not None
        test = RangeTrial(prepared.inputs, job.study.find, built_in_trial(trial.config))
        on_start(test.stop)
        for record in test.run():
            yield Event("record", trial.id, record)
        yield Event("stopped", trial.id) if test.interrupted else Event("done", trial.id, outcome=test.outcome())


@dataclass
class RangeTrial:
    """One range test. `run` yields its steps; `outcome` is what a store keeps of it.

    A step's record holds the rate that was applied and the loss before the update. With a probe, evaluations of the
    split "probe" hold the probe's loss after it, and at step 0 that before the first.
    """

    inputs: StudyInputs
    config: FindConfig
    trial: TrialConfig
    records: list[StepRecord] = field(default_factory=list)
    probes: list[EvaluationRecord] = field(default_factory=list)
    end_reason: str = ""
    _stopped: bool = False

    def stop(self) -> None:
        """Ask the test to end at the next step; what it has is forgotten."""
        self._stopped = True

    def run(self) -> Iterator[StepRecord]:
        """Make the test."""
        began = monotonic()
        keep_freed_memory()
        apply(self.inputs.numerics)
        model = self._build_model()
        if self.config.warm_head:
            self._warm_head(model)
        self._probe = self._make_probe(model)
        if self._probe is not None:
            self._note_probe(0, self._probe())
        for step in self._ramp(model) if self.config.method == "ramp" else self._each_rate(model):
            self.records.append(step.record)
            if step.probe is not None:
                self._note_probe(len(self.records), step.probe)
            self.end_reason = step.end_reason
            yield step.record
            if self._stopped:
                return
        self.seconds = monotonic() - began

    @property
    def interrupted(self) -> bool:
        """Return whether the test was asked to stop."""
        return self._stopped

    def outcome(self) -> Outcome:
        """Return all that the test did. A rate that was too large is its result, not a divergence of the trial."""
        number = len(self.records)
        per_epoch = self.trial.resolve_schedule(self.inputs.encoded["train"].size).steps_per_epoch
        series = series_of(self.records)
        return Outcome(
            "completed", self.end_reason, number, number, per_epoch, self.seconds, series, tuple(self.probes)
        )

    # What is varied, and what is measured

    def _seed_of(self, purpose: str) -> int:
        return self.trial.seed if purpose in self.config.vary else 0

    def _build_model(self) -> nn.Module:
        return self.inputs.build_model(replace(self.trial, seed=self._seed_of("head")))

    def _batches(self) -> Iterator[Any]:
        return step_batches(
            self.inputs,
            replace(self.trial, seed=self._seed_of("dropout")),
            order_seed=self._seed_of("order"),
            endless=True,
        )

    def _loss(self, model: nn.Module, batch: Any) -> Any:
        return self.inputs.task.loss(model, batch, self.trial)[:2]

    def _make_probe(self, model: nn.Module) -> Callable[[], float] | None:
        if self.config.probed == "none":
            return None
        whole = self.inputs.encoded[self.config.probed]
        draw = np.random.default_rng(derive_seed(0, "probe"))
        size = min(self.config.probe_size, whole.num_examples)
        split = whole.take(np.sort(draw.choice(whole.num_examples, size, replace=False)))
        task = self.inputs.task
        return lambda: float(task.score(outputs_of(model, self.inputs, split), split).metrics["loss"])

    def _note_probe(self, step: int, loss: float) -> None:
        self.probes.append(EvaluationRecord(step, 0, "probe", {"loss": loss}, 0.0))

    # Courses

    def _ramp(self, model: nn.Module) -> Iterator[RampStep]:
        yield from ramped_steps(
            model,
            build_optimizer(model, self.trial),
            self._batches(),
            self._loss,
            self.config.ramp,
            widen_to=self.config.end * WIDEN_BY if self.config.widen else None,
            clip_norm=self.trial.clip_norm or None,
            probe=self._probe,
        )

    def _warm_head(self, model: Any) -> None:
        """Train the head alone: its fast descent from nothing hides what the backbone feels."""
        model.set_trainable("head")
        optimizer = build_optimizer(model, replace(self.trial, peak_rate=WARM_HEAD_RATE))
        batches = self._batches()
        course = steps(model, optimizer, batches, self._loss, lambda _: WARM_HEAD_RATE, clip_norm=1.0)
        for record in course:
            if record.step + 1 >= self.config.warm_head:
                break
        model.set_trainable(self.trial.train_part)

    def _each_rate(self, model: nn.Module) -> Iterator[RampStep]:
        """Train a little at each rate, always from the same weights on the same batches: time does not confound."""
        optimizer = build_optimizer(model, self.trial)
        start = copy.deepcopy(capture(model, optimizer))
        rates, before = self.config.rates, None
        for number, rate in enumerate(rates):
            restore(copy.deepcopy(start), model, optimizer)
            record = self._little_run(model, optimizer, rate)
            probe = None if self._probe is None or record.diverged else self._probe()
            measured = record.loss if probe is None else probe
            before = measured if before is None else before
            too_large = record.diverged or measured > before + 0.25 * abs(before)
            why = f"after {self.config.steps_each} steps at {rate:.3g} the loss was {measured:.3g}" if too_large else ""
            last = number + 1 == len(rates)
            yield RampStep(replace(record, step=number), probe, why or (RAMP_ENDED if last else ""))
            if too_large:
                return

    def _little_run(self, model: nn.Module, optimizer: Optimizer, rate: float) -> StepRecord:
        """Return the last step of a fork at a constant rate, or of a complete schedule; its rate is the peak rate."""
        num_steps = self.config.steps_each
        factor: Callable[[int], float] = lambda _: 1.0  # noqa: E731
        if self.config.method == "runs":
            trial = replace(self.trial, peak_rate=rate)
            factor = trial.resolve_schedule(self.inputs.encoded["train"].size, total_steps=num_steps)
        course = steps(
            model, optimizer, itertools.islice(self._batches(), num_steps), self._loss,
            lambda step: rate * factor(step), clip_norm=self.trial.clip_norm or None,
        )  # fmt: skip
        *_, record = course
        return replace(record, learning_rate=rate)
