"""A trial's own store, taken into its study's: what a worker did becomes part of the study, all of it or nothing."""

from __future__ import annotations

from dataclasses import fields

from lrscope.errors import StudyError
from lrscope.records import Outcome, Status
from lrscope.store.blobs import pack_floats, pack_series
from lrscope.store.rows import add_evaluation
from lrscope.store.study import StudyStore

# Tables whose rows belong to a trial, with the columns after its number.
TABLES = {
    "steps": ("first_step", "num_steps", "series"),
    "evaluations": ("step", "split", "epoch", "metrics", "seconds", "improved"),
    "scores": ("step", "split", "metric", "number", "vals", "weights"),
    "predictions": ("step", "split", "num_rows", "outputs"),
}


def take_outcome(study: StudyStore, trial: int, outcome: Outcome) -> None:
    """Write all that a trial did, in one transaction; what the study held of it before is replaced.

    Raises:
        StudyError: the study cannot be written.
    """
    with study.transaction() as connection:
        for table in TABLES:
            connection.execute(f"DELETE FROM {table} WHERE trial = ?", (trial,))  # noqa: S608
        series = pack_series(outcome.series)
        connection.execute("INSERT INTO steps VALUES (?, 0, ?, ?)", (trial, len(outcome.series), series))
        for record in outcome.evaluations:
            add_evaluation(connection, trial, record)
        connection.executemany(
            "INSERT INTO predictions VALUES (?, ?, ?, ?, ?)",
            ((trial, step, split, len(out), pack_floats(out)) for step, split, out in outcome.predictions),
        )
        connection.execute(
            "UPDATE trials SET status = ?, reason = ?, step = ?, total_steps = ?, steps_per_epoch = ?, seconds = ? "
            "WHERE id = ?",
            (
                outcome.status,
                outcome.reason,
                outcome.step,
                outcome.total_steps,
                outcome.steps_per_epoch,
                outcome.seconds,
                trial,
            ),
        )


def absorb(study: StudyStore, trial: int, worker: StudyStore, status: Status | None = None) -> None:
    """Put the only trial of `worker` in the place of `trial`; what the study held of it before is replaced.

    Raises:
        StudyError: the two are not the same trial, or the study cannot be written.
    """
    rows = worker.trials()
    if len(rows) != 1:
        raise StudyError(f"{worker.folder} must hold one trial: got {len(rows)}; remove it")
    done = rows[0]
    if done.config != study.trial(trial).config:
        differing = [
            f.name
            for f in fields(done.config)
            if getattr(done.config, f.name) != getattr(study.trial(trial).config, f.name)
        ]
        raise StudyError(f"{worker.folder} holds another trial than {trial}: {', '.join(differing)} differ; remove it")
    _check(worker, done.id)
    copied = {
        table: worker.database.read(f"SELECT {', '.join(columns)} FROM {table} WHERE trial = ?", (done.id,))  # noqa: S608
        for table, columns in TABLES.items()
    }
    with study.transaction() as connection:
        for table, columns in TABLES.items():
            names = ", ".join(columns)
            connection.execute(f"DELETE FROM {table} WHERE trial = ?", (trial,))  # noqa: S608
            connection.executemany(
                f"INSERT INTO {table} (trial, {names}) VALUES (?{', ?' * len(columns)})",  # noqa: S608
                ([trial, *row] for row in copied[table]),
            )
        connection.execute("DELETE FROM openings WHERE trial = ?", (trial,))
        connection.executemany(
            "INSERT INTO openings (opened, trial, step, split, asked_by) VALUES (?, ?, ?, ?, ?)",
            ((o["opened"], trial, o["step"], o["split"], o["asked_by"]) for o in worker.openings()),
        )
        connection.execute(
            "UPDATE trials SET status = ?, reason = ?, step = ?, total_steps = ?, steps_per_epoch = ?, seconds = ? "
            "WHERE id = ?",
            (
                status or done.status,
                done.reason,
                done.step,
                done.total_steps,
                done.steps_per_epoch,
                done.seconds,
                trial,
            ),
        )


def _check(worker: StudyStore, trial: int) -> None:
    """Read all that a worker did once: what is damaged must not come into the study."""
    worker.steps(trial)
    for record in worker.evaluations(trial, with_scores=True):
        worker.predictions(trial, record.step, record.split)
