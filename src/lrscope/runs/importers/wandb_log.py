"""W&B's own log of a run, `run-ID.wandb`, which lies in the folder of every run, also of one that was never synced.

It is a sequence of records in blocks, as LevelDB writes its log; a record is a Protocol Buffers message, of which the
configuration and the history are read (`wandb_internal.proto` of wandb 0.31).
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lrscope.errors import DataError
from lrscope.records import Status
from lrscope.runs.history import run_of_entries
from lrscope.runs.importers import checked
from lrscope.runs.importers.base import Imported
from lrscope.runs.importers.configuration import configuration_of
from lrscope.runs.importers.scalars import Scalars
from lrscope.runs.importers.wire_format import double, fields, signed
from lrscope.runs.measured import Entry

MAGIC, HEADER, BLOCK = b":W&B\xe1\xbe", 7, 1 << 15
MAX_RECORD = 1 << 26
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4
# Fields of a record: what was logged, what was asked for, the run, how it ended.
HISTORY, CONFIG, RUN, EXIT = 2, 5, 17, 18
STEPS = ("train/global_step", "trainer/global_step", "global_step", "step")
EXPORT = "export its history as CSV from W&B, or let `wandb sync` upload it first"


class WandbLog:
    """One run a file."""

    suffixes: tuple[str, ...] = (".wandb",)

    def claims(self, path: Path, head: bytes) -> bool:
        """Return whether it begins as W&B's logs do."""
        return head.startswith(MAGIC)

    def read(self, path: Path) -> Imported:
        """Return the run.

        Raises:
            DataError: it is damaged, or of a version that is not known.
        """
        log = _Log()
        try:
            for record in _records(path):
                log.take(record)
        except (ValueError, OSError) as error:
            raise DataError(
                f"a log of W&B's is a sequence of records: {error} in {checked.file_name(path)}; {EXPORT}"
            ) from error
        entries = [entry for entry in log.entries() if entry.splits]
        if not entries:
            raise DataError(f"a log of W&B's holds a history: got none in {checked.file_name(path)}; {EXPORT}")
        configuration = configuration_of(log.config)
        told = configuration.told(
            name="" if configuration.rate is not None else log.name, status=log.status, seconds=log.seconds
        )
        run = run_of_entries(entries, told)
        return Imported((run,), run.settings)


@dataclass
class _Log:
    """What records tell of a run. `status` is None where it ended well: its length then says how far it came."""

    name: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    rows: list[dict[str, float]] = field(default_factory=list)
    exit_code: int | None = None

    def take(self, record: bytes) -> None:
        for number, value in fields(record):
            if isinstance(value, int):
                continue
            if number == HISTORY:
                self._take_row(value)
            elif number == CONFIG:
                self._take_config(value)
            elif number == RUN:
                for inner, text in fields(value):
                    if inner == 4 and isinstance(text, bytes):
                        self._take_config(text)
                    elif inner == 8 and isinstance(text, bytes):
                        self.name = checked.text(text.decode("utf-8", "replace"))[:80]
            elif number == EXIT:
                codes = [each for inner, each in fields(value) if inner == 1 and isinstance(each, int)]
                self.exit_code = codes[-1] if codes else 0

    @property
    def status(self) -> Status | None:
        """How it ended, where the log says so: without an exit it was killed, or is going on."""
        return "interrupted" if self.exit_code is None else "failed" if self.exit_code else None

    @property
    def seconds(self) -> float:
        """How long it ran."""
        return max((row["_runtime"] for row in self.rows if "_runtime" in row), default=math.nan)

    def entries(self) -> Iterator[Entry]:
        """Yield what was measured, at the steps that rows tell; W&B's own steps count calls, not updates."""
        step_name = next((name for name in STEPS if any(name in row for row in self.rows)), None)
        scalars, step = Scalars(), 0
        for number, row in enumerate(self.rows):
            at = checked.count(row.get(step_name)) if step_name else number
            step = step if at is None else at
            for name, value in row.items():
                if not name.startswith("_") and name != step_name:
                    scalars.take(name, step, value)
        for entry in scalars.entries():
            yield entry if step_name else Entry(None, entry.epoch, entry.splits, entry.dev_size)

    def _take_row(self, history: bytes) -> None:
        row: dict[str, float] = {}
        for number, item in fields(history):
            if number == 1 and isinstance(item, bytes):
                name, value = _item(item)
                row.update(_scalars(name, value))
        if row:
            self.rows.append(row)

    def _take_config(self, config: bytes) -> None:
        for number, item in fields(config):
            if number == 1 and isinstance(item, bytes):
                name, value = _item(item)
                if name and not name.startswith("_wandb"):
                    self.config[name] = value


def _item(item: bytes) -> tuple[str, Any]:
    """Return an item's name and value: as JSON, and in newer versions also as a number of its own type."""
    keys, value = list[str](), None
    for number, each in fields(item):
        if number in (1, 2) and isinstance(each, bytes):
            keys.append(each.decode("utf-8", "replace"))
        elif number in (8, 16) and isinstance(each, bytes):
            value = _json(each)
        elif number == 6:
            value = double(each)
        elif number == 5 and isinstance(each, int):
            value = signed(each)
    return ".".join(keys), value


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _scalars(name: str, value: Any, depth: int = 0) -> Iterator[tuple[str, float]]:
    if isinstance(value, dict) and depth < 4:
        for key, each in value.items():
            yield from _scalars(f"{name}.{key}", each, depth + 1)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name, checked.number(value)
    elif value in ("NaN", "Infinity", "-Infinity"):
        yield name, math.nan if value == "NaN" else math.inf


def _records(path: Path) -> Iterator[bytes]:
    """Yield a log's records; one whose writer was killed ends with the last whole record.

    Raises:
        ValueError: it is damaged before its end.
    """
    size, parts = path.stat().st_size, list[bytes]()
    with path.open("rb") as file:
        if not file.read(HEADER).startswith(MAGIC):
            raise ValueError("it begins with another mark")
        at = HEADER
        while at < size:
            left = BLOCK - at % BLOCK
            if left < HEADER:  # too little for a record's beginning: filled with zeros
                at += left
                file.seek(at)
                continue
            begun = file.read(HEADER)
            length, kind = int.from_bytes(begun[4:6], "little"), begun[6] if len(begun) == HEADER else 0
            data = file.read(length)
            if len(begun) < HEADER or len(data) < length:
                return
            if zlib.crc32(data, zlib.crc32(bytes([kind]))) != int.from_bytes(begun[:4], "little"):
                if at + HEADER + length >= size or not any(begun):  # half written, or written before its data
                    return
                raise ValueError(f"the checksum at byte {at} is wrong")
            at += HEADER + length
            parts = [data] if kind in (FULL, FIRST) else [*parts, data]
            if kind in (FULL, LAST):
                yield b"".join(parts)
                parts = []
            elif kind not in (FIRST, MIDDLE) or sum(map(len, parts)) > MAX_RECORD:
                raise ValueError(f"the record at byte {at} is of no known kind or size")
