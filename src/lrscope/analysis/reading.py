"""A study's store, read for the report."""

from __future__ import annotations

import math

import numpy as np

from lrscope.analysis.arms import grouped
from lrscope.analysis.runs import EpochPoint, Run, Runs
from lrscope.analysis.tables import Floats, ScoreTable
from lrscope.errors import StudyError
from lrscope.records import Scores
from lrscope.store.study import StudyStore
from lrscope.store.trials import TrialRow

WITH_VALUE = ("completed", "stopped")


def read_study(store: StudyStore) -> Runs:
    """Return a study's runs, with per-example scores at the endpoint of those that ended.

    Raises:
        StudyError: it is a range test, or no run has ended.
    """
    if store.config.find is not None:
        raise StudyError(f"{store.folder} holds range tests, not runs to compare; read it with lrscope find --resume")
    rows = [row for row in store.trials() if row.status not in ("planned", "running")]
    if not any(row.status in (*WITH_VALUE, "diverged", "failed") for row in rows):
        raise StudyError(f"a report is of runs that have ended: got none in {store.folder}; run it to its end")
    arms = grouped(rows)
    runs: list[Run] = []
    scores: dict[str, dict[int, Floats]] = {}
    weights, sizes = None, {}
    for arm, of_arm in arms:
        for row in of_arm:
            runs.append(_run(store, row, arm.name))
            if runs[-1].final and row.status in WITH_VALUE:
                sizes["test"] = _num_scored(store, row)
            found = _endpoint(store, row) if row.status in WITH_VALUE else None
            if found is not None:
                scores.setdefault(arm.name, {})[row.config.seed] = found.values.astype(np.float64)
                weights = found.weights.astype(np.float64)
                sizes["dev"] = len(found.values)
        scores.setdefault(arm.name, {})
    table = ScoreTable.of(scores, weights) if "dev" in sizes else None
    config = store.config
    asked = {"model": config.model.model, **config.to_dict()["data"], "batch_size": config.trial.batch_size}
    settings = {name: str(value) for name, value in asked.items() if value not in (None, "")}
    configs = {arm.name: arm.config for arm, _ in arms}
    return Runs(str(store.folder), store.metric, tuple(runs), sizes, table, settings, configs=configs)


def _run(store: StudyStore, row: TrialRow, arm: str) -> Run:
    by_epoch: dict[int, dict[str, dict[str, float]]] = {}
    for record in store.evaluations(row.id):
        if record.split in ("train", "dev"):
            by_epoch.setdefault(record.epoch, {})[record.split] = dict(record.metrics)
    steps = store.steps(row.id)
    if len(steps) and row.steps_per_epoch:
        # The mean of the training loss over each epoch, as it was trained on: with dropout, and of weights on the move.
        counts = steps["count"]
        for epoch in range(1, math.ceil(len(steps) / row.steps_per_epoch) + 1):
            part = slice((epoch - 1) * row.steps_per_epoch, epoch * row.steps_per_epoch)
            if epoch in by_epoch and "train" not in by_epoch[epoch] and counts[part].sum() > 0:
                mean = float(np.average(steps["loss"][part], weights=counts[part]))
                by_epoch[epoch]["train"] = {"loss": mean}
    final = {record.split: dict(record.metrics) for record in store.evaluations(row.id, "test")}
    points = tuple(EpochPoint(epoch, splits) for epoch, splits in sorted(by_epoch.items()))
    return Run(
        arm, row.config.seed, row.config.peak_rate, points, row.status, final, seconds=row.seconds, reason=row.reason,
        settings={"schedule": row.config.schedule},
    )  # fmt: skip


def _num_scored(store: StudyStore, row: TrialRow) -> int:
    last = store.evaluations(row.id, "test")[-1]
    return len(next(iter(store.scores(row.id, last.step, "test").values())).values)


def _endpoint(store: StudyStore, row: TrialRow) -> Scores | None:
    dev = store.evaluations(row.id, "dev")
    return store.scores(row.id, dev[-1].step, "dev").get(store.metric.name) if dev else None
