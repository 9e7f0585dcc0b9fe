"""Per-example scores of anyone's runs: a row an example, with `arm`, `seed`, `example_id`, `metric`, `value`.

`weight` stands beside them where examples differ in it. Everything is done by column: a run of a million examples is a
million rows.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lrscope.errors import DataError
from lrscope.runs.importers.arms import Arms
from lrscope.runs.importers.base import Imported
from lrscope.runs.importers.checked import file_name
from lrscope.runs.importers.columns import Table, names_in, read_columns
from lrscope.runs.run import Point, Run
from lrscope.runs.score_table import ExampleValues, Floats
from lrscope.runs.settings import RATES

Indices = NDArray[np.int64]
RunKey = tuple[str, int, float | None]  # arm, seed, rate
SCORES = ("arm", "seed", "example_id", "metric", "value")


class ExampleScoreTable:
    """A table of per-example scores."""

    suffixes: tuple[str, ...] = ()

    def claims(self, path: Path, head: bytes) -> bool:
        """Return whether it has the five columns."""
        return set(SCORES) <= names_in(path, head)

    def read(self, path: Path) -> Imported:
        """Return the scores; its runs are those of the metric that is chosen.

        Raises:
            DataError: it cannot be read.
        """
        return Imported((), scores=Scored(read_columns(path, (*SCORES, "weight", *RATES))))


class Scored:
    """Scores by run and example, of the metric that is asked for."""

    def __init__(self, table: Table) -> None:
        self.source = table
        self.metrics = table.columns["metric"]

    @property
    def names(self) -> frozenset[str]:
        """The metrics that there are scores of."""
        occurring = np.flatnonzero(np.bincount(self.metrics.codes))
        return frozenset(self.metrics.texts[code] for code in occurring) - {""}

    @cached_property
    def _runs(self) -> tuple[list[RunKey], Indices]:
        """The runs, as (arm, seed, rate), and each row's index among them."""
        combined: Indices = np.zeros(len(self.metrics.codes), np.int64)
        for name in ("arm", "seed", *(name for name in RATES if name in self.source.columns)):
            column = self.source.columns[name]
            combined = _renumbered(combined * len(column.texts) + column.codes)
        rows = _first_rows(combined, int(combined.max()) + 1).tolist()
        arms = Arms(self.source).look_at(rows)
        runs: dict[RunKey, int] = {}
        of_rows = [runs.setdefault((arms.of(row)[0], arms.seed(row), arms.of(row)[1]), len(runs)) for row in rows]
        return list(runs), np.asarray(of_rows, np.int64)[combined]

    def runs(self, metric: str) -> tuple[Run, ...]:
        """Return the runs with their means, and their scores, of one metric.

        Raises:
            DataError: a run was not scored on the same examples, or twice on one.
        """
        rows = np.flatnonzero(self.metrics.codes == self.metrics.texts.index(metric))
        values = self.source.numbers("value")[rows]
        if not np.isfinite(values).all():
            row = int(rows[np.argmin(np.isfinite(values))])
            raise DataError(f"{self.source.at(row)}: a score is a number: got {self.source.text('value', row)!r}")
        all_runs, run_codes = self._runs
        run_index, there = _in_order_of_appearance(run_codes[rows], len(all_runs))
        runs = [all_runs[number] for number in there]
        examples, names = self._examples(rows)
        shape = (len(runs), int(examples.max()) + 1)
        keys = run_index * shape[1] + examples
        self._check(rows, keys, runs, shape)
        weights = np.broadcast_to(1.0, shape)
        if "weight" in self.source.columns:
            weights = _laid_out(np.nan_to_num(self.source.numbers("weight")[rows], nan=1.0), keys, shape)
        return self._as_runs(metric, runs, names, _laid_out(values, keys, shape), weights)

    def _examples(self, rows: Indices) -> tuple[Indices, tuple[str, ...]]:
        """Return each row's example among those that occur, in the order of their names, and those names."""
        column = self.source.columns["example_id"]
        codes = column.codes[rows]
        order = sorted(np.flatnonzero(np.bincount(codes)).tolist(), key=column.texts.__getitem__)
        ranks = np.zeros(len(column.texts), np.int64)
        ranks[order] = np.arange(len(order))
        return np.asarray(ranks[codes]), tuple(column.texts[code] for code in order)

    def _check(self, rows: Indices, keys: Indices, runs: list[RunKey], shape: tuple[int, int]) -> None:
        """Refuse an example that a run was scored on twice, and a run that was not scored on all."""
        if _num_distinct(keys) < len(keys):
            _, firsts = np.unique(keys, return_index=True)
            again = int(rows[np.setdiff1d(np.arange(len(keys)), firsts, assume_unique=True)[0]])
            example = self.source.text("example_id", again)
            raise DataError(f"{self.source.at(again)}: an example is scored once a run: got {example} again")
        if len(self.source.columns["example_id"].texts) < 2:
            raise DataError(f"arms are compared on several examples: got one in {file_name(self.source.path)}")
        for (arm, seed, _), number in zip(runs, np.bincount(keys // shape[1], minlength=len(runs)), strict=True):
            if number != shape[1]:
                raise DataError(
                    f"all runs are scored on the same examples: {arm}, seed {seed} has {number} of {shape[1]} in "
                    f"{file_name(self.source.path)}"
                )

    def _as_runs(
        self, metric: str, runs: list[RunKey], names: tuple[str, ...], values: Floats, weights: Floats
    ) -> tuple[Run, ...]:
        arms: dict[str, None] = {}
        made = []
        for (arm, seed, rate), of_run, own in zip(runs, values, weights, strict=True):
            if not (np.isfinite(own).all() and (own >= 0.0).all() and own.sum() > 0.0):
                path = file_name(self.source.path)
                raise DataError(f"weights are not negative, and not all 0: got others for {arm}, seed {seed} in {path}")
            arms.setdefault(arm)
            scores = ExampleValues(names, of_run, own)
            made.append(
                Run(arm, seed, rate, (Point(None, 1, {"dev": {metric: scores.mean}}),), scores={metric: scores})
            )
        # Runs of one arm stand together, arms in the order in which they first occur.
        return tuple(sorted(made, key=lambda run: list(arms).index(run.arm)))


def _renumbered(codes: Indices) -> Indices:
    """Return codes renumbered from 0 without gaps, in their order."""
    if int(codes.max()) > 4 * len(codes) + 1024:
        return np.asarray(np.unique(codes, return_inverse=True)[1])
    occurring = np.bincount(codes) > 0  # codes are dense: counting beats sorting
    return np.asarray((np.cumsum(occurring) - 1)[codes])


def _num_distinct(keys: Indices) -> int:
    if int(keys.max()) > 4 * len(keys) + 1024:
        return len(np.unique(keys))
    occurring = np.zeros(int(keys.max()) + 1, np.bool_)
    occurring[keys] = True
    return int(occurring.sum())


def _laid_out(values: Floats, keys: Indices, shape: tuple[int, int]) -> Floats:
    laid_out = np.empty(shape[0] * shape[1])
    laid_out[keys] = values
    return laid_out.reshape(shape)


def _first_rows(codes: Indices, number: int) -> Indices:
    """Return where each code first occurs, the number of rows where it does not."""
    firsts = np.full(number, len(codes), np.int64)
    firsts[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)  # of equal indices the last one written stays
    return firsts


def _in_order_of_appearance(codes: Indices, number: int) -> tuple[Indices, list[int]]:
    """Return codes renumbered by where they first occur, and which those were."""
    firsts = _first_rows(codes, number)
    order = [code for code in np.argsort(firsts, kind="stable").tolist() if firsts[code] < len(codes)]
    ranks = np.zeros(number, np.int64)
    ranks[order] = np.arange(len(order))
    return np.asarray(ranks[codes]), order
