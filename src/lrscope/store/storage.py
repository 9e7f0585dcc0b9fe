"""Opening a study's file, and what becomes of what the file system says."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lrscope.errors import StudyError

DATABASE = "study.db"
UNFINISHED = ".study.db.tmp"


def connect(path: Path) -> sqlite3.Connection:
    """Open a database in write-ahead mode."""
    connection = sqlite3.connect(path, timeout=30)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    # FULL: a record is on the disk before the snapshot that follows it claims so.
    connection.execute("PRAGMA synchronous = FULL")
    return connection


@contextmanager
def storage(path: Path) -> Iterator[None]:
    """Turn what goes wrong with the file in this block into a StudyError."""
    try:
        yield
    except (sqlite3.OperationalError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StudyError(f"cannot write {path}: {reason}; free some space or choose another folder") from error
    except sqlite3.DatabaseError as error:
        raise StudyError(f"{path} is not a study that can be read: {error}; restore it from a copy") from error
