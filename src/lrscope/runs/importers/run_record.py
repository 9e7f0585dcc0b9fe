"""A run's own record, `lrscope.json`, with the per-example scores that lie beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from lrscope.errors import DataError
from lrscope.number_text import format_rate
from lrscope.records import EvaluationRecord
from lrscope.runs.applied_rates import AppliedRates
from lrscope.runs.importers.base import Imported
from lrscope.runs.importers.checked import file_name
from lrscope.runs.importers.run_scores import read_run_scores
from lrscope.runs.importers.text import decoded
from lrscope.runs.recorded_run import FORMAT, RECORD, RecordedRun, read_recorded
from lrscope.runs.run import Point, Run
from lrscope.runs.score_table import ExampleValues


class RunRecord:
    """One run a file."""

    suffixes: tuple[str, ...] = ()

    def claims(self, path: Path, head: bytes) -> bool:
        """Return whether it is called `lrscope.json`, or names its format."""
        return path.name == RECORD or (f'"{FORMAT}"' in (text := decoded(head, errors="replace")) and _is_object(text))

    def read(self, path: Path) -> Imported:
        """Return the run of a record. Its value at the endpoint is the mean of its scores, where it has any.

        Raises:
            DataError: it is no record, tells of no evaluation on dev, or its scores cannot be used.
        """
        record = read_recorded(path)
        scores = {} if record.scores is None else read_run_scores(record.scores)
        if not scores and not any(each.split == "dev" for each in record.evaluations):
            raise DataError(f"runs are compared by what was measured on dev: got nothing of dev in {file_name(path)}")
        run = run_of(record, scores)
        return Imported((run,), run.settings, metric=record.metric)


def _is_object(text: str) -> bool:
    return text.lstrip("\ufeff \t\r\n").startswith("{")


def run_of(record: RecordedRun, scores: Mapping[str, ExampleValues]) -> Run:
    """Return a record as a run; one that names no rate was trained at the largest that was applied."""
    rates = [
        each.metrics["learning_rate"]
        for each in record.evaluations
        if each.split == "train" and "learning_rate" in each.metrics
    ]
    rate = record.rate if record.rate is not None else max(rates, default=0.0) or None
    points = _points(record.evaluations, is_counted=record.is_counted)
    if scores:
        points = _with_scores(points, scores)
    final = next((each.metrics for each in reversed(record.evaluations) if each.split == "test"), None)
    return Run(
        f"lr {format_rate(rate)}" if rate else "",
        record.seed,
        rate,
        tuple(points),
        record.status,
        {"test": final} if final else {},
        record.settings,
        record.seconds,
        record.reason,
        AppliedRates(np.array(rates)) if rates else None,
        scores=scores,
    )


def _points(evaluations: Sequence[EvaluationRecord], *, is_counted: bool) -> list[Point]:
    """Return a point at each evaluation; the training loss is the mean of what was logged since the one before.

    Evaluations that name neither step nor epoch are counted.
    """
    by_step: dict[int, dict[str, EvaluationRecord]] = {}
    for each in evaluations:
        by_step.setdefault(each.step, {})[each.split] = each
    points: list[Point] = []
    losses: list[float] = []
    for step, records in sorted(by_step.items()):
        if "train" in records and "loss" in records["train"].metrics:
            losses.append(records["train"].metrics["loss"])
        if "dev" not in records:
            continue
        splits: dict[str, Mapping[str, float]] = {"dev": records["dev"].metrics}
        if losses:
            splits["train"] = {"loss": sum(losses) / len(losses)}
            losses = []
        told = records["dev"].epoch
        epoch = None if math.isnan(told) else told
        points.append(
            Point(None if is_counted else step, float(step) if is_counted and epoch is None else epoch, splits)
        )
    if losses and points and not all(map(math.isfinite, losses)):  # it diverged after its last evaluation
        last = points.pop()
        points.append(Point(last.step, last.epoch, {**last.splits, "train": {"loss": math.nan}}))
    return points


def _with_scores(points: Sequence[Point], scores: Mapping[str, ExampleValues]) -> list[Point]:
    """Give the last evaluation the means of the scores: what they measure is counted from them."""
    *before, last = points or [Point(None, 1.0, {})]
    dev = {**last.splits.get("dev", {}), **{name: each.mean for name, each in scores.items()}}
    return [*before, Point(last.step, last.epoch, {**last.splits, "dev": dev})]
