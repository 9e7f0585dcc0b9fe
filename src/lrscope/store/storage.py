"""A study's file: opened for reading or for writing, and what becomes of what SQLite and the file system say.

Readers change nothing, so that a study on a read-only disk can be reported. A writer holds the study's lock.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from shutil import copyfile
from typing import Any
from urllib.parse import quote

from lrscope.errors import LrscopeError, StudyError, UnusableStudyError
from lrscope.store import schema

DATABASE = "study.db"
UNFINISHED = ".study.db.tmp"
# What the disk and other processes do to a file, as opposed to what is wrong inside it.
OUTSIDE = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOLFS, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY,
}  # fmt: skip


class Database:
    """An open study file. What goes wrong with it is a StudyError, whatever SQLite calls it."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path, self.connection = path, connection
        connection.row_factory = sqlite3.Row
        self._identity = _identity(path)

    def read(self, query: str, parameters: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Return all rows of a query."""
        with storage(self.path, "read"):
            return self.connection.execute(query, parameters).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write all that the block writes, or nothing.

        Raises:
            StudyError: the disk is full, or the study was moved or removed since it was opened.
        """
        if _identity(self.path) != self._identity:
            # Going on would write what nobody finds, and a second process could write the study where it lies now.
            raise StudyError(
                f"{self.path} was moved or removed while a command wrote it; go on with it where it lies now (--resume)"
            )
        with storage(self.path, "write"), self.connection:
            yield self.connection

    @contextmanager
    def checked(self) -> Iterator[None]:
        """Turn what is wrong with values in this block (a ValueError) into a StudyError that names the file."""
        try:
            yield
        except LrscopeError as error:
            raise UnusableStudyError(f"{self.path} holds what this lrscope cannot use: {error}") from error
        except (ValueError, IndexError, RecursionError) as error:  # IndexError: a column that is not there
            raise UnusableStudyError(f"{self.path} is damaged: {error}; restore it from a copy") from error

    def close(self) -> None:
        """Close the file; what was written is on disk."""
        self.connection.close()


@contextmanager
def storage(path: Path, what: str = "write") -> Iterator[None]:
    """Turn what goes wrong with the file in this block into a StudyError; `what` is done with it: read or write."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise  # a mistake of lrscope's own
    except (sqlite3.Error, UnicodeError) as error:  # a damaged schema can name a table in bytes that are no text
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in OUTSIDE:
            raise StudyError(f"cannot {what} {path}: {error}; {_way_out(what)}") from error
        raise UnusableStudyError(f"{path} is not a study that can be read: {error}; restore it from a copy") from error
    except OSError as error:
        raise StudyError(f"cannot {what} {path}: {error.strerror or error}; {_way_out(what)}") from error


def _way_out(what: str) -> str:
    return "free some space or choose another folder" if what == "write" else "check the disk and its permissions"


def create_database(path: Path, study: Sequence[Any]) -> Database:
    """Make a study's file with its one row of the table `study`: it is there whole or not at all.

    Raises:
        StudyError: the folder cannot be written, or the disk is full.
    """
    unfinished = path.with_name(UNFINISHED)
    with storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear(path)
        try:
            # Without a write-ahead log: what is committed is in the file itself when it gets its name.
            with closing(sqlite3.connect(unfinished)) as connection:
                connection.execute("PRAGMA synchronous = FULL")
                schema.create(connection, study)
            unfinished.replace(path)
        except BaseException:
            with suppress(OSError):
                _clear(path)
            raise
    return open_for_writing(path)


def _clear(path: Path) -> None:
    """Remove what a maker that was killed left; a write-ahead log beside no database would be taken for a new one's."""
    for left_over in [*path.parent.glob(UNFINISHED + "*"), *path.parent.glob(DATABASE + "-*")]:
        left_over.unlink()


def open_for_writing(path: Path) -> Database:
    """Open a study's file to be read and written, in write-ahead mode, and bring it to the newest version.

    Raises:
        StudyError: it cannot be read or written, or was written by a newer lrscope.
    """
    with storage(path), _closed_on_error(sqlite3.connect(path, timeout=30)) as connection:
        schema.require_known(connection, str(path))
        connection.execute("PRAGMA journal_mode = WAL")
        # FULL: a record is on the disk before the snapshot that follows it claims so.
        connection.execute("PRAGMA synchronous = FULL")
        schema.migrate(connection)
        return Database(path, connection)


def open_for_reading(path: Path) -> Database:
    """Open a study's file and change nothing, wherever it lies; an older version is brought forward in memory.

    Raises:
        StudyError: it cannot be read, or was written by a newer lrscope.
    """
    with storage(path, "read"):
        try:
            connection = _connect_reader(path, "mode=rw")
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
            # A write-ahead log cannot be read where no file can be made beside it.
            log = path.with_name(path.name + "-wal")
            has_log = log.is_file() and log.stat().st_size > 0
            connection = _copied(path, log) if has_log else _connect_reader(path, "immutable=1")
        with _closed_on_error(connection):
            is_older = schema.require_known(connection, str(path)) < schema.VERSION
            if is_older:
                connection = _in_memory(connection)
        with _closed_on_error(connection):
            if is_older:
                schema.migrate(connection)
            connection.execute("PRAGMA query_only = ON")
            return Database(path, connection)


def _connect_reader(path: Path, mode: str) -> sqlite3.Connection:
    with _closed_on_error(sqlite3.connect(f"file:{quote(str(path))}?{mode}", timeout=30, uri=True)) as connection:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return connection


def _copied(path: Path, log: Path) -> sqlite3.Connection:
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder) / path.name
        copyfile(path, here)
        copyfile(log, here.with_name(log.name))
        return _in_memory(_connect_reader(here, "mode=rw"))


def _in_memory(connection: sqlite3.Connection) -> sqlite3.Connection:
    with closing(connection), _closed_on_error(sqlite3.connect(":memory:")) as copy:
        connection.backup(copy)
        return copy


@contextmanager
def _closed_on_error(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    try:
        yield connection
    except BaseException:
        connection.close()
        raise


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
