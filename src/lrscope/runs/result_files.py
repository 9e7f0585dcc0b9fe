"""Files that one training left of its results: its own record, Trainer's states, tables. Half a file is no error."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lrscope.data.table_rows import json_value
from lrscope.errors import DataError
from lrscope.records import EvaluationRecord, Metric
from lrscope.runs.folder_walk import FolderWalk
from lrscope.runs.importers import checked
from lrscope.runs.importers.columns import read_columns
from lrscope.runs.importers.text import text_of
from lrscope.runs.importers.trainer_state import STATE
from lrscope.runs.measured import Entry, records_of
from lrscope.runs.recorded_run import RECORD, read_recorded

MAX_DEPTH, MAX_ENTRIES, MAX_TABLES = 3, 20_000, 20  # folders in one another, names looked at, tables read
MAX_BYTES = 1 << 27  # of one file
_RESULTS = re.compile(r"^((all|eval|test|predict|dev|val|train)_)?(results|metrics)\.json$")


@dataclass(frozen=True)
class Measured:
    """What one file holds. Where `is_counted` it tells no steps; an epoch that is not told is NaN."""

    source: str
    records: tuple[EvaluationRecord, ...]
    is_counted: bool = False
    rate: float | None = None
    seconds: float = math.nan
    scores: Path | None = None
    metric: Metric | None = None

    def of(self, *splits: str) -> tuple[EvaluationRecord, ...]:
        """Return the records of these splits."""
        return tuple(each for each in self.records if each.split in splits)


@dataclass
class ResultFolder:
    """A training's output folder, looked through once. `unusable` has what could not be read, and why."""

    folder: Path
    unusable: list[tuple[str, str]] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)  # the nearest first

    def __post_init__(self) -> None:
        walk = FolderWalk(self.folder, MAX_DEPTH, MAX_ENTRIES)
        self.files = sorted(walk.files(), key=lambda path: (len(path.parts), str(path)))

    def measured(self) -> Iterator[Measured]:
        """Yield what each file holds, in the order in which they are believed."""
        for path in self._named(RECORD):
            yield from self._tried(path, self._record)
        states = [each for path in self._named(STATE) for each in self._tried(path, self._state)]
        if states:
            yield max(states, key=lambda each: max((record.step for record in each.records), default=0))
        for path in self.files:
            if _RESULTS.match(path.name):
                yield from self._tried(path, self._results)
        tables = [path for path in self.files if path.suffix.lower() in (".jsonl", ".csv", ".tsv")]
        for path in [path for path in tables if not path.stem.endswith("scores")][:MAX_TABLES]:
            yield from self._tried(path, self._lines if path.suffix.lower() == ".jsonl" else self._table)

    def shown(self, path: Path) -> str:
        """Return a file's name within the folder."""
        return checked.file_name(path.relative_to(self.folder))

    def _named(self, name: str) -> list[Path]:
        return [path for path in self.files if path.name == name]

    def _tried(self, path: Path, read: Any) -> Iterator[Measured]:
        try:
            if path.stat().st_size > MAX_BYTES:
                raise DataError(f"a file of results has at most {MAX_BYTES >> 20} MiB: got {path.stat().st_size >> 20}")
            measured = read(path)
        except (DataError, OSError) as error:
            self.unusable.append((self.shown(path), str(error)))
            return
        if measured.records or measured.scores is not None:
            yield measured
        elif path.name == RECORD:
            self.unusable.append((self.shown(path), 'it holds no metric; write one, such as {"dev_loss": 1.2}'))

    def _record(self, path: Path) -> Measured:
        record = read_recorded(path)
        return Measured(
            self.shown(path),
            record.evaluations,
            record.is_counted,
            record.rate,
            record.seconds,
            record.scores,
            record.metric,
        )

    def _state(self, path: Path) -> Measured:
        state = self._object(path, "a trainer state")
        history = state.get("log_history")
        if not isinstance(history, list):
            raise DataError("a trainer state holds a log_history: got none")
        entries = [each for each in history if isinstance(each, dict)]
        return self._of(path, [Entry.of(each) for each in entries], entries)

    def _results(self, path: Path) -> Measured:
        values = self._object(path, "a file of results")
        return self._of(path, [Entry.of(values)], [values])

    def _lines(self, path: Path) -> Measured:
        """Return what lines of JSON hold; one that is cut is named, and the others count."""
        rows: list[dict[str, Any]] = []
        for number, line in enumerate(text_of(path).split("\n"), start=1):
            if line.strip():
                try:
                    row = json.loads(line)
                except (ValueError, RecursionError):
                    if not rows:
                        raise DataError(f"a line is one JSON object: line {number} is none") from None
                    self.unusable.append((self.shown(path), f"line {number} is no JSON"))
                    continue
                if isinstance(row, dict):
                    rows.append(row)
        return self._of(path, [Entry.of(row) for row in rows], rows)

    def _table(self, path: Path) -> Measured:
        table = read_columns(path)
        rows = [{name: text for name in table.names if (text := table.text(name, row))} for row in range(len(table))]
        return self._of(path, [Entry.of(row) for row in rows], rows)

    def _of(self, path: Path, entries: list[Entry], rows: list[Any]) -> Measured:
        seconds = [checked.measured(row["train_runtime"]) for row in rows if "train_runtime" in row]
        is_counted = all(entry.step is None for entry in entries)
        return Measured(self.shown(path), records_of(entries), is_counted, seconds=seconds[-1] if seconds else math.nan)

    def _object(self, path: Path, what: str) -> Mapping[str, Any]:
        values = json_value(text_of(path), f"{what} is JSON: {self.shown(path)} is not", "it may be half written")
        if not isinstance(values, dict):
            raise DataError(f"{what} is a JSON object: got {type(values).__name__}")
        return values
