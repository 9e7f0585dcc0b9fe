"""Tables of anyone's runs: metrics by epoch, or per-example scores, as CSV, TSV, JSONL or Parquet.

Metrics: a row an epoch, with `epoch`, `arm` or `lr`, `seed` if there are several, and columns such as `train_loss`,
`dev_acc`. Scores: a row an example, with `arm`, `seed`, `example_id`, `metric`, `value`, and `weight` if they differ.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lrscope.errors import DataError
from lrscope.runs.importers.headings import rate_in
from lrscope.runs.importers.text import text_of
from lrscope.runs.importers.trainer import NOT_METRICS
from lrscope.runs.metric import decision_metric, passed_over
from lrscope.runs.run import Point, Run
from lrscope.runs.runs import Runs
from lrscope.runs.score_table import Floats, ScoreTable
from lrscope.runs.settings import RATES, SETTING, SPLITS, shared_settings
from lrscope.schedules.durations import format_number

Key = tuple[str, int, tuple[tuple[str, str], ...]]  # arm, seed, settings
SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
SCORES = ("arm", "seed", "example_id", "metric", "value")
_MEASURED = re.compile(r"^(train|dev|test|val|valid|validation|eval)[_ /.](.+)$", re.I)
_LIKE_A_METRIC = re.compile(r"acc|f1|loss|score|bleu|rouge|auc|ppl|perplexity|error|wer|mcc|corr", re.I)
_DECIMAL_COMMA = re.compile(r"^-?\d+,\d+$")


class Row:
    """One row of a table, with its place in the file for whoever has to mend it."""

    def __init__(self, values: Mapping[str, Any], at: str) -> None:
        self.values, self.at = values, at

    def text(self, name: str) -> str:
        """Return a cell as text, empty where there is none."""
        value = self.values.get(name)
        return "" if value is None else str(value).strip()

    def number(self, name: str) -> float:
        """Return a cell as a number, NaN where it is empty."""
        value = self.values.get(name)
        if value is None or value == "":
            return math.nan
        try:
            return float(value)
        except (TypeError, ValueError) as error:
            if _DECIMAL_COMMA.match(text := self.text(name)):
                return float(text.replace(",", "."))
            raise DataError(f"{self.at}: {name} is a number: got {value!r}") from error

    @property
    def seed(self) -> int:
        """The run's seed, 0 where none is named."""
        seed = self.number("seed")
        if not math.isnan(seed) and seed != int(seed):
            raise DataError(f"{self.at}: a seed is a whole number: got {self.text('seed')!r}")
        return 0 if math.isnan(seed) else int(seed)

    @property
    def arm(self) -> tuple[str, float | None]:
        """The run's arm, by its name or its rate, and the rate where there is one."""
        given = self.text("arm")
        name = next((key for key in RATES if self.text(key)), None)
        rate = self.number(name) if name else rate_in(given)
        if rate is not None and not (math.isfinite(rate) and rate > 0):
            raise DataError(f"{self.at}: a learning rate is above 0: got {self.text(name or '')!r}")
        if not given and rate is None:
            raise DataError(f"{self.at}: a run has an arm, or a learning rate: got neither")
        return given or f"lr {format_number(rate or 0.0)}", rate


def read_table(path: Path, sizes: Mapping[str, int], wanted: str | None = None) -> Runs:
    """Return the runs of a table, or of per-example scores; `wanted` is the metric to compare by.

    Raises:
        DataError: it cannot be read, or lacks the columns of either.
    """
    rows = rows_of(path)
    if not rows:
        raise DataError(f"a table of runs has rows: got none in {path}")
    columns = list(rows[0].values)
    if set(SCORES) <= set(columns):
        _name_by_rate(rows)
        return _scores(path, rows, wanted)
    if not any(name in columns for name in ("arm", *RATES)) or not any(_MEASURED.match(name) for name in columns):
        bare = [name for name in columns if _LIKE_A_METRIC.search(name)]
        hint = f"; if {bare[0]} was measured on dev, call it dev_{bare[0]}" if bare else ""
        raise DataError(
            f"a table has epoch, arm or lr, and columns such as dev_acc, or {', '.join(SCORES)}: got "
            f"{', '.join(sorted(columns))} in {path}{hint}"
        )
    _name_by_rate(rows)
    return _metrics(path, rows, sizes, wanted)


def _name_by_rate(rows: Sequence[Row]) -> None:
    """Give arms that have several rates a name for each."""
    rates: dict[str, set[float | None]] = {}
    for row in rows:
        rates.setdefault(row.text("arm"), set()).add(row.arm[1])
    for row in rows:
        name, rate = row.text("arm"), row.arm[1]
        if name and rate is not None and len(rates[name]) > 1:
            row.values = {**row.values, "arm": f"{name}, lr {format_number(rate)}"}


