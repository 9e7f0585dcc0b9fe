"""Tables that programs print row by row while they train: fastai's, Trainer's as text, one's own with bars between."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lrscope.runs.importers import checked
from lrscope.runs.importers.printed_values import Name, column_in

MAX_COLUMNS = 50
_BETWEEN = re.compile(r"[ ]{0,8}[|│][ ]{0,8}|\t|[ ]{2,}")
_POSITIONS = {"epoch": "epoch", "epochs": "epoch", "ep": "epoch", "step": "step", "iter": "step", "iteration": "step"}
_NO_VALUE = frozenset({"", "-", "--", "no log", "none", "n/a"})
_FASTAI = frozenset({"train_loss valid_loss", "training loss validation loss"})  # whose metrics are of validation


@dataclass(frozen=True, slots=True)
class Row:
    """A row's values by split, and its position."""

    values: Mapping[str, Mapping[str, float]]
    epoch: int | None
    step: int | None


@dataclass(frozen=True)
class PrintedTable:
    """What the columns of a table hold.

    >>> table = PrintedTable.headed("epoch     train_loss  valid_loss  f1_score  time    ")
    >>> dict(table.row("0         0.512345    0.412345    0.843750  00:12    ").values)
    {'train': {'loss': 0.512345}, 'dev': {'loss': 0.412345, 'f1_score': 0.84375}}
    """

    columns: tuple[Name, ...]
    position: str
    num_words: int

    @staticmethod
    def headed(line: str) -> PrintedTable | None:
        """Return the table that a line is the heading of, None where it is none."""
        cells = _cells(line)
        if not 2 <= len(cells) <= MAX_COLUMNS or cells[0].lower() not in _POSITIONS:
            return None
        columns = [column_in(cell) for cell in cells[1:]]
        if not any(each.kind == "value" for each in columns):
            return None
        names = " ".join(cells[1:3]).lower()
        if names in _FASTAI:
            columns = [
                Name("value", "dev", each.metric) if each.kind == "value" and not each.split else each
                for each in columns
            ]
        return PrintedTable(tuple(columns), _POSITIONS[cells[0].lower()], len(line.split()))

    def row(self, line: str) -> Row | None:
        """Return what a row of the table holds, None where a line is none."""
        if not line[:1].isdigit() and line[:1] not in "|│":
            return None
        cells = _cells(line)
        if len(cells) != len(self.columns) + 1:
            cells = line.split()
            if len(cells) != len(self.columns) + 1 or "|" in line:
                return None
        at = checked.count(cells[0])
        if at is None:
            return None
        values: dict[str, dict[str, float]] = {}
        for name, cell in zip(self.columns, cells[1:], strict=True):
            if name.kind != "value":
                continue
            split = name.split or ("train" if name.metric == "loss" else "")
            value = checked.number(cell.rstrip("%"))
            if value != value and cell.lower() not in ("nan", *_NO_VALUE):
                return None
            if split and cell.lower() not in _NO_VALUE:
                values.setdefault(split, {})[name.metric] = value if split == "train" else checked.measured(value)
        is_epoch = self.position == "epoch"
        return Row(values, at if is_epoch else None, None if is_epoch else at) if values else None


def _cells(line: str) -> list[str]:
    """Return the cells of a line: what stands between bars, tabs or several spaces."""
    return _BETWEEN.split(line.strip(" \t|│"))
