"""Tables of metrics as CSV, TSV, JSON, JSONL or Parquet.

A row is an evaluation, of one run or of several, or sums up a run; or every run has columns of its own, as in exports
of charts. Columns are known by their names (`column_roles.py`), runs by what tells them apart (`row_groups.py`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

from lrscope.errors import DataError
from lrscope.number_text import format_number
from lrscope.runs.importers import checked
from lrscope.runs.importers.base import Imported
from lrscope.runs.importers.charts import is_chart, runs_of_chart
from lrscope.runs.importers.column_roles import Roles, roles_of
from lrscope.runs.importers.column_values import is_nan
from lrscope.runs.importers.columns import Table, first_line, names_in, read_columns
from lrscope.runs.importers.example_scores import SCORES
from lrscope.runs.importers.row_groups import grouped
from lrscope.runs.importers.table_forms import has_other_form, plain
from lrscope.runs.importers.table_runs import TableRuns
from lrscope.runs.notes import Note
from lrscope.runs.run import Run
from lrscope.runs.settings import shared_settings

# A rate, or what else a row should tell, at the end of a column's name.
_AT_VALUE = re.compile(
    r"[\W_]*(?:(?:lr|learning[ _-]?rate)?[\W_]*(?<![\d.])(?:\d+(?:\.\d+)?e-\d+|0?\.0\d+)"
    r"|(?<![a-z])(?P<what>seed|epoch|fold|step)[\W_]*\d+)[)\]]?$", re.I
)  # fmt: skip
MAX_TYPED, MAX_WORDS = 6, 40  # characters of a number that somebody typed, and of a text that is a setting


class MetricTable:
    """Metrics by epoch or step, or by run."""

    suffixes: tuple[str, ...] = (".csv", ".tsv", ".jsonl", ".parquet")

    def claims(self, path: Path, head: bytes) -> bool:
        """Return whether the columns name something that was measured, and where it stands or of what run it is."""
        names = names_in(path, head)
        if "\t" in first_line(head) and {"Training Loss", "Validation Loss"} <= names:
            return False  # copied from a notebook: a table as text, which may stand among others
        if is_chart(names) or has_other_form(names):
            return True
        roles = roles_of(names)
        if not roles.measured:
            return bool(roles.bare) and bool(roles.steps or roles.epochs)
        return roles.names_a_run or bool(roles.metrics_of_dev)

    def read(self, path: Path) -> Imported:
        """Return the runs of a table.

        Raises:
            DataError: it cannot be read, or lacks the columns.
        """
        table = read_columns(path, compact=True)
        if is_chart(table.names):
            return _imported(runs_of_chart(table))
        table = plain(table)
        roles = _filled_roles(table)
        _refuse_columns_of_values(table, roles)
        settings = _settings(table, roles)
        if not roles.measured and not (roles.bare and (roles.steps or roles.epochs)):
            raise _nothing_measured(table, roles)
        groups = grouped(table, roles, list(settings))
        if not roles.metrics_of_dev and roles.bare and (len(groups.rows) > 1 or groups.is_row_a_run):
            raise _nothing_measured(table, roles)
        if not groups.is_row_a_run:
            _leave_running_bests(roles)
        _take_bare(roles)
        of_table = TableRuns(table, roles, settings, groups)
        return _imported(of_table.runs(), of_table.notes)


def _imported(runs: Sequence[Run], notes: tuple[Note, ...] = ()) -> Imported:
    return Imported(tuple(runs), shared_settings([run.settings for run in runs]), notes)


def _nothing_measured(table: Table, roles: Roles) -> DataError:
    """Return what to say of a table in which nothing is known to be of dev; only columns that it has are named."""
    hint = ""
    if empty := roles_of(table.names).measured:
        for name in empty:
            table.numbers(name)  # which says what is there instead of numbers
        return DataError(
            f"runs are compared by what was measured on dev: got no dev column with numbers in "
            f"{checked.file_name(table.path)}"
        )
    if roles.bare:
        name = next(iter(roles.bare))
        hint = f"; if {name} was measured on dev, call it dev_{name}"
    return DataError(
        f"a table has epoch, arm or lr, and columns such as dev_acc, or {', '.join(SCORES)}: got "
        f"{', '.join(sorted(name[:60] for name in table.names if name)[:20])} in {checked.file_name(table.path)}{hint}"
    )


def _refuse_columns_of_values(table: Table, roles: Roles) -> None:
    """Refuse a table with a column of one metric for every rate, seed or epoch: those are no metrics of one run.

    Raises:
        DataError: it is such a table.
    """
    of_metric: dict[tuple[str, str, str], list[str]] = {}
    for name, (split, metric) in roles.measured.items():
        if (match := _AT_VALUE.search(metric)) is not None:
            what = (match["what"] or "lr").lower()
            of_metric.setdefault((split, metric[: match.start()], what), []).append(name)
    for (split, metric, what), names in of_metric.items():
        if len(names) > 1:
            raise DataError(
                f"a row is one evaluation or one run: got a column for each {what} in "
                f"{checked.file_name(table.path)}, such as {names[0]} and {names[1]}; write them below one another, "
                f"with columns {what} and {split}_{metric or 'loss'}"
            )


def _leave_running_bests(roles: Roles) -> None:
    """Leave out the best so far of what stands beside it: a row's evaluation is what was measured there."""
    taken = set(roles.measured.values())
    for name, (split, metric) in list(roles.measured.items()):
        begin, _, rest = metric.partition("_")
        if begin in ("best", "min", "max", "last", "final") and (split, rest) in taken:
            del roles.measured[name]


def _take_bare(roles: Roles) -> None:
    """Take what names no split for training's, in the log of one run: an evaluation would say that it is one."""
    if not roles.metrics_of_dev:
        for name, metric in roles.bare.items():
            roles.measured.setdefault(name, ("train", metric))


def _filled_roles(table: Table) -> Roles:
    """Return what columns are, those left out that hold nothing, or no numbers where they should."""
    known = roles_of(table.names)
    roles = roles_of(name for name in table.names if name in known.columns and table.given(name).any())
    for measured in (roles.measured, roles.bare):
        for name in [name for name in measured if not _has_numbers(table, name)]:
            del measured[name]
    return roles


def _has_numbers(table: Table, name: str) -> bool:
    column = table.columns[name]
    return column.numbers is not None or any(
        is_nan(each) or not math.isnan(checked.number(each)) for each in column.texts
    )


def _settings(table: Table, roles: Roles) -> dict[str, str]:
    """Return the columns that are settings, and their names; of unknown ones those with values that somebody typed."""
    names = {name: name for name in roles.settings}
    names.update(roles.asked)
    names.update({name: name for name in roles.others if _is_typed(table, name) and not _ranks_rows(table, name)})
    return names


def _ranks_rows(table: Table, name: str) -> bool:
    """Whether a column says in which place each row came, 1 to the number of rows; LoRA has a rank, too."""
    if name.strip().lower() not in ("rank", "position", "order"):
        return False
    return sorted(table.numbers(name).tolist()) == list(range(1, len(table) + 1))


def _is_typed(table: Table, name: str) -> bool:
    column = table.columns[name]
    if column.numbers is not None and len(column.numbers) > 10_000:
        return False
    numbers = [checked.number(each) for each in column.texts if each]
    if all(math.isnan(value) for value in numbers):
        return all(len(each) <= MAX_WORDS for each in column.texts)
    return all(len(format_number(value)) <= MAX_TYPED for value in numbers if math.isfinite(value))
