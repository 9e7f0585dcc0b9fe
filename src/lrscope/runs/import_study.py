"""A study's store, read for the report."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lrscope.config import TrialConfig
from lrscope.config.arms import grouped
from lrscope.data.guessing import guessing_of_file
from lrscope.errors import StudyError
from lrscope.records import EvaluationRecord, Metric, Scores
from lrscope.runs.applied_rates import AppliedRates
from lrscope.runs.metric import decision_metric
from lrscope.runs.notes import Note, Overlap, SealOpened
from lrscope.runs.quantities import Count, Text
from lrscope.runs.run import Point, Run
from lrscope.runs.runs import Runs
from lrscope.runs.score_table import Floats, ScoreTable
from lrscope.runs.settings import varied_settings
from lrscope.store.study import StudyStore
from lrscope.store.trials import TrialRow

WITH_VALUE = ("completed", "stopped")


def read_study(store: StudyStore, wanted: str | None = None, *, at_best: bool = False) -> Runs:
    """Return a study's runs, with per-example scores at the endpoint of those that ended.

    `wanted` is the metric to compare by, where it is not the study's own; with `at_best` scores are those of each run's
    best epoch on dev.

    Raises:
        StudyError: it is a range test, or no run has ended.
        DataError: the metric that is wanted was not measured.
    """
    if store.config.find is not None:
        raise StudyError(f"{store.folder} holds range tests, not runs to compare; read it with lrscope find --resume")
    rows = [row for row in store.trials() if row.status not in ("planned", "running")]
    if not any(row.status in (*WITH_VALUE, "diverged", "failed") for row in rows):
        raise StudyError(f"a report is of runs that have ended: got none in {store.folder}; run it to its end")
    metric = _metric(store, rows, wanted)
    arms = grouped(rows)
    runs: list[Run] = []
    scores: dict[str, dict[int, Floats]] = {}
    weights, sizes = None, {}
    for arm, of_arm in arms:
        for row in of_arm:
            runs.append(_run(store, row, arm.name))
            found = _scored(store, row, metric, at_best=at_best) if row.status in WITH_VALUE else []
            if at_best and found:
                runs[-1] = replace(runs[-1], epoch_noise=_own_noise(found))
            if runs[-1].final and row.status in WITH_VALUE:
                sizes["test"] = _num_scored(store, row)
            if found:
                scores.setdefault(arm.name, {})[row.config.seed] = found[0].values.astype(np.float64)
                weights = found[0].weights.astype(np.float64)
                sizes["dev"] = len(found[0].values)
        scores.setdefault(arm.name, {})
    table = ScoreTable.of(scores, weights) if "dev" in sizes else None
    config = store.config
    asked = {"model": config.model.model, **config.to_dict()["data"], "batch_size": config.trial.batch_size}
    settings = {name: str(value) for name, value in asked.items() if value not in (None, "")}
    configs = {arm.name: arm.config for arm, _ in arms}
    notes: list[Note] = [
        Overlap(Text(first), Text(second), Count(number)) for first, second, number in store.overlaps if number
    ]
    notes += _openings(store)
    varied = varied_settings([_settings_of(each) for each in configs.values()])
    if config.sweep is not None and config.sweep.strategy == "rungs":  # how long an arm ran follows from its rate
        varied = tuple(name for name in varied if name != "epochs")
    return Runs(
        str(store.folder),
        metric,
        tuple(runs),
        sizes,
        table,
        settings,
        tuple(notes),
        configs=configs,
        at_best=at_best,
        study=config,
        varied=varied,
        kinds={name: tuple(_settings_of(each)[key] for key in varied) for name, each in configs.items()},
        baseline=_baseline(store),
    )


def _baseline(store: StudyStore) -> dict[str, float]:
    """Return what guessing gets on dev: as the study kept it, or from its dev file where that is still the same.

    Studies of version 0.1 kept none.
    """
    if isinstance(kept := store.task_state.get("baseline"), dict):
        return {str(name): float(value) for name, value in kept.items()}
    return guessing_of_file(store.config.to_dict()["data"], store.task_state, store.fingerprint.get("dev"))


def _settings_of(config: TrialConfig) -> dict[str, str]:
    return {name: str(value) for name, value in config.to_dict().items() if name not in ("peak_rate", "seed")}


def _openings(store: StudyStore) -> list[Note]:
    """Say when sealed test scores were opened, and by what: an entry for all that one command opened."""
    opened = Counter((row["opened"][:16], row["asked_by"]) for row in store.openings())
    return [
        SealOpened(Text(when.replace("T", " ")), Text(asked_by), Count(number))
        for (when, asked_by), number in opened.items()
    ]


def _metric(store: StudyStore, rows: Sequence[TrialRow], wanted: str | None) -> Metric:
    if wanted in (None, store.metric.name):
        return store.metric
    return decision_metric(
        {name for row in rows for each in store.evaluations(row.id, "dev") for name in each.metrics}, wanted
    )


def _run(store: StudyStore, row: TrialRow, arm: str) -> Run:
    by_step: dict[int, dict[str, dict[str, float]]] = {}
    epochs: dict[int, float] = {}
    for record in store.evaluations(row.id):
        if record.split in ("train", "dev"):
            by_step.setdefault(record.step, {})[record.split] = dict(record.metrics)
            epochs[record.step] = _epoch_of(record, row.steps_per_epoch)
    steps, start = store.steps(row.id), 0
    for step, splits in sorted(by_step.items()):
        # The mean training loss since the evaluation before, as trained on: with dropout, of weights on the move.
        counts = steps["count"][start:step]
        if "train" not in splits and counts.sum() > 0:
            splits["train"] = {"loss": float(np.average(steps["loss"][start:step], weights=counts))}
        start = step
    final = {record.split: dict(record.metrics) for record in store.evaluations(row.id, "test")}
    points = tuple(Point(step, epochs[step], splits) for step, splits in sorted(by_step.items()))
    return Run(
        arm, row.config.seed, row.config.peak_rate, points, row.status, final, seconds=row.seconds, reason=row.reason,
        settings={"schedule": str(row.config.schedule)}, applied=_applied(store, row, steps["learning_rate"]),
    )  # fmt: skip


def _epoch_of(record: EvaluationRecord, steps_per_epoch: int | None) -> float:
    """Return how many passes an evaluation comes after: a whole number at an epoch's end, a fraction within one."""
    if not steps_per_epoch or record.step == record.epoch * steps_per_epoch:
        return record.epoch
    return record.step / steps_per_epoch


