"""What a trial did, as one value: read from the store it kept in its work folder, and taken into its study's."""

from __future__ import annotations

from pathlib import Path

from lrscope.config import AnyTrial
from lrscope.errors import UnusableStudyError
from lrscope.records import FINISHED, Outcome
from lrscope.store.blobs import pack_floats, pack_series
from lrscope.store.rows import add_evaluation
from lrscope.store.study import StudyStore

TABLES = ("steps", "evaluations", "scores", "predictions", "openings")  # whose rows belong to a trial


def read_outcome(folder: Path, config: AnyTrial) -> Outcome | None:
    """Return what a trial did that ran in `folder` as a study of its own; None where it has not finished.

    Raises:
        UnusableStudyError: what lies there is shown to be damaged, or to be another trial's.
        StudyError: it cannot be read now.
    """
    with StudyStore.open(folder) as store:
        rows = store.trials()
        if not rows or rows[0].status not in FINISHED:
            return None
        done = rows[0]
        differing = config.differing(done.config)
        if differing:
            raise UnusableStudyError(f"{folder} holds another trial: {', '.join(differing)} differ")
        return Outcome(
            status=done.status,
            reason=done.reason,
            step=done.step,
            total_steps=done.total_steps or 0,
            steps_per_epoch=done.steps_per_epoch or 0,
            seconds=done.seconds,
            series=store.steps(done.id),
            evaluations=tuple(store.evaluations(done.id, with_scores=True)),
            predictions=tuple(store.all_predictions(done.id)),
            openings=tuple((o["opened"], o["step"], o["split"], o["asked_by"]) for o in store.openings()),
            examples=str(store.task_state.get("examples", "")),
        )


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
        connection.executemany(
            "INSERT INTO openings (opened, trial, step, split, asked_by) VALUES (?, ?, ?, ?, ?)",
            ((opened, trial, step, split, asked_by) for opened, step, split, asked_by in outcome.openings),
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
