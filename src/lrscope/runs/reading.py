"""How far the reading of records is, in bytes: told to who asked for it, whichever importer reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

Told = Callable[[int, int], None]  # bytes that were read, of how many


class _Reading:
    """The files that are read for one report: those that are expected, and how far it is."""

    def __init__(self, tell: Told) -> None:
        self.tell = tell
        self.total = self.before = 0
        self.size = 0  # of the file that is read now, 0 between files

    def expect(self, paths: Iterable[Path]) -> None:
        self.total += sum(map(_size, paths))

    def at(self, position: int) -> None:
        if self.size:
            self.tell(self.before + min(position, self.size), self.total)


_now: ContextVar[_Reading | None] = ContextVar("reading", default=None)


@contextmanager
def told_to(tell: Told) -> Iterator[None]:
    """Tell how far the reading inside the block is."""
    token = _now.set(_Reading(tell))
    try:
        yield
    finally:
        _now.reset(token)


def expect(paths: Iterable[Path]) -> None:
    """Take in that these files will be read."""
    if (reading := _now.get()) is not None:
        reading.expect(paths)


@contextmanager
def of_file(path: Path) -> Iterator[None]:
    """Count what is read inside the block as parts of this file."""
    reading = _now.get()
    if reading is None:
        yield
        return
    reading.size = _size(path)
    try:
        yield
        reading.at(reading.size)
    finally:
        reading.before, reading.size = reading.before + reading.size, 0


def reached(position: int) -> None:
    """Take in that the file that is read now was read so far; of one that is looked at alone nothing is told."""
    if (reading := _now.get()) is not None:
        reading.at(position)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:  # whoever reads it says so
        return 0
