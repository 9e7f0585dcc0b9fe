"""Writes a run's own record, `lrscope.json`, while it trains: what is on the disk can be read at any time."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lrscope.errors import StudyError
from lrscope.files import replacing, write_text
from lrscope.records import EvaluationRecord, Metric, Status
from lrscope.runs.recorded_run import FORMAT, RECORD, VERSION
from lrscope.runs.score_table import ExampleValues

SECONDS_BETWEEN = 10.0  # a record is written at most so often for what is logged; at once for evaluations
MAX_LOGGED = 20_000  # training losses that are kept; of more, every second one
SCORES = "scores.parquet"


class RunRecordWriter:
    """A run's record as it grows. Until `finish`, the file says that the run was interrupted: a kill leaves the truth.

    Args:
        folder: where the record is written; it is made where it is not there.
        rate: the peak learning rate that it trains at.
        seed: its random seed.
        settings: what else tells runs apart, by name.
        metric: what runs are compared by, where the run knows.
        seconds: what it had taken before, where it goes on.

    Raises:
        StudyError: the folder cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        rate: float | None = None,
        seed: int | None = None,
        settings: Mapping[str, Any] | None = None,
        metric: Metric | None = None,
        seconds: float = 0.0,
    ) -> None:
        self.folder, self.path = folder, folder / RECORD
        self.rate, self.seed, self.settings, self.metric = rate, seed, dict(settings or {}), metric
        self.scores: dict[str, ExampleValues] = {}
        self._train: list[dict[str, Any]] = []
        self._evaluations: list[dict[str, Any]] = []
        self._status, self._reason, self._scores_file = "interrupted", "", False
        self._began, self._written = time.monotonic() - seconds, -math.inf
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StudyError(f"cannot write a record in {folder}: {error.strerror or error}") from error

    def train(self, step: int, epoch: float | None, *, loss: float, rate: float | None) -> None:
        """Add a training loss, and the rate that was applied."""
        metrics = {"loss": loss} if rate is None else {"loss": loss, "learning_rate": rate}
        self._train.append(_entry(step, epoch, "train", metrics))
        if len(self._train) > MAX_LOGGED:
            self._train = [*self._train[:-1:2], self._train[-1]]
        if time.monotonic() - self._written > SECONDS_BETWEEN:
            self.save()

    def evaluation(self, step: int, epoch: float | None, split: str, metrics: Mapping[str, float]) -> None:
        """Add an evaluation of dev or test."""
        self._evaluations.append(_entry(step, epoch, split, metrics))
        self.save()

    def add(self, records: Sequence[EvaluationRecord]) -> None:
        """Add what is known from before, as where a run goes on."""
        for record in records:
            epoch = None if math.isnan(record.epoch) else record.epoch
            entries = self._train if record.split == "train" else self._evaluations
            entries.append(_entry(record.step, epoch, record.split, record.metrics))

    def example_scores(self, metric: str, scores: ExampleValues) -> None:
        """Keep per-example values of a metric at the endpoint; they are written beside the record."""
        self.scores[metric] = scores
        self._write_scores()
        self.save()

    def finish(self, status: Status = "completed", reason: str = "") -> None:
        """Say how the run ended."""
        self._status, self._reason = status, reason
        self.save()

    def save(self) -> None:
        """Write the record, whole or not at all.

        Raises:
            StudyError: the disk is full, or the folder gone.
        """
        given = {"lr": self.rate, "seed": self.seed, "metric": self.metric and self.metric._asdict()}
        values = {
            "format": FORMAT, "version": VERSION, **{name: value for name, value in given.items() if value is not None},
            "settings": self.settings, "status": self._status, "reason": self._reason,
            "seconds": round(time.monotonic() - self._began, 3),
            **({"scores": SCORES} if self._scores_file else {}),
        }  # fmt: skip
        evaluations = sorted([*self._train, *self._evaluations], key=lambda entry: entry["step"])
        # Entries are a line each: a person can read them, and a long run's file stays small.
        entries = ",\n".join(f"  {json.dumps(entry)}" for entry in evaluations)
        head = json.dumps(values, indent=1, default=str)[:-2]
        write_text(self.path, f'{head},\n "evaluations": [\n{entries}\n ]\n}}\n')
        self._written = time.monotonic()

    def _write_scores(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = {
            "example_id": [name for each in self.scores.values() for name in each.examples],
            "metric": [name for name, each in self.scores.items() for _ in each.examples],
            "value": np.concatenate([each.values for each in self.scores.values()]),
            "weight": np.concatenate([each.weights for each in self.scores.values()]),
        }
        with replacing(self.folder / SCORES) as temporary:
            pq.write_table(pa.table(columns), temporary)
        self._scores_file = True


def _entry(step: int, epoch: float | None, split: str, metrics: Mapping[str, float]) -> dict[str, Any]:
    at = {"step": step} if epoch is None else {"step": step, "epoch": epoch}
    return {**at, "split": split, "metrics": dict(metrics)}
