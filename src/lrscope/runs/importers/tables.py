"""Tables of metrics as CSV, TSV, JSONL or Parquet.

A row an evaluation, with `epoch` or `step`, `arm` or `lr`, `seed` if there are several, settings if they differ, and
columns such as `train_loss`, `dev_acc`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path

from lrscope.config.metric_names import is_metric
from lrscope.errors import DataError
from lrscope.runs.importers import checked
from lrscope.runs.importers.arms import Arms
from lrscope.runs.importers.base import Imported
from lrscope.runs.importers.columns import Table, names_in, read_columns
from lrscope.runs.importers.example_scores import SCORES
from lrscope.runs.run import Point, Run
from lrscope.runs.settings import RATES, SETTING, SPLITS, shared_settings

Key = tuple[str, int, tuple[tuple[str, str], ...]]  # arm, seed, settings
Position = tuple[int | None, float | None]  # step, epoch
Splits = dict[str, dict[str, float]]
_MEASURED = re.compile(r"^(train|dev|test|val|valid|validation|eval)[_ /.](.+)$", re.I)
_LIKE_A_METRIC = re.compile(r"acc|f1|loss|score|bleu|rouge|auc|ppl|perplexity|error|wer|mcc|corr", re.I)


class MetricTable:
    """Metrics by epoch or step."""

    suffixes: tuple[str, ...] = (".csv", ".tsv", ".jsonl", ".parquet")

    def claims(self, path: Path, head: bytes) -> bool:
        """Return whether the columns name a run and something that was measured."""
        names = names_in(path, head)
        return bool(names & {"arm", *RATES}) and any(_MEASURED.match(name) for name in names)

    def read(self, path: Path) -> Imported:
        """Return the runs of a table.

        Raises:
            DataError: it cannot be read, or lacks the columns.
        """
        table = read_columns(path)
        names = table.names
        if not any(name in names for name in ("arm", *RATES)) or not any(_MEASURED.match(name) for name in names):
            bare = [name for name in names if _LIKE_A_METRIC.search(name)]
            hint = f"; if {bare[0]} was measured on dev, call it dev_{bare[0]}" if bare else ""
            raise DataError(
                f"a table has epoch, arm or lr, and columns such as dev_acc, or {', '.join(SCORES)}: got "
                f"{', '.join(sorted(names))} in {checked.file_name(path)}{hint}"
            )
        return _Reader(table).imported()


class _Reader:
    def __init__(self, table: Table) -> None:
        self.table, self.arms = table, Arms(table).look_at(range(len(table)))
        self.settings = [name for name in table.names if SETTING.match(name)]
        self.measured: dict[str, tuple[str, str]] = {}  # a column's split and metric
        for name in table.names:
            match = _MEASURED.match(name)
            if match and not SETTING.match(name) and is_metric(match[2]):
                split = match[1].lower()
                self.measured[name] = SPLITS.get(split, split), match[2].lower()

    def imported(self) -> Imported:
        points: dict[Key, dict[Position, Splits]] = {}
        rates: dict[str, float | None] = {}
        for row in range(len(self.table)):
            arm, rate = self.arms.of(row)
            rates[arm] = rate
            settings = tuple((name, text) for name in self.settings if (text := self.table.text(name, row)))
            of_run = points.setdefault((arm, self.arms.seed(row), settings), {})
            self._take(row, arm, of_run)
        runs = tuple(
            _run(key, rates[key[0]], of_run, names_all_settings=bool(self.settings)) for key, of_run in points.items()
        )
        if not any("dev" in point.splits for run in runs for point in run.points):
            raise DataError(
                "runs are compared by what was measured on dev: got no dev column with numbers in "
                f"{checked.file_name(self.table.path)}"
            )
        return Imported(runs, shared_settings([run.settings for run in runs]))

    def _take(self, row: int, arm: str, of_run: dict[Position, Splits]) -> None:
        """Take in a row: what stands at one step in several rows, as loggers write it, is one evaluation."""
        position, values = self._position(row, len(of_run)), self._values(row)
        known = of_run.setdefault(position, {})
        for split, metrics in values.items():
            if (position[0] is None and known) or set(metrics) & set(known.get(split, {})):
                at = f"epoch {position[1]:g}" if position[0] is None else f"step {position[0]}"
                raise DataError(
                    f"{self.table.at(row)}: an epoch stands once a run: got {at} of {arm}, seed "
                    f"{self.arms.seed(row)}, again; runs of one arm differ in a column seed, other arms in a column "
                    "arm, or in a setting such as batch_size"
                )
        for split, metrics in values.items():
            known.setdefault(split, {}).update(metrics)

    def _position(self, row: int, number: int) -> Position:
        epoch, step = self.table.number("epoch", row), self.table.number("step", row)
        for name, value in (("epoch", epoch), ("step", step)):
            if not math.isnan(value) and not 0.0 <= value <= checked.MAX_COUNT:
                raise DataError(f"{self.table.at(row)}: {name} is a number from 0 on: got {value:g}")
        if math.isnan(step):
            return None, number + 1.0 if math.isnan(epoch) else epoch
        return int(step), None if math.isnan(epoch) else epoch

    def _values(self, row: int) -> Splits:
        splits: Splits = {}
        for name, (split, metric) in self.measured.items():
            if self.table.text(name, row):  # what was measured and is NaN stays so
                splits.setdefault(split, {})[metric] = checked.measured(self.table.number(name, row))
        return splits


def _run(key: Key, rate: float | None, of_run: Mapping[Position, Splits], *, names_all_settings: bool) -> Run:
    """Return a run; what was measured on test last is what it came to."""
    points, final = [], {}
    for (step, epoch), splits in sorted(of_run.items(), key=lambda item: _order(item[0])):
        if "test" in splits:
            final = {"test": splits["test"]}
        points.append(Point(step, epoch, {split: values for split, values in splits.items() if split != "test"}))
    return Run(
        key[0], key[1], rate, tuple(points), final=final, settings=dict(key[2]), names_all_settings=names_all_settings
    )


def _order(position: Position) -> tuple[float, float]:
    step, epoch = position
    return (epoch or 0.0, 0.0) if step is None else (float(step), epoch or 0.0)
