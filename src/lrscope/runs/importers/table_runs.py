"""The runs of a table, made of the rows that are theirs: their rates and settings, what was measured, their names."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from lrscope.config.catalogue import title_of
from lrscope.errors import DataError
from lrscope.number_text import as_typed, format_rate
from lrscope.records import Status
from lrscope.runs.dev_set import MAX_SIZE, UNKNOWN, DevSet
from lrscope.runs.history import Told
from lrscope.runs.importers import checked
from lrscope.runs.importers.column_roles import DEV_SIZE, Roles
from lrscope.runs.importers.columns import Table
from lrscope.runs.importers.headings import rate_in
from lrscope.runs.importers.row_entries import Measured, run_of_rows
from lrscope.runs.importers.row_groups import Groups, Rows
from lrscope.runs.importers.row_places import places
from lrscope.runs.importers.run_names import says_nothing, says_rate_alone, without_fold, without_seed
from lrscope.runs.notes import Note, RateGroups
from lrscope.runs.quantities import Names, Text
from lrscope.runs.run import Run
from lrscope.runs.score_table import Floats
from lrscope.runs.settings import SETTING

MAX_SEED = 2**53  # whole numbers beyond it are not told apart in a column of numbers
MAX_SETTING = 80  # characters of a setting that is shown
TOTALS = ("total_steps", "max_steps", "num_training_steps")
FOLD = re.compile(r"^(?:k|cv_?)?fold(?:_?(?:id|idx|index|no|number))?$", re.I)  # each has a dev set of its own
MIN_LOGGED = 3  # rates that one run alone has in its rows, all of them equal: it logged them
# What a table calls the data of a run: where it varies, runs were measured on different sets.
DATA = re.compile(r"^(?:dataset|task|benchmark|(?:eval|dev|val|validation)_?(?:set|dataset|data))(?:_name)?$", re.I)
# How programs say that a run ended: Optuna, W&B, MLflow, Ray.
_STATES: dict[str, Status] = {
    "fail": "failed", "failed": "failed", "crashed": "failed", "error": "failed", "pruned": "interrupted",
    "killed": "interrupted", "running": "interrupted", "waiting": "interrupted", "pending": "interrupted",
    "paused": "interrupted", "scheduled": "interrupted", "preempted": "interrupted",
}  # fmt: skip


@dataclass(frozen=True)
class _Found:
    """A run of a table: its rows, and what the table tells of it."""

    rows: Rows
    rate: float | None
    seed: int | None
    identity: tuple[str, ...]
    settings: dict[str, str]
    status: Status | None


@dataclass(frozen=True)
class _Name:
    """What a run is called, and what its name tells."""

    arm: str
    rate: float | None
    seed: int | None
    fold: str


class TableRuns:
    """Makes runs of the rows of a table."""

    def __init__(self, table: Table, roles: Roles, settings: dict[str, str], groups: Groups) -> None:
        self.table, self.roles, self.groups, self._names = table, roles, groups, settings

    def runs(self) -> tuple[Run, ...]:
        """Return the runs, in the order in which they begin.

        Raises:
            DataError: a rate, a seed, or what was measured, is none.
        """
        found = [self._found(rows) for rows in self.groups.rows]
        return tuple(self._run(each, name) for each, name in zip(found, self._named(found), strict=True))

    def _found(self, rows: Rows) -> _Found:
        settings: dict[str, str] = {}
        for column, name in self._names.items():
            codes = self.table.columns[column].codes[rows]
            text = self.table.text(column, int(rows[-1]))
            if text and len(text) <= MAX_SETTING and (codes == codes[0]).all():
                settings.setdefault(name, text)
        identity = tuple(self._last(name, rows) for name in self.roles.identities)
        state = next((self._last(name, rows).lower() for name in self.roles.states), "")
        return _Found(rows, self._told_rate(rows), self._seed(rows), identity, settings, _STATES.get(state))

    def _last(self, name: str, rows: Rows) -> str:
        given = rows[self.table.given(name)[rows]]
        return self.table.text(name, int(given[-1])) if len(given) else ""

    def _seed(self, rows: Rows) -> int | None:
        for name in self.roles.seeds:
            row = int(rows[0])
            seed = self.table.number(name, row)
            if not math.isnan(seed) and (abs(seed) > MAX_SEED or seed != int(seed)):
                raise DataError(f"{self.table.at(row)}: a seed is a whole number: got {self.table.text(name, row)!r}")
            if not math.isnan(seed):
                return int(seed)
        return None

    @cached_property
    def log_column(self) -> str | None:
        """The column of rates that are a schedule as it was applied; None where rates are what was asked for."""
        if self.groups.is_row_a_run:
            return None
        columns = [*self.roles.logged_rates, *self.roles.rates]
        for name in columns:
            rates = self._checked_rates(name)
            if any(_varies(rates[rows]) for rows in self.groups.rows):
                return name
        alone = self.roles.rates if len(self.groups.rows) == 1 else []
        enough = [name for name in alone if np.isfinite(self.table.numbers(name)).sum() >= MIN_LOGGED]
        return next(iter([*self.roles.logged_rates, *enough]), None)

    @property
    def notes(self) -> tuple[Note, ...]:
        """What is odd about the table: groups of parameters whose rates differ from those that are taken."""
        chosen = self.log_column
        if chosen is None or chosen not in self.roles.logged_rates:
            return ()
        taken = self.table.numbers(chosen)
        both = {name: (taken, self.table.numbers(name)) for name in self.roles.logged_rates if name != chosen}
        others = [
            name for name, (own, other) in both.items() if (np.abs(own - other) > 1e-3 * np.maximum(own, other)).any()
        ]
        return (RateGroups(Text(chosen), Names(others)),) if others else ()

    def _checked_rates(self, name: str) -> Floats:
        rates = self.table.numbers(name)
        with np.errstate(invalid="ignore"):
            wrong = (rates < 0.0) | (rates > 1e30)
        if wrong.any():
            self._refuse(name, int(np.argmax(wrong)))
        return rates

    def _refuse(self, name: str, row: int) -> None:
        raise DataError(f"{self.table.at(row)}: a learning rate is above 0: got {self.table.text(name, row)!r}")

    def _told_rate(self, rows: Rows) -> float | None:
        """Return the peak rate that a run was asked to have, None where its rows tell none."""
        columns = [*self.roles.peaks, *(name for name in self.roles.rates if name != self.log_column)]
        for name in columns:
            given = rows[self.table.given(name)[rows]]
            if len(given):
                row = int(given[0])
                rate = checked.rate(self.table.number(name, row))
                if rate is None:
                    self._refuse(name, row)
                return rate
        return None

    def _named(self, found: Sequence[_Found]) -> Iterator[_Name]:
        """Yield each run's name, rate and seed, and the fold that its name tells.

        A name counts where rates and settings do not tell runs apart already, and it was not drawn by a program.
        """
        given = self._telling_names(found)
        by_name: dict[str, list[_Found]] = {}
        seeds, rates, folds = [], [], []
        for at, each in enumerate(found):
            rates.append(each.rate if each.rate is not None else rate_in(given[at]))
            given[at], seed = without_seed(given[at]) if each.seed is None else (given[at], each.seed)
            given[at], fold = without_fold(given[at])
            folds.append(fold)
            given[at] = "" if says_rate_alone(given[at]) else given[at]
            seeds.append(seed)
            by_name.setdefault(given[at], []).append(replace(each, rate=rates[-1]))
        telling = {name: list(self._tell_apart(name, of_name)) for name, of_name in by_name.items()}
        shown = _shown(rate for rate in rates if rate is not None)
        for each, name, rate, seed, fold in zip(found, given, rates, seeds, folds, strict=True):
            of_rate = f"lr {format_rate(shown[rate])}" if rate is not None and "" in telling[name] else ""
            settings = [f"{title_of(key)} {each.settings[key]}" for key in telling[name] if each.settings.get(key)]
            yield _Name(", ".join(part for part in (name, of_rate, *settings) if part), rate, seed, fold)

    def _tell_apart(self, name: str, of_name: Sequence[_Found]) -> Iterator[str]:
        """Yield the settings that tell runs of one name apart, "" for the rate.

        Those that a list of settings knows are told by whoever compares, unless nothing else names the run.
        """
        rates = {each.rate for each in of_name}
        if not name or len(rates) > 1:
            yield ""
        of_data = self._data_columns
        differing = [key for key in self._differing(of_name) if key not in of_data and not self._names_runs(key)]
        unknown = [key for key in differing if not SETTING.match(key)]
        yield from unknown if name or unknown or rates != {None} else differing

    def _differing(self, found: Sequence[_Found]) -> list[str]:
        names = dict.fromkeys(name for each in found for name in each.settings)
        return [name for name in names if len({each.settings.get(name) for each in found}) > 1]

    def _telling_names(self, found: Sequence[_Found]) -> list[str]:
        columns = list(enumerate(self.roles.identities))
        texts = {name: [each.identity[at] for each in found] for at, name in columns}
        if "arm" in texts:
            return list(texts["arm"])
        nothing = [""] * len(found)
        keys = [(each.rate, tuple(sorted(each.settings.items())), each.seed) for each in found]
        if len(set(keys)) == len(keys) and (len(keys) > 1 or keys[0][0] is not None):
            return nothing
        has_keys = len({key[:2] for key in keys}) > 1 or any(key[0] is not None or key[2] is not None for key in keys)
        for name in self.roles.names:
            if len(set(texts[name])) > (1 if len(found) > 1 else 0) and not says_nothing(texts[name]):
                return list(texts[name])
        if has_keys or len(found) == 1:
            return nothing
        return list(next((own for own in texts.values() if len(set(own)) > 1), nothing))

    def _run(self, each: _Found, name: _Name) -> Run:
        told = Told(
            name=name.arm, rate=None if name.rate is None and self.log_column else name.rate, seed=name.seed,
            settings=each.settings, status=each.status, names_all_settings=bool(each.settings),
            total_steps=self._total_steps(each), is_summed_up=self.groups.is_row_a_run,
            dev_set=self._dev_set(each, name.fold),
        )  # fmt: skip
        return run_of_rows(self._measured, each.rows, told)

    @cached_property
    def _data_columns(self) -> tuple[str, ...]:
        """The columns that tell runs of different data apart; none where all are of one."""
        return tuple(
            name
            for name in self.table.names
            if (FOLD.match(name) or (DATA.match(name) and not self._names_runs(name)))
            and len({self._last(name, rows) for rows in self.groups.rows}) > 1
        )

    def _names_runs(self, name: str) -> bool:
        """Whether a task is a run, as where programs list tasks with their states, rather than what was trained for."""
        if name.lower() != "task" or not self.roles.states:
            return False
        return len({self._last(name, rows) for rows in self.groups.rows}) == len(self.groups.rows)

    def _dev_set(self, each: _Found, fold: str) -> DevSet:
        """Return what a run was evaluated on: its data set and fold, and how many examples, as far as they are told."""
        data = {name: self._last(name, each.rows) for name in self._data_columns}
        parts = [f"fold {text}" if FOLD.match(name) else text for name, text in data.items() if text]
        named = ", ".join([*parts, *([f"fold {fold}"] if fold else [])])
        sizes = [checked.number(self._last(name, each.rows)) for name in self.table.names if DEV_SIZE.match(name)]
        size = next((int(size) for size in sizes if 1.0 < size <= MAX_SIZE and size == int(size)), None)
        return DevSet(named, size, size) if named or size else UNKNOWN

    def _total_steps(self, each: _Found) -> float:
        """Return how many updates a run was to make, where its table counts them and tells it."""
        total = next((checked.number(each.settings[name]) for name in TOTALS if name in each.settings), math.nan)
        return total if total > 0.0 and self.roles.steps and not self.groups.is_row_a_run else math.nan

    @cached_property
    def _measured(self) -> Measured:
        table, roles = self.table, self.roles
        steps, epochs = (None, None) if self.groups.is_row_a_run else places(table, roles, self.groups.rows)
        columns = [(name, *place) for name, place in roles.measured.items()]
        if self.log_column is not None:
            columns.append((self.log_column, "train", "learning_rate"))
        return Measured(table, tuple(columns), steps, epochs)


def _shown(rates: Iterable[float]) -> dict[float, float]:
    """Return rates as they are shown: to so many digits as tell them apart, where nobody typed them.

    >>> _shown([3.489740263625333e-06, 9.999999747378752e-05, 1.5e-3])
    {3.489740263625333e-06: 3.49e-06, 9.999999747378752e-05: 0.0001, 0.0015: 0.0015}
    """
    typed = {rate: as_typed(rate) for rate in rates}
    for digits in (3, 5, 8):
        short = {rate: float(f"{each:.{digits}g}") for rate, each in typed.items()}
        if len(set(short.values())) == len(set(typed.values())):
            return short
    return typed


def _varies(rates: Floats) -> bool:
    known = rates[np.isfinite(rates)]
    return len(known) > 1 and bool(known.max() - known.min() > 1e-6 * known.max())
