"""Tables of anyone's runs: metrics by epoch, or per-example scores, as CSV, TSV, JSONL or Parquet.

Metrics: a row an epoch, with `epoch`, `arm` or `lr`, `seed` if there are several, and columns such as `train_loss`,
`dev_acc`. Scores: a row an example, with `arm`, `seed`, `example_id`, `metric`, `value`, and `weight` if they differ.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lrscope.analysis.runs import RATES, SPLITS, EpochPoint, Run, Runs
from lrscope.analysis.tables import Floats, ScoreTable
from lrscope.errors import DataError
from lrscope.records import Metric
from lrscope.schedules.durations import format_number

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
SCORES = ("arm", "seed", "example_id", "metric", "value")
_MEASURED = re.compile(r"^(train|dev|test|val|valid|validation|eval)[_ /.](.+)$", re.I)
_LESS_IS_BETTER = ("loss", "perplexity", "ppl", "error", "mse", "mae", "nll", "bpb")
Row = Mapping[str, Any]


def read_table(path: Path, sizes: Mapping[str, int]) -> Runs:
    """Return the runs of a table, or of per-example scores.

    Raises:
        DataError: it cannot be read, or lacks the columns of either.
    """
    rows = rows_of(path)
    if not rows:
        raise DataError(f"a table of runs has rows: got none in {path}")
    columns = {str(name).strip() for name in rows[0]}
    if set(SCORES) <= columns:
        return _scores(path, rows)
    if not any(name in columns for name in ("arm", *RATES)) or not any(_MEASURED.match(name) for name in columns):
        raise DataError(
            f"a table has epoch, arm or lr, and columns such as dev_acc, or {', '.join(SCORES)}: got "
            f"{', '.join(sorted(columns))} in {path}"
        )
    return _metrics(path, rows, sizes)


def rows_of(path: Path) -> list[Row]:
    """Return a table's rows, by its suffix.

    Raises:
        DataError: it cannot be read.
    """
    try:
        if path.suffix == ".parquet":
            import pyarrow.parquet as pq

            return list(pq.read_table(path).to_pylist())
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".jsonl":
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        return list(csv.DictReader(text.splitlines(), delimiter="\t" if path.suffix == ".tsv" else ","))
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:  # JSON, Unicode, Arrow
        raise DataError(f"{path} is no {path.suffix[1:]} that can be read: {error}") from error


def _number(row: Row, name: str, path: Path, place: int) -> float:
    value = row.get(name)
    if value is None or value == "":
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}, row {place}: {name} is a number: got {value!r}") from error


def _arm(row: Row, path: Path, place: int) -> tuple[str, float | None]:
    name = next((key for key in RATES if row.get(key) not in (None, "")), None)
    rate = _number(row, name, path, place) if name else None
    if rate is not None and not (math.isfinite(rate) and rate > 0):
        raise DataError(f"{path}, row {place}: a learning rate is above 0: got {row[name or '']!r}")
    given = str(row.get("arm") or "")
    if not given and rate is None:
        raise DataError(f"{path}, row {place}: a run has an arm, or a learning rate: got neither")
    return given or f"lr {format_number(rate or 0.0)}", rate


def _seed(row: Row, path: Path, place: int) -> int:
    seed = _number(row, "seed", path, place)
    return 0 if math.isnan(seed) else int(seed)


def _metrics(path: Path, rows: Sequence[Row], sizes: Mapping[str, int]) -> Runs:
    measured = {name: match for name in rows[0] if (match := _MEASURED.match(str(name).strip()))}
    points: dict[tuple[str, int], dict[float, dict[str, dict[str, float]]]] = {}
    rates: dict[str, float | None] = {}
    finals: dict[tuple[str, int], dict[str, dict[str, float]]] = {}
    for place, row in enumerate(rows, start=1):
        arm, rate = _arm(row, path, place)
        rates[arm] = rate
        key = (arm, _seed(row, path, place))
        epoch = _number(row, "epoch", path, place)
        at = len(points.get(key, {})) + 1.0 if math.isnan(epoch) else epoch
        splits: dict[str, dict[str, float]] = {}
        for name, match in measured.items():
            value = _number(row, name, path, place)
            split, metric = match[1].lower(), match[2].lower()
            if row.get(name) not in (None, ""):  # what was measured and is NaN stays so
                splits.setdefault(SPLITS.get(split, split), {})[metric] = value
        if "test" in splits:
            finals[key] = {"test": splits.pop("test")}
        points.setdefault(key, {})[at] = splits
    names = {metric for by_epoch in points.values() for splits in by_epoch.values() for metric in splits.get("dev", {})}
    if not names:
        raise DataError(f"runs are compared by what was measured on dev: got no dev column with numbers in {path}")
    metric = _decision(names)
    runs = [
        Run(
            arm, seed, rates[arm], tuple(EpochPoint(epoch, splits) for epoch, splits in sorted(by_epoch.items())),
            final=finals.get((arm, seed), {}),
        )
        for (arm, seed), by_epoch in points.items()
    ]  # fmt: skip
    return Runs(str(path), metric, tuple(runs), sizes, is_imported=True)


def _scores(path: Path, rows: Sequence[Row]) -> Runs:
    metric = _decision({str(row["metric"]) for row in rows})
    values: dict[str, dict[int, dict[str, tuple[float, float]]]] = {}
    rates: dict[str, float | None] = {}
    for place, row in enumerate(rows, start=1):
        if str(row["metric"]) != metric.name:
            continue
        arm, rates[str(row["arm"])] = _arm(row, path, place)
        weight = _number(row, "weight", path, place)
        value = _number(row, "value", path, place)
        if math.isnan(value):
            raise DataError(f"{path}, row {place}: a score is a number: got {row['value']!r}")
        scored = values.setdefault(arm, {}).setdefault(_seed(row, path, place), {})
        example = str(row["example_id"])
        if example in scored:
            raise DataError(f"{path}, row {place}: an example is scored once a run: got {example} again")
        scored[example] = (value, 1.0 if math.isnan(weight) else weight)
    examples = sorted({example for by_seed in values.values() for scored in by_seed.values() for example in scored})
    table: dict[str, dict[int, Floats]] = {}
    runs, weights = [], np.ones(len(examples))
    for arm, by_seed in values.items():
        for seed, scored in by_seed.items():
            if len(scored) != len(examples):
                raise DataError(
                    f"all runs are scored on the same examples: {arm}, seed {seed} has {len(scored)} of "
                    f"{len(examples)} in {path}"
                )
            pairs = np.array([scored[example] for example in examples])
            if (pairs[:, 1] < 0.0).any() or not pairs[:, 1].sum() > 0.0:
                raise DataError(f"weights are not negative, and not all 0: got others for {arm}, seed {seed} in {path}")
            table.setdefault(arm, {})[seed], weights = pairs[:, 0], pairs[:, 1]
            mean = float(np.average(pairs[:, 0], weights=pairs[:, 1]))
            runs.append(Run(arm, seed, rates.get(arm), (EpochPoint(1, {"dev": {metric.name: mean}}),)))
    runs_of = Runs(str(path), metric, tuple(runs), {"dev": len(examples)}, is_imported=True)
    scores = ScoreTable.of({arm: table[arm] for arm in runs_of.arms}, weights)
    return Runs(str(path), metric, tuple(runs), {"dev": len(examples)}, scores, is_imported=True)


def _decision(names: set[str]) -> Metric:
    """Return the metric to compare by: the first that is larger for better, else the first of the others."""
    larger = sorted(name for name in names if not any(part in name.lower() for part in _LESS_IS_BETTER))
    return Metric(larger[0], "maximize") if larger else Metric(sorted(names)[0], "minimize")
