"""One trial: the loop, assembled from a study's inputs, with evaluations, checkpoints and snapshots on the way.

    for record in Trial(store, inputs, row).run(): ...

A trial yields what happens and stores it. It may be stopped at any record, closed, or killed: the next run of the
same trial goes on from the last snapshot and ends with the same weights, bit for bit on a CPU.

The order at an evaluation is what makes that hold: records and evaluations enter the store in one
transaction, then the best checkpoint is written, then the snapshot. Going on from a snapshot forgets whatever the
store holds from after it, and does it again the same way.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from time import monotonic, perf_counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lrscope.config.read import built_in_trial
from lrscope.models.checkpoint_writer import link_checkpoint, read_weights
from lrscope.models.trainable import TrainableModel
from lrscope.number_text import counted
from lrscope.records import FINISHED, WITH_VALUE, EvaluationRecord, Record, Status, StepRecord, TrialResult, epoch_of
from lrscope.schedules.lint import Finding, lint
from lrscope.store.study import StudyStore
from lrscope.store.trials import TrialRow
from lrscope.tasks.base import EncodedSplit
from lrscope.training.batches import step_batches
from lrscope.training.dev_history import DevHistory
from lrscope.training.endpoint import EndpointStopped, store_endpoint
from lrscope.training.evaluation import outputs_of
from lrscope.training.host_memory import keep_freed_memory
from lrscope.training.loop import steps
from lrscope.training.numerics import apply
from lrscope.training.optimizer import build_optimizer
from lrscope.training.out_of_memory import halved, is_out_of_memory
from lrscope.training.running_mean import RunningMean
from lrscope.training.study_inputs import StudyInputs
from lrscope.training.trial_snapshots import TrialSnapshots

SNAPSHOT_SECONDS = 120.0


class Trial:
    """One trial of a study, run or resumed by `run`."""

    def __init__(
        self, store: StudyStore, inputs: StudyInputs, row: TrialRow, *, snapshot_seconds: float = SNAPSHOT_SECONDS
    ) -> None:
        self.store, self.inputs, self.id, self.config = store, inputs, row.id, built_in_trial(row.config)
        self.folder = store.trial_folder(row.id)
        self.task = inputs.task
        self.train = inputs.encoded["train"]
        self.schedule = self.config.resolve_schedule(self.train.size)
        self.total_steps, self.steps_per_epoch = self.schedule.total_steps, self.schedule.steps_per_epoch
        self.evaluation_steps = frozenset(self.config.evaluation_steps(self.schedule.horizon))
        self.history = DevHistory(store, row.id)
        self.snapshots = TrialSnapshots(self.folder, self.schedule, snapshot_seconds)
        self._stop_asked = False
        self._unwritten: list[StepRecord] = []
        self._means = RunningMean()
        self._computed, self._note = self.config, ""
        self._began = monotonic()

    def stop(self) -> None:
        """Ask the run to end at the next record, leaving a snapshot."""
        self._stop_asked = True

    def findings(self) -> list[Finding]:
        """Return what is likely wrong with the schedule in this run."""
        return lint(
            self.schedule.schedule,
            total_steps=self.total_steps,
            steps_per_epoch=self.steps_per_epoch,
            peak_rate=self.config.peak_rate,
            tokens_per_epoch=self.schedule.horizon.tokens_per_epoch,
            patience=self.config.patience,
        )

    def run(self) -> Iterator[Record]:
        """Yield records until the trial ends; the last one is its `TrialResult`.

        Where memory does not hold a batch, the trial goes on from its last snapshot with the batch computed in parts.

        Raises:
            StudyError: the folder cannot be written, or no snapshot of a begun trial can be used.
        """
        while True:
            try:
                yield from self._run()
                return
            except (RuntimeError, MemoryError) as error:
                smaller = halved(self._computed) if is_out_of_memory(error) else None
                if smaller is None:
                    raise
                self._computed = smaller
                self._note = f"memory was short: batches were computed in parts of {smaller.micro_batch}"
            if self.inputs.numerics.device == "cuda":
                torch.cuda.empty_cache()

    # The course of a trial

    def _run(self) -> Iterator[Record]:
        row = self.store.trial(self.id)
        if row.status in FINISHED:
            yield self._result(row.status, row.step, row.reason)
            return
        self._unwritten = []
        keep_freed_memory()
        apply(self.inputs.numerics)
        model = self.inputs.build_model(self.config)
        optimizer = build_optimizer(model, self.config)
        done, self._means = self.snapshots.restore_latest(model, optimizer)
        self.store.rewind(self.id, done)
        self.store.update_trial(self.id, "running", step=done, horizon=(self.total_steps, self.steps_per_epoch))
        try:
            status, reason = yield from self._train(model, optimizer, done)
            if status in WITH_VALUE:
                yield from store_endpoint(self.store, self.id, model, self.inputs, lambda: self._stop_asked)
        except EndpointStopped:
            status, reason = "interrupted", "stopped by the user"
        except GeneratorExit:
            self._pause(model, optimizer)
            raise
        if status == "interrupted":
            self._pause(model, optimizer)
            yield self._result(status, self._done, reason)
            return
        yield from self._finish(model, status)
        self._mark(status, reason)
        self.snapshots.remove()
        yield self._result(status, self._done, reason)

    def _train(
        self, model: TrainableModel, optimizer: Optimizer, done: int
    ) -> Generator[Record, None, tuple[Status, str]]:
        self._done = done
        self._update_plateau()
        if done in self.evaluation_steps and self._stops_early():
            return "stopped", self._why_stopped()
        for record in steps(
            model,
            optimizer,
            step_batches(self.inputs, self._computed, start=done),
            self._loss,
            self._rate_at,
            start=done,
            clip_norm=self.config.clip_norm or None,
        ):
            self._unwritten.append(record)
            if record.diverged:
                self._flush()
                yield record
                return "diverged", record.divergence_reason
            self._done = record.step + 1
            self._means.add("loss", record.loss * record.count, record.count)
            if self._done in self.evaluation_steps:
                evaluations = self._evaluate_all(model)
                self._flush(evaluations)
                self._update_plateau()
                if evaluations[-1].improved:
                    self._save(model, "best", evaluations[-1])
                if self._done % self.steps_per_epoch == 0 or self.snapshots.is_due:
                    self._snapshot(model, optimizer)
                yield record
                yield from evaluations
                if self._stops_early():
                    return "stopped", self._why_stopped()
            else:
                if self.snapshots.is_due:
                    self._flush()
                    self._snapshot(model, optimizer)
                yield record
            if self._stop_asked and self._done < self.total_steps:
                return "interrupted", "stopped by the user"
        return "completed", self._note

    def _rate_at(self, step: int) -> float:
        return self.config.peak_rate * self.schedule(step)

    def _update_plateau(self) -> None:
        """Give the schedule what was measured so far, where it depends on a metric."""
        if self.schedule.schedule.depends_on_metric:
            self.schedule = self.schedule.with_history(self.history.signed())

    def _loss(self, model: nn.Module, batch: Any) -> tuple[Tensor, float]:
        loss = self.task.loss(model, batch, self.config)
        for name, (values, weights) in loss.scores.items():
            self._means.add(name, float((values * weights).sum()), float(weights.sum()))
        return loss.total, loss.num_units

    # Evaluations

    def _evaluate_all(self, model: TrainableModel) -> list[EvaluationRecord]:
        """Return the training pass's own means, a full pass over train where asked for, and dev, in this order."""
        records = [self._record("train", self._means.means(), 0.0)]
        self._means = RunningMean()
        if self.config.train_metrics == "full":
            records.append(self._evaluate(model, self.train, "train-full", keep_scores=False))
        records.append(self._evaluate(model, self.inputs.encoded["dev"], "dev"))
        return records

    def _evaluate(
        self, model: TrainableModel, split: EncodedSplit, name: str, *, keep_scores: bool = True
    ) -> EvaluationRecord:
        began = perf_counter()
        evaluation = self.task.score(outputs_of(model, self.inputs, split), split)
        value = evaluation.metrics[self.store.metric.name]
        improved = name == "dev" and self.store.metric.better(value, self.history.best_value())
        scores = evaluation.scores if keep_scores else {}
        return self._record(name, evaluation.metrics, perf_counter() - began, scores, improved)

    def _record(
        self, split: str, metrics: dict[str, float], seconds: float, scores: Any = None, improved: bool = False
    ) -> EvaluationRecord:
        epoch = epoch_of(self._done, self.steps_per_epoch)
        return EvaluationRecord(self._done, epoch, split, metrics, seconds, scores or {}, improved)

    def _stops_early(self) -> bool:
        return self._done < self.total_steps and self.history.should_stop(self.config.patience)

    def _why_stopped(self) -> str:
        metric = self.store.config.metric_title(self.store.metric.name)
        return f"dev {metric} has not improved for {counted(self.config.patience or 0, 'evaluation')}"

    # What is kept

    def _flush(self, evaluations: list[EvaluationRecord] | None = None) -> None:
        self.store.append(self.id, self._unwritten, evaluations or ())
        self._unwritten = []

    def _snapshot(self, model: TrainableModel, optimizer: Optimizer) -> None:
        self.snapshots.write(self._done, model, optimizer, self._means)

    def _pause(self, model: TrainableModel, optimizer: Optimizer) -> None:
        if self._unwritten:
            self._flush()
        if self.snapshots.step != self._done:
            self._snapshot(model, optimizer)
        self._mark("interrupted", "stopped by the user")

    def _mark(self, status: Status, reason: str) -> None:
        self.store.update_trial(self.id, status, step=self._done, reason=reason, seconds=monotonic() - self._began)

    def _save(self, model: TrainableModel, name: str, evaluation: EvaluationRecord | None = None) -> None:
        metadata = {"lrscope.step": str(self._done), "lrscope.schedule": self.schedule.text}
        if evaluation is not None:
            metadata |= {f"lrscope.dev.{metric}": repr(value) for metric, value in evaluation.metrics.items()}
        folder = self.folder / name
        self.task.save(self.inputs.data, model.to_tensors(), folder, metadata, self.config)
        if name == "best":
            link_checkpoint(folder, self.store.folder / "best")

    def _finish(self, model: TrainableModel, status: Status) -> Iterator[Record]:
        """Save the endpoint, then keep the test predictions of the endpoint and of the best checkpoint."""
        if status != "diverged":
            self._save(model, "last", next(reversed(self.history.records()), None))
            yield from self._predict_test(model)
        best = self.history.best()
        if best is None:
            return
        if status == "diverged" or best.step != self._done:
            model.load_tensors(read_weights(self.folder / "best"))
            endpoint, self._done = self._done, best.step
            yield from self._predict_test(model)
            self._done = endpoint

    def _predict_test(self, model: TrainableModel) -> Iterator[Record]:
        split = self.inputs.encoded.get("test")
        if split is None:
            return
        outputs = outputs_of(model, self.inputs, split)
        self.store.add_predictions(self.id, self._done, "test", outputs)
        if self.inputs.config.score_test and split.has_targets:
            self.store.record_opening(self.id, self._done, "test", "--score-test")
            evaluation = self.task.score(outputs, split)
            record = self._record("test", evaluation.metrics, 0.0, evaluation.scores)
            self.store.append(self.id, [], [record])
            yield record

    def _result(self, status: Status, step: int, reason: str) -> TrialResult:
        values, best = self.history.values(), self.history.best()
        return TrialResult(
            status=status,
            step=step,
            total_steps=self.total_steps,
            metric=self.store.metric,
            best=self.history.best_value(),
            best_epoch=None if best is None else best.epoch,
            endpoint=values[-1] if values else None,
            reason=reason,
        )
