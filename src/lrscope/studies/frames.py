"""A study read elsewhere: its trials, steps and evaluations as pandas frames, or as CSV."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from lrscope.errors import LrscopeError
from lrscope.store.study import StudyStore
from lrscope.visible_text import as_cell

if TYPE_CHECKING:
    import pandas


class StudyReader:
    """A study opened for reading: `StudyReader("runs/sweep").trials()`. Frames need pandas, which lrscope does not."""

    def __init__(self, folder: Path) -> None:
        """Open it.

        Raises:
            StudyError: there is none.
        """
        self.store = StudyStore.open(folder)

    def trials(self) -> pandas.DataFrame:
        """Return a row a trial: its settings, how it stands, and dev's metrics at the endpoint."""
        return to_frame(self.trial_rows())

    def evaluations(self) -> pandas.DataFrame:
        """Return a row an evaluation: trial, step, epoch, split, and its metrics."""
        return to_frame(self.evaluation_rows())

    def steps(self, trial: int) -> pandas.DataFrame:
        """Return a row a step of a trial: the rate that was applied, loss, gradient norm."""
        series = self.store.steps(trial)
        names = series.dtype.names or ()
        return to_frame([{"step": t, **dict(zip(names, row.item(), strict=True))} for t, row in enumerate(series)])

    def trial_rows(self) -> list[dict[str, Any]]:
        """Return the trials as plain values."""
        rows = []
        for row in self.store.trials():
            dev = self.store.evaluations(row.id, "dev")
            last = {f"dev_{name}": value for name, value in dev[-1].metrics.items()} if dev else {}
            rows.append(
                {"trial": row.id, **row.config.to_dict(), "status": row.status, "reason": row.reason, "step": row.step,
                 "seconds": row.seconds, **last}
            )  # fmt: skip
        return rows

    def evaluation_rows(self) -> list[dict[str, Any]]:
        """Return the evaluations as plain values."""
        return [
            {"trial": row.id, "step": r.step, "epoch": r.epoch, "split": r.split, "improved": r.improved, **r.metrics}
            for row in self.store.trials()
            for r in self.store.evaluations(row.id)
        ]

    def close(self) -> None:
        """Close the file."""
        self.store.close()

    def __enter__(self) -> StudyReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def to_csv(rows: list[dict[str, Any]]) -> str:
    r"""Return rows as CSV, a column for every name that any of them has.

    >>> to_csv([{"trial": 1, "loss": 0.5}, {"trial": 2}])
    'trial,loss\n1,0.5\n2,\n'
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(as_cell, names))
    for row in rows:
        cells = (row.get(name, "") for name in names)
        writer.writerow([as_cell(cell) if isinstance(cell, str) else cell for cell in cells])
    return text.getvalue()


def to_frame(rows: list[dict[str, Any]]) -> pandas.DataFrame:
    """Return rows as a frame.

    Raises:
        LrscopeError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise LrscopeError('frames need pandas: it is not installed; type: pip install "lrscope[frames]"') from error
    return pandas.DataFrame(rows)
