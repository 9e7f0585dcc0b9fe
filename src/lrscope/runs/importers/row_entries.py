"""Runs from their rows: as entries of a log, or by column where there are so many that entries would take long."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lrscope.records import EvaluationRecord
from lrscope.runs.dev_set import DevSet, seen_sizes, size_of_pace
from lrscope.runs.history import Told, run_of, run_of_entries
from lrscope.runs.importers.column_values import Mask
from lrscope.runs.importers.columns import Table
from lrscope.runs.importers.row_groups import Rows
from lrscope.runs.measured import Entry, Splits
from lrscope.runs.run import Run
from lrscope.runs.score_table import Floats
from lrscope.runs.training_log import TrainingLog, as_logged

Columns = dict[str, tuple[Floats, Mask]]  # by metric: the value at each step, and whether there is one
TRAINED = ("learning_rate", "loss", "grad_norm")
MANY = 20_000  # rows of one run: from there on they are taken by column


@dataclass(frozen=True)
class Measured:
    """What a table's rows hold: `columns` are (name, split, metric); `steps` and `epochs` where each row stands."""

    table: Table
    columns: tuple[tuple[str, str, str], ...]
    steps: Floats | None
    epochs: Floats | None


def run_of_rows(measured: Measured, rows: Rows, told: Told) -> Run:
    """Return the run that rows tell of."""
    steps, epochs = measured.steps, measured.epochs
    if steps is None and epochs is not None and not np.isnan(epochs[rows]).any():
        rows = rows[np.argsort(epochs[rows], kind="stable")]
    if len(rows) >= MANY and steps is not None and not np.isnan(steps[rows]).any():
        return _by_column(measured, rows[np.argsort(steps[rows], kind="stable")], told)
    return run_of_entries(_Entries(measured, rows), told)


class _Entries(Sequence[Entry]):
    """The entries of a run, made one after another."""

    def __init__(self, measured: Measured, rows: Rows) -> None:
        self._measured, self._rows = measured, rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Entry:  # type: ignore[override]
        return next(iter(_Entries(self._measured, self._rows[index : index + 1])))

    def __iter__(self) -> Iterator[Entry]:
        """Yield a row's entry: what is a number of dev and is none stays so, what is infinite is none."""
        measured, rows = self._measured, self._rows
        columns = [
            (split, metric, _numbers(measured, rows, name, split).tolist(), measured.table.given(name)[rows].tolist())
            for name, split, metric in measured.columns
        ]
        steps, epochs = _listed(measured.steps, rows), _listed(measured.epochs, rows)
        sizes = _sizes(measured.table, rows)
        for place, (step, epoch) in enumerate(zip(steps, epochs, strict=True)):
            splits: Splits = {}
            for split, metric, numbers, given in columns:
                if given[place]:
                    splits.setdefault(split, {})[metric] = numbers[place]
            at = None if math.isnan(step) else int(step)
            yield Entry(at, None if math.isnan(epoch) else epoch, splits, sizes.get(place))


def _listed(values: Floats | None, rows: Rows) -> list[float]:
    return [math.nan] * len(rows) if values is None else list(values[rows].tolist())


def _numbers(measured: Measured, rows: Rows, name: str, split: str) -> Floats:
    numbers = measured.table.numbers(name)[rows]
    return numbers if split == "train" else np.where(np.isfinite(numbers), numbers, math.nan)


def _sizes(table: Table, rows: Rows) -> dict[int, tuple[int, int]]:
    """Return how many examples evaluations took, by their place among the rows, where Trainer's columns tell it."""
    for mark in ("eval_", "eval/"):
        names = f"{mark}runtime", f"{mark}samples_per_second"
        if all(name in table.columns for name in names):
            seconds, pace = (table.numbers(name)[rows] for name in names)
            places = np.flatnonzero(~np.isnan(seconds) & ~np.isnan(pace)).tolist()
            known = {place: size_of_pace(float(seconds[place]), float(pace[place])) for place in places}
            return {place: size for place, size in known.items() if size is not None}
    return {}


def _by_column(measured: Measured, rows: Rows, told: Told) -> Run:
    """Return the run of rows in the order of their steps, as `run_of_entries` makes it of their entries."""
    assert measured.steps is not None
    steps, first = np.unique(measured.steps[rows].astype(np.int64), return_index=True)
    end = np.append(first[1:], len(rows))
    epochs = np.full(len(steps), math.nan)
    if measured.epochs is not None:
        epochs = _last(measured.epochs[rows], ~np.isnan(measured.epochs[rows]), end, first)
    splits: dict[str, Columns] = {}
    for name, split, metric in measured.columns:
        given = measured.table.given(name)[rows]
        values = _last(_numbers(measured, rows, name, split), given, end, first)
        splits.setdefault(split, {})[metric] = values, np.logical_or.reduceat(given, first)
    log = _log(splits.get("train", {}), steps.astype(np.float64), epochs, told)
    records = sorted(_records(splits, steps.tolist(), epochs.tolist()), key=lambda each: (each.step, each.split))
    sizes = seen_sizes(_sizes(measured.table, rows).values())
    dev_set = told.dev_set if sizes is None else told.dev_set.merged(DevSet("", *sizes))
    return run_of(records, told, dev_set=dev_set, log=log)


def _last(values: Floats, given: Mask, end: Rows, first: Rows) -> Floats:
    """Return the last value that is given at each step, NaN where none is."""
    known = np.maximum.accumulate(np.where(given, np.arange(len(values)), -1))[end - 1]
    return np.where(known >= first, values[known], math.nan)


def _log(train: Columns, steps: Floats, epochs: Floats, told: Told) -> TrainingLog | None:
    if not train:
        return None
    logged = np.logical_or.reduce([given for _, given in train.values()])
    nothing = np.full(len(steps), math.nan), np.zeros(len(steps), np.bool_)
    rates, losses, norms = (as_logged(*train.get(name, nothing))[logged] for name in TRAINED)
    return TrainingLog(
        rates, None, steps[logged], epochs[logged], losses, norms, told.total_steps,
        told.total_epochs,
    )  # fmt: skip


def _records(splits: dict[str, Columns], steps: Sequence[int], epochs: Sequence[float]) -> Iterator[EvaluationRecord]:
    """Yield the records of evaluations, and one of training at each, with the mean loss since the one before."""
    for split in splits.keys() - {"train"}:
        for place in np.flatnonzero(np.logical_or.reduce([given for _, given in splits[split].values()])).tolist():
            metrics = {name: float(values[place]) for name, (values, given) in splits[split].items() if given[place]}
            yield EvaluationRecord(steps[place], epochs[place], split, metrics, 0.0)
    train = splits.get("train", {})
    evaluated = [np.zeros(len(steps), np.bool_), *(given for _, given in splits.get("dev", {}).values())]
    begin = 0
    losses, has_loss = train.get("loss", (np.zeros(len(steps)), np.zeros(len(steps), np.bool_)))
    for place in dict.fromkeys([*np.flatnonzero(np.logical_or.reduce(evaluated)).tolist(), len(steps) - 1]):
        since = losses[begin : place + 1][has_loss[begin : place + 1]]
        metrics = {name: float(values[place]) for name, (values, given) in train.items() if given[place]}
        if len(since):
            metrics["loss"] = float(since.mean())
        if metrics:
            yield EvaluationRecord(steps[place], epochs[place], "train", metrics, 0.0)
        begin = place + 1
