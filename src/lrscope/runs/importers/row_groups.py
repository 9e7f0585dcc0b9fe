"""Which rows of a table are of one run: by columns that say so, by rates and settings, by where epochs begin anew."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lrscope.errors import DataError
from lrscope.runs.importers.checked import MAX_COUNT
from lrscope.runs.importers.column_roles import Roles
from lrscope.runs.importers.columns import Table
from lrscope.runs.score_table import Floats

Rows = NDArray[np.intp]
MIN_CURVE = 4  # rates that are a schedule's rather than of so many runs
TYPED_DIGITS = 5  # significant digits of a rate that somebody may have typed


@dataclass(frozen=True)
class Groups:
    """The rows of each run, in the order of the file; `is_row_a_run` where each is one row that sums it up."""

    rows: tuple[Rows, ...]
    is_row_a_run: bool


def grouped(table: Table, roles: Roles, settings: Sequence[str]) -> Groups:
    """Return which rows are of one run.

    A rate that changes while steps or epochs go on is the schedule of one run; where these begin anew with each rate,
    or stand again, rates and `settings` tell runs apart.

    Raises:
        DataError: rows contradict one another, or what they are of cannot be told.
    """
    keys = _Keys(table, roles, settings)
    position = position_of(table, roles)
    parts = keys.by_identity(position)
    if position is None:
        found = [group for part in parts for group in _without_positions(keys, part, is_alone=len(parts) == 1)]
    else:
        found = [group for part in parts for group in _of_part(keys, position, part)]
    is_row_a_run = len(found) > 1 and all(len(each) == 1 for each in found)
    return Groups(tuple(found), is_row_a_run)


def position_of(table: Table, roles: Roles) -> Floats | None:
    """Return where each row stands, by its step or else its epoch, with the one before where it does not tell.

    Raises:
        DataError: one of them is no number from 0 on.
    """
    columns = [name for name in (step_column(table, roles), epoch_column(table, roles)) if name]
    if not columns:
        return None
    values = checked_positions(table, columns[0])
    known = np.maximum.accumulate(np.where(np.isnan(values), -1, np.arange(len(values))))
    return np.where(known < 0, math.nan, values[known])


def step_column(table: Table, roles: Roles) -> str | None:
    """Return the column of steps: updates rather than micro-batches, both rather than a count of what was logged."""
    given = [name for name in roles.steps if table.given(name).any()]

    def place(name: str) -> int:
        kinds = ("global_step", "update", "step", "iter")
        return len(kinds) if name.startswith("_") else next(at for at, kind in enumerate(kinds) if kind in name.lower())

    return min(given, key=place, default=None)


def epoch_column(table: Table, roles: Roles) -> str | None:
    """Return the column of epochs; that of a count of reports where there is no other."""
    given = [name for name in roles.epochs if table.given(name).any()]
    return min(given, key=lambda name: name == "training_iteration", default=None)


def checked_positions(table: Table, name: str) -> Floats:
    """Return a column of steps or epochs.

    Raises:
        DataError: one of them is no number from 0 on.
    """
    values = table.numbers(name)
    with np.errstate(invalid="ignore"):
        wrong = (values < 0.0) | (values > MAX_COUNT)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(f"{table.at(row)}: {name} is a number from 0 on: got {values[row]:g}")
    return values


class _Keys:
    """What tells runs of a table apart."""

    def __init__(self, table: Table, roles: Roles, settings: Sequence[str]) -> None:
        self.table, self.roles = table, roles
        self.measured = [(name, table.given(name)) for name in roles.measured]
        self.has_train = any(split == "train" for split, _ in roles.measured.values())
        rate = next((name for name in (*roles.peaks, *roles.rates, *roles.logged_rates)), None)
        self.rates = None if rate is None else table.numbers(rate)
        self._settings = settings

    def by_identity(self, position: Floats | None) -> list[Rows]:
        """Return rows by the columns that name runs and seeds.

        An identifier that is another in every row, while steps go on through the whole table, numbers the rows.
        """
        names = [*self.roles.names, *self.roles.seeds]
        asked = [*self.roles.peaks, *self.roles.asked, *self.roles.states]
        goes_on = position is not None and len(position) > 1 and bool((np.diff(position) > 0.0).all())
        texts = {name: len(self.table.columns[name].texts) for name in self.roles.ids}
        names += [name for name, number in texts.items() if asked or not goes_on or number < len(self.table)]
        return split(np.arange(len(self.table)), [self.table.columns[name].codes for name in names])

    def by_settings(self, rows: Rows, *, known: bool = False) -> list[Rows]:
        """Return rows by their rates and settings, by `known` ones alone; a row without a rate has the one before."""
        names = [name for name in self._settings if not known or name not in self.roles.others]
        codes: list[NDArray[np.generic]] = [self.table.columns[name].codes[rows] for name in names]
        if self.rates is not None:
            codes.append(_filled(self.rates[rows]))
        return [rows[each] for each in split(np.arange(len(rows)), codes)]

    def rates_of(self, rows: Rows) -> Floats:
        """Return the rates of rows that have one."""
        rates = np.zeros(0) if self.rates is None else self.rates[rows]
        return rates[~np.isnan(rates)]

    def stands_again(self, position: Floats, rows: Rows) -> int | None:
        """Return the first row with a value that stands at the same step before; None where each stands once."""
        if (np.diff(position[rows]) > 0.0).all():
            return None
        again = []
        for _, given in self.measured:
            own = rows[given[rows]]
            order = np.argsort(position[own], kind="stable")
            same = np.flatnonzero(np.diff(position[own][order]) == 0.0)
            again += [int(own[order[same + 1]].min())] if len(same) else []
        return min(again, default=None)

    def refuse(self, row: int) -> DataError:
        """Return what to say of a run that stands twice."""
        table = self.table
        names = [name for name in (step_column(table, self.roles), epoch_column(table, self.roles)) if name]
        at = f"{names[0]} {table.text(names[0], row)}" if names else "a run"
        of = [f"{name} {table.text(name, row)}" for name in self._named() if table.text(name, row)]
        return DataError(
            f"{table.at(row)}: an epoch stands once a run: got {at}{' of ' if of else ''}{', '.join(of)}, again; runs "
            "of one arm differ in a column seed, other arms in a column arm, or in a setting such as batch_size"
        )

    def _named(self) -> Iterable[str]:
        roles = self.roles
        yield from [*roles.names[:1], *(roles.peaks or roles.rates)[:1], *roles.seeds[:1]]


def _filled(values: Floats) -> Floats:
    """Return values with the one before where there is none, 0 at the beginning."""
    known = np.maximum.accumulate(np.where(np.isnan(values), -1, np.arange(len(values))))
    return np.where(known < 0, 0.0, values[known])


def split(rows: Rows, codes: Sequence[NDArray[np.generic]]) -> list[Rows]:
    """Return rows by what all codes say of them, groups in the order in which they first occur.

    >>> [group.tolist() for group in split(np.arange(4), [np.array([1, 0, 1, 0]), np.array([5, 5, 5, 6])])]
    [[0, 2], [1], [3]]
    """
    combined = np.zeros(len(rows), np.int64)
    for each in codes:
        own = np.unique(each, return_inverse=True)[1]
        combined = np.unique(combined * (int(own.max(initial=0)) + 1) + own, return_inverse=True)[1].astype(np.int64)
    order = np.argsort(combined, kind="stable")
    groups = np.split(rows[order], np.flatnonzero(np.diff(combined[order])) + 1)
    return sorted(groups, key=lambda group: int(group[0]) if len(group) else 0)


def _without_positions(keys: _Keys, part: Rows, *, is_alone: bool) -> list[Rows]:
    """Return the runs among rows that tell no step: a row a run, or a row an evaluation."""
    if len(part) == 1:
        return [part]
    is_curve = not keys.roles.peaks and (_is_curve(keys, part) or _is_reduced(keys, part))
    groups = [part] if is_curve else keys.by_settings(part)
    if not keys.has_train and not (is_alone and len(groups) == 1 and keys.rates is None):
        twice = next((group for group in groups if len(group) > 1), None)
        if twice is not None:
            table = keys.table
            raise DataError(
                f"{table.at(int(twice[1]))}: rows of one run have a column epoch, runs of one arm a column seed: got "
                f"neither, and settings that stand before; add one of them"
            )
    return groups


def _is_curve(keys: _Keys, rows: Rows) -> bool:
    """Whether rates that differ from row to row, without a step, are a schedule.

    They stand beside losses of training, rise and then fall, and nobody typed them. Those of a sweep were typed, or
    drawn in no order.
    """
    rates = keys.rates_of(rows)
    if not keys.has_train or len(rates) < MIN_CURVE or len(set(rates.tolist())) < 2:
        return False
    top = int(np.argmax(rates))
    is_hill = bool((np.diff(rates[: top + 1]) >= 0.0).all() and (np.diff(rates[top:]) <= 0.0).all())
    return is_hill and rates[-1] < rates[top] and not all(map(_is_typed, rates.tolist()))


def _is_reduced(keys: _Keys, rows: Rows) -> bool:
    """Whether rates, without a step, are those of one training that reduced its rate: they stay, and then only fall.

    They stand beside losses of training, and not equally often: the rates of a sweep, each at so many seeds, would.
    """
    rates = keys.rates_of(rows)
    lengths = np.unique(rates, return_counts=True)[1]
    if not keys.has_train or len(rates) < len(rows) or len(lengths) < 2 or (np.diff(rates) > 0.0).any():
        return False
    return len(set(lengths.tolist())) > 1 and len(keys.by_settings(rows)) == len(lengths)


def _is_typed(rate: float) -> bool:
    return float(f"{rate:.{TYPED_DIGITS}g}") == rate


def _of_part(keys: _Keys, position: Floats, part: Rows) -> list[Rows]:
    """Return the runs among rows that nothing names apart."""
    if len(part) == 1:
        return [part]
    own = position[part]
    falls = bool((np.diff(own) < 0.0).any())
    again = keys.stands_again(position, part)
    if again is None and not falls:
        return [part]
    by_settings = keys.by_settings(part)
    if _are_rows_of_sweep(keys, by_settings):
        return by_settings
    blocks = list(_blocks(part, own)) if falls else [part]
    if again is None:
        is_apart = 1 < len(by_settings) <= len(blocks) and all(len(each) > 1 for each in by_settings)
        return by_settings if is_apart else [part]
    for groups in (by_settings, keys.by_settings(part, known=True)):
        if _are_runs(keys, position, groups):
            return groups
    if len(blocks) == 1 and falls:  # it went back a little, as after a resumption: what came later counts
        return [_last_time(part, own)]
    if len(blocks) == 1 or not _tell_themselves_apart(keys, blocks):
        raise keys.refuse(again)
    for block in blocks:
        if (twice := keys.stands_again(position, block)) is not None and not (np.diff(position[block]) < 0.0).any():
            raise keys.refuse(twice)
    return [_last_time(block, position[block]) for block in blocks]


def _are_rows_of_sweep(keys: _Keys, groups: Sequence[Rows]) -> bool:
    """Whether every row has settings of its own that somebody typed: how far each run came is no axis then."""
    if len(groups) < 2 or any(len(group) > 1 for group in groups):
        return False
    return all(_is_typed(rate) for group in groups for rate in keys.rates_of(group).tolist())


def _last_time(rows: Rows, position: Floats) -> Rows:
    """Return rows without those that stand again after the steps went back: what was trained anew counts."""
    later = np.minimum.accumulate(position[::-1])[::-1]
    passes = np.concatenate([[0], np.cumsum(np.diff(position) < 0.0)])
    _, at = np.unique(position, return_inverse=True)
    last = np.zeros(int(at.max()) + 1, np.intp)
    np.maximum.at(last, at, passes)
    return np.asarray(rows[(position <= later) & (passes == last[at])])


def _are_runs(keys: _Keys, position: Floats, groups: Sequence[Rows]) -> bool:
    """Whether rows of one rate and settings each are runs: they begin at one step, and have no value twice."""
    if len({float(position[group].min()) for group in groups}) > 1 or len(groups) < 2:
        return False
    return all(keys.stands_again(position, group) is None for group in groups)


def _blocks(rows: Rows, position: Floats) -> Iterator[Rows]:
    """Yield stretches of rows: where the step is no further than at a stretch's beginning, another one begins."""
    begin, first = 0, position[0]
    for place in (np.flatnonzero(np.diff(position) < 0.0) + 1).tolist():
        if position[place] <= first:
            yield rows[begin:place]
            begin, first = place, position[place]
    yield rows[begin:]


def _tell_themselves_apart(keys: _Keys, blocks: Sequence[Rows]) -> bool:
    """Whether stretches of rows are runs at rates of their own, or of a table that names no rate at all."""
    tops = [keys.rates_of(block).max(initial=0.0) for block in blocks]
    return len({float(f"{top:.3g}") for top in tops}) == len(blocks)
