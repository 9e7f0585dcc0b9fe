"""Exports of charts: a column a run, named after the run and what was measured, such as `run-a - eval/loss`.

TensorBoard's are one run's, and one metric's, which the file is named after: `run-a-tag-eval_loss.csv`.

W&B writes the least and the greatest value beside each (`__MIN`, `__MAX`), which differ where it drew several as one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from lrscope.errors import DataError
from lrscope.number_text import format_rate
from lrscope.runs.importers.checked import file_name
from lrscope.runs.importers.column_roles import EPOCHS, STEPS, roles_of
from lrscope.runs.importers.column_values import Column
from lrscope.runs.importers.columns import Table
from lrscope.runs.importers.headings import rate_in
from lrscope.runs.importers.row_groups import Groups
from lrscope.runs.importers.run_names import says_rate_alone, without_seed
from lrscope.runs.importers.table_runs import TableRuns
from lrscope.runs.run import Run

_OF_RUN = re.compile(r"^(.+) - (.+?)$")
_SCALARS = {"Wall time", "Step", "Value"}
_TAG = re.compile(r"^(?:run-)?(.*?)-?tag-(.+)$")
_SPREAD = re.compile(r"__(?:MIN|MAX)$")
_TIMES = re.compile(r"^(?:relative|wall)[ _]time", re.I)
_AXES = STEPS | EPOCHS | {"train/global_step", "train/epoch", "trainer/global_step"}


def is_chart(names: Collection[str]) -> bool:
    """Return whether columns are those of a chart: an axis, and else a run's values each.

    >>> is_chart(["Step", "run-a - eval/loss", "run-a - eval/loss__MIN"]), is_chart(["step", "loss"])
    (True, False)
    """
    if set(names) == _SCALARS:
        return True
    others = [name for name in names if not _is_axis(name)]
    return 0 < len(others) < len(names) and all(_OF_RUN.match(name) for name in others)


def _is_axis(name: str) -> bool:
    return name.lower() in _AXES or bool(_TIMES.match(name))


def runs_of_chart(table: Table) -> tuple[Run, ...]:
    """Return the runs of a chart, named as it names them; what names no split is of training.

    Raises:
        DataError: none of its columns has a number.
    """
    if set(table.names) == _SCALARS:
        return _runs_of_scalars(table)
    axes = {name: column for name, column in table.columns.items() if _is_axis(name)}
    by_run: dict[str, dict[str, Column]] = {}
    for name, column in table.columns.items():
        match = _OF_RUN.match(name)
        if match and name not in axes and not _SPREAD.search(name) and table.given(name).any():
            by_run.setdefault(match[1], {})[match[2]] = column
    runs = [run for name, own in by_run.items() for run in _run(name, table.part({**axes, **own}), own)]
    if not runs:
        raise DataError(f"an export of a chart has a column a run: got none with numbers in {file_name(table.path)}")
    return tuple(runs)


def _runs_of_scalars(table: Table) -> tuple[Run, ...]:
    match = _TAG.match(Path(file_name(table.path)).stem)
    columns = {"step": table.columns["Step"], match[2]: table.columns["Value"]} if match else {}
    runs = list(_run(match[1] or ".", table.part(columns), [match[2]])) if match else []
    if not runs:
        raise DataError(
            "a chart that TensorBoard saved is named after its run and what was measured, such as "
            f"run-a-tag-eval_loss.csv: got {file_name(table.path)}; rename it"
        )
    return tuple(replace(run, arm="") if run.arm == "." else run for run in runs)


def _run(name: str, table: Table, own: Collection[str]) -> Iterator[Run]:
    """Yield the run of a chart's columns, where one of them is known to measure something."""
    roles = roles_of(table.names)
    for column, metric in roles.bare.items():
        roles.measured.setdefault(column, ("train", metric))
    rows = np.flatnonzero(np.any([table.given(each) for each in own], axis=0))
    if not roles.measured:
        return
    (run,) = TableRuns(table, roles, {}, Groups((rows,), is_row_a_run=False)).runs()
    without, seed = without_seed(name)
    rate = run.rate if run.rate is not None else rate_in(name)
    says_rate = rate is not None and (not without or says_rate_alone(without))
    yield replace(run, arm=f"lr {format_rate(rate)}" if rate and says_rate else without or name, rate=rate, seed=seed)
