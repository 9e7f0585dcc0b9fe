"""Tables of trials, steps, evaluations and the verdict, as CSV that a spreadsheet or pandas reads."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lrscope.files import replacing
from lrscope.sinks.base import StudyLog, TrialLog, VerdictLog, home
from lrscope.visible_text import as_cell

KEYS = ("trial", "setting", "lr", "seed")
TABLES = ("trials", "steps", "evaluations")
Row = Mapping[str, Any]


class CsvSink:
    """`trials.csv`, `steps.csv`, `evaluations.csv`, `verdict.csv` in the study's `csv/`, or in a folder of that name.

    The first write of a process makes the files anew from the study, later ones add to them: so what a killed process
    left half written is never gone on with.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._columns: dict[str, list[str]] = {}
        self._written: set[int] = set()

    def check(self) -> None:
        """Make the folder, where one was named."""
        if self._where:
            Path(self._where).mkdir(parents=True, exist_ok=True)

    def write(self, study: StudyLog, trial: TrialLog, *, is_again: bool) -> None:
        """Add a trial's rows; make the files anew where it has columns that they lack."""
        if trial.number in self._written or not self._columns or not self._add(study, trial):
            self._make(study)

    def conclude(self, study: StudyLog, verdict: VerdictLog) -> None:
        """Write the verdict, a row a setting."""
        rows = [
            {"setting": each.setting, "seeds": each.seeds, study.metric: each.value, "sd": each.sd,
             "standing": each.standing, "recommended": each.is_recommended, "confidence": verdict.confidence}
            for each in verdict.settings
        ]  # fmt: skip
        folder = home(self._where, study, "csv")
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / "verdict.csv") as path:
            _write(path, rows, _columns_of(rows), mode="w", has_header=True)

    def _make(self, study: StudyLog) -> None:
        folder, columns = home(self._where, study, "csv"), dict[str, dict[str, None]]()
        folder.mkdir(parents=True, exist_ok=True)
        for trial in study.ended():
            for name in TABLES:
                columns.setdefault(name, {}).update(dict.fromkeys(_names(name, trial)))
        self._columns = {name: list(names) for name, names in columns.items()}
        for name in TABLES:
            with replacing(folder / f"{name}.csv") as path:
                rows = (row for trial in study.ended() for row in _rows(name, trial))
                _write(path, rows, self._columns[name], mode="w", has_header=True)
        self._written = {trial.number for trial in study.ended()}

    def _add(self, study: StudyLog, trial: TrialLog) -> bool:
        if any(not set(_names(name, trial)) <= set(self._columns[name]) for name in TABLES):
            return False
        for name in TABLES:
            path = home(self._where, study, "csv") / f"{name}.csv"
            _write(path, _rows(name, trial), self._columns[name], mode="a", has_header=False)
        self._written.add(trial.number)
        return True


def _keys(trial: TrialLog) -> dict[str, Any]:
    return {"trial": trial.number, "setting": trial.setting, "lr": trial.settings["lr"], "seed": trial.settings["seed"]}


def _names(table: str, trial: TrialLog) -> Sequence[str]:
    """Return the columns that a trial has in a table."""
    if table == "steps":
        return ("trial", "step", *(trial.series.dtype.names or ()))
    if table == "trials":
        return list(_trial_row(trial))
    return _columns_of([*_rows(table, trial)]) or [*KEYS, "step", "epoch"]


def _rows(table: str, trial: TrialLog) -> Iterator[Row]:
    if table == "trials":
        yield _trial_row(trial)
    elif table == "steps":
        names = trial.series.dtype.names or ()
        for step, row in enumerate(trial.series):
            yield {"trial": trial.number, "step": step, **dict(zip(names, row.item(), strict=True))}
    else:
        yield from _evaluation_rows(trial)


def _evaluation_rows(trial: TrialLog) -> Iterator[Row]:
    """Yield a row a step that was evaluated, splits beside one another as `dev_loss`: `lrscope report` reads that."""
    rows: dict[int, dict[str, Any]] = {}
    for record in trial.evaluations:
        row = rows.setdefault(record.step, {**_keys(trial), "step": record.step, "epoch": record.epoch})
        row |= {f"{record.split}_{name}": value for name, value in record.metrics.items()}
    for _, row in sorted(rows.items()):
        yield row


def _trial_row(trial: TrialLog) -> Row:
    ended = {"status": trial.status, "reason": trial.reason, "step": trial.step, "total_steps": trial.total_steps}
    # Values of dev are in one table alone: whoever reads the folder, as `lrscope report` does, counts each run once.
    return {**_keys(trial), **ended, "seconds": trial.seconds, **trial.settings}


def _columns_of(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _write(
    path: Path, rows: Iterator[Row] | Sequence[Row], columns: Sequence[str], *, mode: str, has_header: bool
) -> None:
    with path.open(mode, encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if has_header:
            writer.writerow(map(as_cell, columns))
        for row in rows:
            cells = (row.get(name, "") for name in columns)
            writer.writerow([as_cell(cell) if isinstance(cell, str) else cell for cell in cells])