def rows_of(path: Path) -> list[Row]:
    """Return a table's rows, by its suffix.

    Raises:
        DataError: it cannot be read.
    """
    try:
        if path.suffix == ".parquet":
            import pyarrow.parquet as pq

            found = pq.read_table(path).to_pylist()
            return [Row(values, f"{path}, row {number}") for number, values in enumerate(found, start=1)]
        text = text_of(path)
        if path.suffix == ".jsonl":
            lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
            return [Row(_object(line, f"{path}, line {number}"), f"{path}, line {number}") for number, line in lines]
        return _separated(path, text)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, csv.Error) as error:  # Arrow's errors are ValueErrors
        raise DataError(f"{path} is no {path.suffix[1:]} that can be read: {error}") from error


def _object(line: str, at: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise DataError(f"{at}: a line is JSON: it is not ({error})") from error
    if not isinstance(found, dict):
        raise DataError(f"{at}: a line is an object such as {{'lr': 1e-4, 'dev_acc': 0.4}}: got {line[:40]}")
    return found


def _separated(path: Path, text: str) -> list[Row]:
    """Return the rows of text with separators: the one of tab, semicolon and comma that the heading has most of."""
    heading = text.split("\n", 1)[0]
    separator = max("\t;,", key=heading.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    reader.fieldnames = [str(name).strip() for name in reader.fieldnames or []]
    rows = []
    for values in reader:
        at = f"{path}, line {reader.line_num}"
        if None in values:
            raise DataError(f"{at}: a row has as many cells as the heading, {len(reader.fieldnames)}: got more")
        rows.append(Row(values, at))
    return rows


def _metrics(path: Path, rows: Sequence[Row], sizes: Mapping[str, int], wanted: str | None) -> Runs:
    columns = dict.fromkeys(name for row in rows for name in row.values)
    measured = {
        name: match
        for name in columns
        if (match := _MEASURED.match(name)) and not SETTING.match(name) and not name.endswith(NOT_METRICS)
    }
    points: dict[Key, dict[float, dict[str, dict[str, float]]]] = {}
    rates: dict[str, float | None] = {}
    tests: dict[Key, tuple[float, dict[str, float]]] = {}
    others = [name for name in columns if SETTING.match(name)]
    for row in rows:
        arm, rates[row.arm[0]] = row.arm
        key = (arm, row.seed, tuple((name, row.text(name)) for name in others if row.text(name)))
        by_epoch = points.setdefault(key, {})
        epoch = row.number("epoch")
        at = len(by_epoch) + 1.0 if math.isnan(epoch) else epoch
        if at in by_epoch:
            raise DataError(
                f"{row.at}: an epoch stands once a run: got epoch {at:g} of {arm}, seed {row.seed}, again; runs of one "
                "arm differ in a column seed, other arms in a column arm, or in a setting such as batch_size"
            )
        splits: dict[str, dict[str, float]] = {}
        for name, match in measured.items():
            if row.text(name):  # what was measured and is NaN stays so
                split, metric = match[1].lower(), match[2].lower()
                splits.setdefault(SPLITS.get(split, split), {})[metric] = row.number(name)
        if "test" in splits:
            tests[key] = max(tests.get(key, (-math.inf, {})), (at, splits.pop("test")), key=lambda known: known[0])
        by_epoch[at] = splits
    names = {metric for by_epoch in points.values() for splits in by_epoch.values() for metric in splits.get("dev", {})}
    if not names:
        raise DataError(f"runs are compared by what was measured on dev: got no dev column with numbers in {path}")
    metric = decision_metric(names, wanted)
    runs = [
        Run(
            key[0], key[1], rates[key[0]],
            tuple(Point(None, epoch, splits) for epoch, splits in sorted(by_epoch.items())),
            final={"test": tests[key][1]} if key in tests else {}, settings=dict(key[2]),
        )
        for key, by_epoch in points.items()
    ]  # fmt: skip
    notes = passed_over(names, metric) if wanted is None else ()
    settings = shared_settings([run.settings for run in runs])
    return Runs(str(path), metric, tuple(runs), sizes, notes=notes, is_imported=True, settings=settings)


def _scores(path: Path, rows: Sequence[Row], wanted: str | None) -> Runs:
    names = {row.text("metric") for row in rows}
    metric = decision_metric(names, wanted)
    values: dict[str, dict[int, dict[str, tuple[float, float]]]] = {}
    rates: dict[str, float | None] = {}
    for row in rows:
        if row.text("metric") != metric.name:
            continue
        arm, rates[row.arm[0]] = row.arm
        weight, value = row.number("weight"), row.number("value")
        if math.isnan(value):
            raise DataError(f"{row.at}: a score is a number: got {row.values['value']!r}")
        scored = values.setdefault(arm, {}).setdefault(row.seed, {})
        example = row.text("example_id")
        if example in scored:
            raise DataError(f"{row.at}: an example is scored once a run: got {example} again")
        scored[example] = (value, 1.0 if math.isnan(weight) else weight)
    if len({row.text("example_id") for row in rows}) < 2:
        raise DataError(f"arms are compared on several examples: got one in {path}")
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
            runs.append(Run(arm, seed, rates.get(arm), (Point(None, 1, {"dev": {metric.name: mean}}),)))
    notes = passed_over(names, metric) if wanted is None else ()
    found = Runs(str(path), metric, tuple(runs), {"dev": len(examples)}, notes=notes, is_imported=True)
    return replace(found, scores=ScoreTable.of({arm: table[arm] for arm in found.arms}, weights))
