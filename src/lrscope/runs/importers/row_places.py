"""Where the rows of a table stand: updates and passes counted from 1, however its program numbers them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lrscope.runs.importers.column_roles import Roles
from lrscope.runs.importers.column_values import Mask
from lrscope.runs.importers.columns import Table
from lrscope.runs.importers.row_groups import Rows, checked_positions, epoch_column, step_column
from lrscope.runs.score_table import Floats


def places(table: Table, roles: Roles, runs: Sequence[Rows]) -> tuple[Floats | None, Floats | None]:
    """Return each row's number of updates and of passes, as far as a table tells them.

    A program that numbers its epochs from 0 has made one pass after the first; one that writes the index of a batch has
    made one update more.

    Raises:
        DataError: a step or an epoch is no number from 0 on.
    """
    step_name, epoch_name = step_column(table, roles), epoch_column(table, roles)
    steps = None if step_name is None else checked_positions(table, step_name)
    epochs = None if epoch_name is None else checked_positions(table, epoch_name)
    trained = _given(table, roles, "train")
    if steps is not None and _is_index_of_batch(steps[trained]):
        steps = steps + 1.0
    if epochs is not None and _is_index_of_epoch(epochs, trained):
        epochs = epochs + 1.0
    if steps is not None and epochs is not None:
        epochs = _at_their_ends(steps, epochs, _given(table, roles, "dev"), runs)
    return steps, epochs


def _at_their_ends(steps: Floats, epochs: Floats, evaluated: Mask, runs: Sequence[Rows]) -> Floats | None:
    """Return epochs where they stand beside steps: a whole number says where its evaluation was, at its end.

    One that was evaluated at several steps says nothing, and neither does one beside a step within it.
    """
    if (epochs[~np.isnan(epochs)] % 1.0).any():
        return epochs
    evaluated = evaluated & ~np.isnan(epochs)
    for rows in runs:
        own = rows[evaluated[rows]]
        if len(np.unique(epochs[own])) < len(np.unique(steps[own])):
            return None
    return np.where(evaluated, epochs, math.nan)


def _given(table: Table, roles: Roles, split: str) -> Mask:
    """Return which rows have something measured on a split."""
    given = np.zeros(len(table), np.bool_)
    for name, (of, metric) in roles.measured.items():
        if of == split and metric != "grad_norm":
            given |= table.given(name)
    return given


def _is_index_of_batch(steps: Floats) -> bool:
    """Whether steps are numbers of batches, from 0, as Lightning writes them: one before every so many updates.

    >>> _is_index_of_batch(np.array([49.0, 99.0, 149.0])), _is_index_of_batch(np.array([0.0, 50.0, 100.0]))
    (True, False)
    """
    logged = np.unique(steps[~np.isnan(steps)])
    if len(logged) < 3:
        return False
    every = float(np.diff(logged).min())
    return every > 1.0 and bool(((logged + 1.0) % every == 0.0).all())


def _is_index_of_epoch(epochs: Floats, trained: Mask) -> bool:
    """Whether epochs are counted from 0: they are whole, and something was trained in the first."""
    known = epochs[~np.isnan(epochs)]
    if not len(known) or known.min() != 0.0 or (known % 1.0).any():
        return False
    return not trained.any() or bool((trained & (epochs == 0.0)).any())
