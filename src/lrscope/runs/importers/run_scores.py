"""Per-example scores of one run: a row an example, with `example_id`, `metric`, `value`, and often `weight`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lrscope.errors import DataError
from lrscope.runs.importers.checked import file_name
from lrscope.runs.importers.columns import Table, read_columns
from lrscope.runs.score_table import ExampleValues, Floats
from lrscope.runs.settings import without_split

COLUMNS = ("example_id", "metric", "value")


def read_run_scores(path: Path) -> dict[str, ExampleValues]:
    """Return a run's scores by metric, with the examples in the order of their names.

    Raises:
        DataError: it cannot be read, lacks a column, scores an example twice, or holds what is no number.
    """
    table = read_columns(path, (*COLUMNS, "weight"))
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise DataError(f"scores of a run have {', '.join(COLUMNS)}: got none of {missing[0]} in {file_name(path)}")
    values = table.numbers("value")
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values)))
        raise DataError(f"{table.at(row)}: a score is a number: got {table.text('value', row)!r}")
    weights = np.ones(len(table))
    if "weight" in table.columns:
        weights = np.nan_to_num(table.numbers("weight"), nan=1.0, posinf=-1.0, neginf=-1.0)
    metrics = table.columns["metric"]
    scores: dict[str, ExampleValues] = {}
    for code, name in enumerate(metrics.texts):
        rows = np.flatnonzero(metrics.codes == code)
        if len(rows) and name:
            scores[without_split(name)] = _of_metric(table, rows, values[rows], weights[rows])
    if not scores:
        raise DataError(f"scores of a run are of a metric: got none in {file_name(path)}")
    return scores


def _of_metric(table: Table, rows: NDArray[np.intp], values: Floats, weights: Floats) -> ExampleValues:
    column = table.columns["example_id"]
    codes = column.codes[rows]
    ranks = np.zeros(len(column.texts), np.int64)
    ranks[sorted(range(len(column.texts)), key=column.texts.__getitem__)] = np.arange(len(column.texts))
    order = np.argsort(ranks[codes], kind="stable")
    again = np.flatnonzero(np.diff(codes[order]) == 0)
    if len(again):
        row = int(rows[order[again[0] + 1]])
        raise DataError(f"{table.at(row)}: an example is scored once: got {table.text('example_id', row)} again")
    if not ((weights >= 0.0).all() and weights.sum() > 0.0):
        raise DataError(f"weights are not negative, and not all 0: got others in {file_name(table.path)}")
    return ExampleValues(tuple(column.texts[code] for code in codes[order]), values[order], weights[order])
