"""What a trial measured on dev so far, read from its store: a resumed run decides as the uninterrupted one would."""

from __future__ import annotations

from lrscope.records import EvaluationRecord
from lrscope.store.study import StudyStore
from lrscope.training.early_stopping import should_stop


class DevHistory:
    """A trial's evaluations on dev, in order."""

    def __init__(self, store: StudyStore, trial: int) -> None:
        self.store, self.trial, self.metric = store, trial, store.metric

    def records(self) -> list[EvaluationRecord]:
        """Return the evaluations."""
        return self.store.evaluations(self.trial, "dev")

    def values(self) -> list[float]:
        """Return the decision metric of each."""
        return [record.metrics[self.metric.name] for record in self.records()]

    def best(self) -> EvaluationRecord | None:
        """Return the best one, the earliest among equals; None where there is none."""
        records = self.records()
        index = self.metric.best_index([record.metrics[self.metric.name] for record in records])
        return None if index is None else records[index]

    def best_value(self) -> float | None:
        """Return the decision metric of the best one."""
        best = self.best()
        return None if best is None else best.metrics[self.metric.name]

    def signed(self) -> list[tuple[int, float]]:
        """Return (step, value where more is better) of each, as schedules read it that depend on a metric."""
        return [(record.step, self.metric.sign * record.metrics[self.metric.name]) for record in self.records()]

    def should_stop(self, patience: int | None) -> bool:
        """Return whether the last `patience` evaluations brought nothing better."""
        return should_stop(self.metric, self.values(), patience)
