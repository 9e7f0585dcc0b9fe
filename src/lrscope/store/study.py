"""One study, one SQLite file: reading and writing. It decides nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrscope import __version__
from lrscope.config import AnyStudy, AnyTrial, StudyConfig
from lrscope.config.command_line import quote
from lrscope.errors import StudyError, UnusableStudyError
from lrscope.records import TRAIN_TOKENS, EvaluationRecord, Metric, Scores, Status, StepRecord
from lrscope.store import rows
from lrscope.store.blobs import STEP, pack_floats, pack_steps
from lrscope.store.storage import DATABASE, Database, create_database, open_for_reading, open_for_writing
from lrscope.store.trials import TrialRow, trial_name, trial_row


class StudyStore:
    """The study in `folder`. One writer at a time; it holds the study's lock (`store/lock.py`).

    Every method raises a StudyError where the file is damaged, and where it cannot be read or written.
    """

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self.database = database
        header = rows.study_row(database)
        self.config: AnyStudy = header.config
        self.fingerprint: dict[str, Any] = header.fingerprint
        self.numerics: dict[str, Any] = header.numerics
        self.task_state: dict[str, Any] = header.task_state
        self.metric: Metric = header.metric
        self.version: str = header.version
        self.created: str = header.created  # when it was begun, in ISO 8601
        self.overlaps: list[tuple[str, str, int]] = header.overlaps

    @classmethod
    def create(
        cls,
        folder: Path,
        config: AnyStudy,
        *,
        fingerprint: Mapping[str, Any],
        numerics: Mapping[str, Any],
        task_state: Mapping[str, Any],
        metric: Metric,
        overlaps: Sequence[tuple[str, str, int]] = (),
    ) -> StudyStore:
        """Make a new study in `folder`, which must hold none.

        `overlaps` are (split, split, how many examples of the second the first holds too).

        Raises:
            StudyError: a study lies there already, or the folder cannot be written.
        """
        if (folder / DATABASE).exists():
            go_on = f"go on with --resume {quote(folder)}"
            raise StudyError(f"{folder} already holds a study; choose another --out, or {go_on}")
        values = (
            datetime.now(UTC).isoformat(timespec="seconds"),
            __version__,
            json.dumps(config.to_dict()),
            json.dumps(dict(fingerprint)),
            json.dumps(dict(numerics)),
            json.dumps(dict(task_state)),
            metric.name,
            metric.direction,
            json.dumps(list(overlaps)),
        )
        return cls._of(folder, create_database(folder / DATABASE, values))

    @classmethod
    def open(cls, folder: Path, *, for_writing: bool = False) -> StudyStore:
        """Open the study in `folder`; who opens it `for_writing` holds its lock.

        Raises:
            StudyError: there is none, or it cannot be read by this version.
        """
        path = folder / DATABASE
        if not path.is_file():
            raise StudyError(f"{folder} holds no study: it has no {DATABASE}; name a folder that lrscope wrote")
        return cls._of(folder, open_for_writing(path) if for_writing else open_for_reading(path))

    @classmethod
    def _of(cls, folder: Path, database: Database) -> StudyStore:
        try:
            return cls(folder, database)
        except BaseException:
            database.close()
            raise

    @property
    def train_tokens(self) -> int | None:
        """How many tokens an epoch trains on; None where an older version did not keep it."""
        kept = self.task_state.get(TRAIN_TOKENS)
        return kept if isinstance(kept, int) and kept > 0 else None

    def close(self) -> None:
        """Close the file; what was written is on disk."""
        self.database.close()

    def __enter__(self) -> StudyStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def transaction(self) -> AbstractContextManager[Connection]:
        """Write all that the block writes, or nothing; a full disk becomes a StudyError."""
        return self.database.transaction()

    def _write(self, statement: str, *values: Any) -> None:
        with self.transaction() as connection:
            connection.execute(statement, values)

    def replace_config(self, config: AnyStudy) -> None:
        """Set what the study was asked for, when it is extended."""
        self._write("UPDATE study SET config = ?", json.dumps(config.to_dict()))
        self.config = config

    def replace_fingerprint(self, fingerprint: Mapping[str, Any]) -> None:
        """Set what the study's inputs are, where nothing depends yet on what they were."""
        self._write("UPDATE study SET fingerprint = ?", json.dumps(dict(fingerprint)))
        self.fingerprint = dict(fingerprint)

    def replace_metric(self, metric: Metric) -> None:
        """Set what the study's trials are compared by, where that was not known when it was made."""
        with self.transaction() as connection:
            connection.execute("UPDATE study SET metric = ?, direction = ?", metric)
        self.metric = metric

    def replace_task_state(self, task_state: Mapping[str, Any]) -> None:
        """Set what must be known again of how the trials were measured."""
        self._write("UPDATE study SET task_state = ?", json.dumps(dict(task_state)))
        self.task_state = dict(task_state)

    # Trials

    def add_trial(self, config: AnyTrial) -> TrialRow:
        """Return the trial with this configuration, adding it as planned where it is new."""
        self.add_trials([config])
        return next(row for row in self.trials() if row.config == config)

    def add_trials(self, configs: Sequence[AnyTrial]) -> None:
        """Add those of these trials that are new, all or nothing."""
        # Compared as configurations, not as texts: a text of an older version lacks what has a default now.
        known = {row.config for row in self.trials()}
        new = [config for config in dict.fromkeys(configs) if config not in known]
        if not new:
            return
        values = [(json.dumps(config.to_dict(), sort_keys=True), config.seed, config.schedule_text) for config in new]
        with self.transaction() as connection:
            connection.executemany(
                "INSERT INTO trials (config, seed, schedule, status) VALUES (?, ?, ?, 'planned')", values
            )

    def trial(self, trial: int) -> TrialRow:
        """Return one trial by number."""
        for row in self.database.read("SELECT * FROM trials WHERE id = ?", (trial,)):
            with self.database.checked():
                return trial_row(row)
        raise StudyError(f"{self.folder} has no trial {trial}")

    def trials(self) -> list[TrialRow]:
        """Return all trials in the order they were planned."""
        with self.database.checked():
            return [trial_row(row) for row in self.database.read("SELECT * FROM trials ORDER BY id")]

    def trial_folder(self, trial: int) -> Path:
        """Return where a trial's checkpoints and snapshots lie."""
        return self.folder / "trials" / trial_name(trial)

    def work_folder(self, trial: int) -> Path:
        """Return where a trial runs, as a study of its own, until it is taken in."""
        return self.trial_folder(trial) / "work"

    def count_attempt(self, trial: int) -> None:
        """Record that a trial is tried once more."""
        self._write("UPDATE trials SET attempts = attempts + 1, status = 'running' WHERE id = ?", trial)

    def put_off(self, *trials: int) -> None:
        """Plan trials anew, as if they had never been tried; what they left in their folders stays."""
        with self.transaction() as connection:
            connection.executemany(
                "UPDATE trials SET status = 'planned', attempts = 0, reason = '' WHERE id = ?",
                ((trial,) for trial in trials),
            )

    def update_trial(
        self,
        trial: int,
        status: Status,
        *,
        step: int,
        reason: str = "",
        horizon: tuple[int, int] | None = None,
        seconds: float = 0.0,
    ) -> None:
        """Set where a trial stands; `horizon` is (total steps, steps per epoch), `seconds` are added."""
        with self.transaction() as connection:
            connection.execute(
                "UPDATE trials SET status = ?, step = ?, reason = ?, seconds = seconds + ? WHERE id = ?",
                (status, step, reason, seconds, trial),
            )
            if horizon is not None:
                connection.execute(
                    "UPDATE trials SET total_steps = ?, steps_per_epoch = ? WHERE id = ?", (*horizon, trial)
                )

    # What happened

    def append(self, trial: int, steps: Sequence[StepRecord], evaluations: Sequence[EvaluationRecord] = ()) -> None:
        """Write consecutive steps and the evaluations after them, all or nothing."""
        with self.transaction() as connection:
            if steps:
                assert [r.step for r in steps] == list(range(steps[0].step, steps[0].step + len(steps)))
                stretch = (trial, steps[0].step, len(steps), pack_steps(steps))
                connection.execute("INSERT INTO steps VALUES (?, ?, ?, ?)", stretch)
            for record in evaluations:
                rows.add_evaluation(connection, trial, record)

    def rewind(self, trial: int, step: int) -> None:
        """Forget what a trial did from `step` on: it goes on from the snapshot taken there, and no record comes twice.

        Raises:
            UnusableStudyError: a stretch of steps crosses `step`, so that no snapshot can have been taken there.
        """
        with self.transaction() as connection:
            connection.execute("DELETE FROM steps WHERE trial = ? AND first_step >= ?", (trial, step))
            query = "SELECT coalesce(max(first_step + num_steps), 0) AS reached FROM steps WHERE trial = ?"
            reached = connection.execute(query, (trial,)).fetchone()["reached"]
            if reached != step:
                raise UnusableStudyError(
                    f"{self.folder} cannot go on: trial {trial} has its steps up to {reached}, but a snapshot "
                    f"of step {step}; remove trials/{trial_name(trial)} to run it anew"
                )
            for table in ("evaluations", "scores", "predictions"):
                connection.execute(f"DELETE FROM {table} WHERE trial = ? AND step > ?", (trial, step))  # noqa: S608

    def steps(self, trial: int) -> NDArray[np.void]:
        """Return the step series of a trial, from step 0, as an array with the fields of `blobs.STEP`."""
        query = "SELECT first_step, num_steps, series FROM steps WHERE trial = ? ORDER BY first_step"
        with self.database.checked():
            series = rows.stretches(self.database.read(query, (trial,)))
        return np.concatenate(series) if series else np.empty(0, dtype=STEP)

    def evaluations(self, trial: int, split: str | None = None, *, with_scores: bool = False) -> list[EvaluationRecord]:
        """Return a trial's evaluations in order; per-example scores only if asked for."""
        required = self.metric if isinstance(self.config, StudyConfig) else None
        query = "SELECT * FROM evaluations WHERE trial = ? AND (? IS NULL OR split = ?) ORDER BY step, split"
        with self.database.checked():
            return [
                rows.evaluation_row(row, required, self.scores(trial, row["step"], row["split"]) if with_scores else {})
                for row in self.database.read(query, (trial, split, split))
            ]

    def scores(self, trial: int, step: int, split: str) -> dict[str, Scores]:
        """Return the per-example scores of one evaluation, by metric name."""
        query = "SELECT * FROM scores WHERE trial = ? AND step = ? AND split = ?"
        with self.database.checked():
            return dict(map(rows.score_row, self.database.read(query, (trial, step, split))))

    # Sealed predictions

    def add_predictions(self, trial: int, step: int, split: str, outputs: NDArray[np.float32]) -> None:
        """Keep a model's outputs on a split, one row an example, unscored."""
        values = (trial, step, split, len(outputs), pack_floats(outputs))
        self._write("INSERT OR REPLACE INTO predictions VALUES (?, ?, ?, ?, ?)", *values)

    def predictions(self, trial: int, step: int, split: str) -> NDArray[np.float32] | None:
        """Return the outputs kept for a split at a step, or None."""
        query = "SELECT * FROM predictions WHERE trial = ? AND step = ? AND split = ?"
        with self.database.checked():
            for row in self.database.read(query, (trial, step, split)):
                return rows.outputs(row)
        return None

    def all_predictions(self, trial: int) -> list[tuple[int, str, NDArray[np.float32]]]:
        """Return every (step, split, outputs) that is kept of a trial."""
        query = "SELECT * FROM predictions WHERE trial = ? ORDER BY step, split"
        with self.database.checked():
            return [(row["step"], row["split"], rows.outputs(row)) for row in self.database.read(query, (trial,))]

    def record_opening(self, trial: int, step: int, split: str, asked_by: str) -> None:
        """Record that the scores of a sealed split were opened, before they are shown."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        statement = "INSERT INTO openings (opened, trial, step, split, asked_by) VALUES (?, ?, ?, ?, ?)"
        self._write(statement, now, trial, step, split, asked_by)

    def openings(self) -> list[dict[str, Any]]:
        """Return every opening: when, of which trial, step and split, and asked by what."""
        with self.database.checked():
            return [rows.opening_row(row) for row in self.database.read("SELECT * FROM openings ORDER BY id")]
