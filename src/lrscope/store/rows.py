"""Rows of the tables as checked values, and an evaluation as rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from sqlite3 import Connection, Row
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from lrscope.config import AnyStudy
from lrscope.config.read import study_from_dict
from lrscope.errors import StudyError
from lrscope.records import Direction, EvaluationRecord, Metric, Scores
from lrscope.store.blobs import pack_floats, unpack_floats, unpack_steps
from lrscope.store.storage import Database
from lrscope.store.values import blob, count, count_or_share, number, numbers, one_of, optional_count, parsed, text


class StudyRow(NamedTuple):
    """The one row of the table `study`."""

    config: AnyStudy
    fingerprint: dict[str, Any]
    numerics: dict[str, Any]
    task_state: dict[str, Any]
    metric: Metric
    version: str
    created: str
    overlaps: list[tuple[str, str, int]]


def study_row(database: Database) -> StudyRow:
    """Return what a study is.

    Raises:
        StudyError: the table is empty, or holds what cannot be.
    """
    kept = database.read("SELECT * FROM study")
    if len(kept) != 1:
        raise StudyError(f"{database.path} holds no study; name a folder that lrscope wrote")
    row = kept[0]
    with database.checked():
        name = text(row["metric"], "study.metric")
        return StudyRow(
            config=study_from_dict(parsed(row["config"], dict, "study.config"), "its configuration"),
            fingerprint=parsed(row["fingerprint"], dict, "study.fingerprint"),
            numerics=parsed(row["numerics"], dict, "study.numerics"),
            task_state=parsed(row["task_state"], dict, "study.task_state"),
            metric=Metric(name, one_of(row["direction"], frozenset(get_args(Direction)), "study.direction")),
            version=text(row["version"], "study.version"),
            created=text(row["created"], "study.created"),
            overlaps=[_overlap(each) for each in parsed(row["overlaps"], list, "study.overlaps")],
        )


def _overlap(value: Any) -> tuple[str, str, int]:
    if not isinstance(value, list) or len(value) != 3:
        raise ValueError("study.overlaps must be lists of three")
    return (
        text(value[0], "study.overlaps"),
        text(value[1], "study.overlaps"),
        count(value[2], "study.overlaps"),
    )


def stretches(kept: Sequence[Row]) -> list[NDArray[np.void]]:
    """Return the stretches of a trial's steps, each of which begins where the one before it ends.

    Raises:
        ValueError: they do not, or one cannot be unpacked.
    """
    reached, series = 0, []
    for row in kept:
        if count(row["first_step"], "steps.first_step") != reached:
            raise ValueError(f"steps {reached} to {row['first_step']} are missing")
        series.append(unpack_steps(blob(row["series"], "steps.series"), count(row["num_steps"], "steps.num_steps")))
        reached += len(series[-1])
    return series


def add_evaluation(connection: Connection, trial: int, record: EvaluationRecord) -> None:
    """Write one evaluation, within a transaction of the caller's."""
    key = (trial, record.step, record.split)
    connection.execute(
        "INSERT OR REPLACE INTO evaluations VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*key, record.epoch, json.dumps(dict(record.metrics)), record.seconds, record.improved),
    )
    connection.executemany(
        "INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (*key, metric, len(scores.values), pack_floats(scores.values), pack_floats(scores.weights))
            for metric, scores in record.scores.items()
        ],
    )


def evaluation_row(row: Row, metric: Metric | None, scores: Mapping[str, Scores]) -> EvaluationRecord:
    """Return a row of the table `evaluations`; on dev, the built-in training always measures the study's metric."""
    split = text(row["split"], "evaluations.split")
    metrics = numbers(parsed(row["metrics"], dict, "evaluations.metrics"), "evaluations.metrics")
    if metric is not None and split == "dev" and metric.name not in metrics:
        raise ValueError(f"evaluations.metrics must hold {metric.name} on dev: got {', '.join(metrics)[:60]}")
    return EvaluationRecord(
        step=count(row["step"], "evaluations.step"),
        epoch=count_or_share(row["epoch"], "evaluations.epoch"),
        split=split,
        metrics=metrics,
        seconds=number(row["seconds"], "evaluations.seconds"),
        scores=scores,
        improved=bool(row["improved"]),
    )


def score_row(row: Row) -> tuple[str, Scores]:
    """Return a row of the table `scores`: metric and per-example scores."""
    num = count(row["number"], "scores.number")
    values, weights = (unpack_floats(blob(row[name], f"scores.{name}"), num) for name in ("vals", "weights"))
    if values.shape != (num,) or weights.shape != (num,):
        raise ValueError(f"scores must be one value and one weight an example: got {values.shape} for {num}")
    return text(row["metric"], "scores.metric"), Scores(values, weights)


def outputs(row: Row) -> NDArray[np.float32]:
    """Return a row of the table `predictions`: a model's outputs, a row an example."""
    return unpack_floats(blob(row["outputs"], "predictions.outputs"), count(row["num_rows"], "predictions.num_rows"))


def opening_row(row: Row) -> dict[str, Any]:
    """Return a row of the table `openings`."""
    return {
        "id": count(row["id"], "openings.id"),
        "opened": text(row["opened"], "openings.opened"),
        "trial": optional_count(row["trial"], "openings.trial"),
        "step": optional_count(row["step"], "openings.step"),
        "split": text(row["split"], "openings.split"),
        "asked_by": text(row["asked_by"], "openings.asked_by"),
    }
