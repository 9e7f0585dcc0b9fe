"""The tables of `study.db`, their version, and the way forward from older versions.

study         one row: what was asked, on what (fingerprint, overlaps), by which metric it is judged
trials        one row a trial: its configuration, how far it came, how it ended
steps         step series, a blob a stretch of steps; a stretch is written in the transaction of its snapshot
evaluations   one split measured after a step: metrics by name
scores        per-example values and weights of one metric at one evaluation
predictions   a model's outputs on a split, kept unscored
openings      every time that sealed scores were opened, by what and for which trial
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lrscope.errors import StudyError, UnusableStudyError

TABLES = """
CREATE TABLE study (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    created TEXT NOT NULL,
    version TEXT NOT NULL,
    config TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    numerics TEXT NOT NULL,
    task_state TEXT NOT NULL,
    metric TEXT NOT NULL,
    direction TEXT NOT NULL CHECK (direction IN ('maximize', 'minimize')),
    overlaps TEXT NOT NULL DEFAULT '[]'
);
CREATE TABLE trials (
    id INTEGER PRIMARY KEY,
    config TEXT NOT NULL UNIQUE,
    seed INTEGER NOT NULL,
    schedule TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    step INTEGER NOT NULL DEFAULT 0,
    total_steps INTEGER,
    steps_per_epoch INTEGER,
    seconds REAL NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE steps (
    trial INTEGER NOT NULL REFERENCES trials (id),
    first_step INTEGER NOT NULL,
    num_steps INTEGER NOT NULL,
    series BLOB NOT NULL,
    PRIMARY KEY (trial, first_step)
) WITHOUT ROWID;
CREATE TABLE evaluations (
    trial INTEGER NOT NULL REFERENCES trials (id),
    step INTEGER NOT NULL,
    split TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    metrics TEXT NOT NULL,
    seconds REAL NOT NULL,
    improved INTEGER NOT NULL,
    PRIMARY KEY (trial, step, split)
) WITHOUT ROWID;
CREATE TABLE scores (
    trial INTEGER NOT NULL REFERENCES trials (id),
    step INTEGER NOT NULL,
    split TEXT NOT NULL,
    metric TEXT NOT NULL,
    number INTEGER NOT NULL,
    vals BLOB NOT NULL,
    weights BLOB NOT NULL,
    PRIMARY KEY (trial, step, split, metric)
) WITHOUT ROWID;
CREATE TABLE predictions (
    trial INTEGER NOT NULL REFERENCES trials (id),
    step INTEGER NOT NULL,
    split TEXT NOT NULL,
    num_rows INTEGER NOT NULL,
    outputs BLOB NOT NULL,
    PRIMARY KEY (trial, step, split)
) WITHOUT ROWID;
CREATE TABLE openings (
    id INTEGER PRIMARY KEY,
    opened TEXT NOT NULL,
    trial INTEGER REFERENCES trials (id),
    step INTEGER,
    split TEXT NOT NULL,
    asked_by TEXT NOT NULL
);
"""

# MIGRATIONS[n] takes a database from version n + 1 to n + 2, a statement at a time.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    ("ALTER TABLE trials ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0",),
    ("ALTER TABLE study ADD COLUMN overlaps TEXT NOT NULL DEFAULT '[]'",),
    (  # what is trained is a setting of a trial now, so that it can be compared; 0.1 called it `train`
        """UPDATE trials SET config = json_set(config, '$.train_part', (
            SELECT coalesce(json_extract(config, '$.model.train_part'), json_extract(config, '$.model.train'))
            FROM study
        )) WHERE EXISTS (
            SELECT * FROM study
            WHERE coalesce(json_extract(config, '$.model.train_part'), json_extract(config, '$.model.train')) NOTNULL
        )""",
    ),
)
VERSION = 1 + len(MIGRATIONS)


def create(connection: sqlite3.Connection, study: Sequence[Any]) -> None:
    """Make the tables of the newest version in an empty database, and the row of the study."""
    with _one_transaction(connection):
        for statement in TABLES.split(";"):
            if statement.strip():
                connection.execute(statement)
        connection.execute(f"INSERT INTO study VALUES (1{', ?' * len(study)})", study)  # noqa: S608
        connection.execute(f"PRAGMA user_version = {VERSION}")


def require_known(connection: sqlite3.Connection, name: str) -> int:
    """Return the version of a study's database.

    Raises:
        UnusableStudyError: the database holds no study.
        StudyError: it is newer than this lrscope.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise StudyError(
            f"{name} was written by a newer lrscope (schema {version}, this one knows {VERSION}); update lrscope"
        )
    if version < 1:
        raise UnusableStudyError(f"{name} holds no study: its schema has no version; name a folder that lrscope wrote")
    return version


def migrate(connection: sqlite3.Connection) -> None:
    """Bring an older database to the newest version: all the way in one transaction, so that a kill leaves the old."""
    if connection.execute("PRAGMA user_version").fetchone()[0] == VERSION:
        return
    with _one_transaction(connection):
        version = connection.execute("PRAGMA user_version").fetchone()[0]  # another process may have done it meanwhile
        for statements in MIGRATIONS[version - 1 :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")


@contextmanager
def _one_transaction(connection: sqlite3.Connection) -> Iterator[None]:
    # Python's sqlite3 begins no transaction of its own before statements that change tables.
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()
