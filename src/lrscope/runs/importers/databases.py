"""SQLite databases of other programs, opened for reading only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from lrscope.errors import DataError
from lrscope.runs.importers.checked import file_name

MAGIC = b"SQLite format 3\0"
MAX_SECONDS = 5.0  # to wait for whoever is writing


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database that is not written to; text of whatever bytes is read.

    Raises:
        DataError: it is damaged, locked, or has other tables and columns than are asked for.
    """
    address = f"file:{quote(str(path.resolve()), errors='surrogateescape')}?mode=ro"
    try:
        connection = sqlite3.connect(address, uri=True, timeout=MAX_SECONDS)
    except (sqlite3.Error, ValueError) as error:
        raise DataError(f"cannot open {file_name(path)} as a database: {error}") from error
    connection.text_factory = lambda content: content.decode("utf-8", "replace")
    try:
        yield connection
    except (sqlite3.Error, UnicodeError) as error:  # a damaged schema is no text, which the message about it quotes
        said = " ".join(str(error).split())[:120]
        raise DataError(f"cannot read the database {file_name(path)}: {said}; copy it again") from error
    finally:
        connection.close()


def tables_of(path: Path, head: bytes) -> frozenset[str]:
    """Return the names of a database's tables, none where a file is no database, or a damaged one."""
    if not head.startswith(MAGIC):
        return frozenset()
    try:
        with opened(path) as database:
            return frozenset(str(name) for (name,) in database.execute("select name from sqlite_master"))
    except DataError:
        return frozenset()