def _applied(store: StudyStore, row: TrialRow, rates: Floats) -> AppliedRates | None:
    """Return the rates of a trial beside those of its schedule over all of its steps."""
    if not len(rates) or row.total_steps is None or row.steps_per_epoch is None:
        return None
    sign = store.metric.sign
    history = [(record.step, sign * record.metrics[store.metric.name]) for record in store.evaluations(row.id, "dev")]
    planned = row.config.schedule.resolve(
        total_steps=row.total_steps, steps_per_epoch=row.steps_per_epoch, peak_rate=row.config.peak_rate
    )
    return AppliedRates(np.asarray(rates, np.float64), row.config.peak_rate * planned.with_history(history).factors())


def _num_scored(store: StudyStore, row: TrialRow) -> int:
    last = store.evaluations(row.id, "test")[-1]
    return len(next(iter(store.scores(row.id, last.step, "test").values())).values)


def _scored(store: StudyStore, row: TrialRow, metric: Metric, *, at_best: bool) -> list[Scores]:
    """Return the scores that a run is judged by; of a best epoch, with those of its neighbour after them."""
    dev = store.evaluations(row.id, "dev")
    if not dev or math.isnan(dev[-1].metrics.get(metric.name, math.nan)):
        return []
    places = [len(dev) - 1]
    if at_best:
        best = metric.best_index([record.metrics.get(metric.name, math.nan) for record in dev])
        places = [len(dev) - 1 if best is None else best]
        if len(dev) > 1:
            places.append(places[0] - 1 if places[0] else 1)
    found = [store.scores(row.id, dev[place].step, "dev").get(metric.name) for place in places]
    return [scores for scores in found if scores is not None]


def _own_noise(scores: list[Scores]) -> float:
    """Return the noise of an epoch's value that its neighbour does not share: √(var(x − y) / 2n) over examples."""
    if len(scores) < 2 or len(scores[0].values) < 2:
        return math.nan
    weights = scores[0].weights.astype(np.float64)
    apart = (scores[0].values.astype(np.float64) - scores[1].values) * weights / weights.mean()
    return float(apart.std(ddof=1) / math.sqrt(2.0 * len(apart)))
