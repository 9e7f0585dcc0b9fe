"""One study, one SQLite file: opening, reading and writing. It decides nothing."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrscope import __version__
from lrscope.config import StudyConfig
from lrscope.errors import StudyError
from lrscope.records import EvaluationRecord, Metric, Scores, StepRecord
from lrscope.store import schema
from lrscope.store.blobs import STEP, pack_floats, pack_steps, unpack_floats, unpack_steps
from lrscope.store.storage import DATABASE, UNFINISHED, connect, storage
from lrscope.store.trials import TrialTable


class StudyStore(TrialTable):
    """The study in `folder`. One writer at a time; the caller holds the study's lock (`store/lock.py`)."""

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        super().__init__(folder, connection)
        row = connection.execute("SELECT * FROM study").fetchone()
        if row is None:
            raise StudyError(f"{folder / DATABASE} holds no study; name a folder that lrscope wrote")
        self.config = StudyConfig.from_dict(json.loads(row["config"]), str(folder / DATABASE))
        self.fingerprint: dict[str, Any] = json.loads(row["fingerprint"])
        self.numerics: dict[str, Any] = json.loads(row["numerics"])
        self.task_state: dict[str, Any] = json.loads(row["task_state"])
        self.metric = Metric(row["metric"], row["direction"])
        self.version: str = row["version"]
        self.overlaps: list[tuple[str, str, int]] = [tuple(each) for each in json.loads(row["overlaps"])]

    @classmethod
    def create(
        cls,
        folder: Path,
        config: StudyConfig,
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
        path = folder / DATABASE
        if path.exists():
            raise StudyError(f"{folder} already holds a study; choose another --out, or go on with --resume {folder}")
        unfinished = folder / UNFINISHED
        with storage(path):
            folder.mkdir(parents=True, exist_ok=True)
            for left_over in folder.glob(UNFINISHED + "*"):
                left_over.unlink()
            connection = connect(unfinished)
            with connection:
                schema.create(connection)
                connection.execute(
                    "INSERT INTO study VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        datetime.now(UTC).isoformat(timespec="seconds"),
                        __version__,
                        json.dumps(config.to_dict()),
                        json.dumps(dict(fingerprint)),
                        json.dumps(dict(numerics)),
                        json.dumps(dict(task_state)),
                        metric.name,
                        metric.direction,
                        json.dumps(list(overlaps)),
                    ),
                )
            connection.close()
            # A study is there whole or not at all, whenever its maker is killed.
            unfinished.replace(path)
            connection = connect(path)
        return cls(folder, connection)

    @classmethod
    def open(cls, folder: Path) -> StudyStore:
        """Open the study in `folder`.

        Raises:
            StudyError: there is none, or it cannot be read by this version.
        """
        path = folder / DATABASE
        if not path.is_file():
            raise StudyError(f"{folder} holds no study: it has no {DATABASE}; name a folder that lrscope wrote")
        with storage(path):
            connection = connect(path)
            schema.migrate(connection, str(path))
        return cls(folder, connection)

    def close(self) -> None:
        """Close the file; what was written is on disk."""
        self._connection.close()

    def __enter__(self) -> StudyStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def rows(self, query: str) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query as tuples."""
        for row in self._connection.execute(query):
            yield tuple(row)

    def replace_config(self, config: StudyConfig) -> None:
        """Set what the study was asked for, when it is extended."""
        with self.transaction():
            self._connection.execute("UPDATE study SET config = ?", (json.dumps(config.to_dict()),))
        self.config = config

    # What happened

    def append(self, trial: int, steps: Sequence[StepRecord], evaluations: Sequence[EvaluationRecord] = ()) -> None:
        """Write consecutive steps and the evaluations after them, all or nothing."""
        with self.transaction():
            if steps:
                assert [r.step for r in steps] == list(range(steps[0].step, steps[0].step + len(steps)))
                self._connection.execute(
                    "INSERT INTO steps VALUES (?, ?, ?, ?)", (trial, steps[0].step, len(steps), pack_steps(steps))
                )
            for record in evaluations:
                self.add_evaluation(trial, record)

    def add_evaluation(self, trial: int, record: EvaluationRecord) -> None:
        """Write one evaluation, within a transaction of the caller's."""
        key = (trial, record.step, record.split)
        self._connection.execute(
            "INSERT OR REPLACE INTO evaluations VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*key, record.epoch, json.dumps(dict(record.metrics)), record.seconds, record.improved),
        )
        self._connection.executemany(
            "INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (*key, metric, len(scores.values), pack_floats(scores.values), pack_floats(scores.weights))
                for metric, scores in record.scores.items()
            ],
        )

    def rewind(self, trial: int, step: int) -> None:
        """Forget what a trial did from `step` on: it goes on from the snapshot taken there, and no record comes twice.

        Raises:
            StudyError: a stretch of steps crosses `step`, so that no snapshot can have been taken there.
        """
        with self.transaction():
            self._connection.execute("DELETE FROM steps WHERE trial = ? AND first_step >= ?", (trial, step))
            row = self._connection.execute(
                "SELECT coalesce(max(first_step + num_steps), 0) AS reached FROM steps WHERE trial = ?", (trial,)
            ).fetchone()
            if row["reached"] != step:
                raise StudyError(
                    f"{self.folder} cannot go on: trial {trial} has its steps up to {row['reached']}, but a snapshot "
                    f"of step {step}; remove trials/{trial:04d} to run it anew"
                )
            for table in ("evaluations", "scores", "predictions"):
                self._connection.execute(f"DELETE FROM {table} WHERE trial = ? AND step > ?", (trial, step))  # noqa: S608

    def steps(self, trial: int) -> NDArray[np.void]:
        """Return the step series of a trial, from step 0, as an array with the fields of `blobs.STEP`."""
        rows = self._connection.execute("SELECT series FROM steps WHERE trial = ? ORDER BY first_step", (trial,))
        series = [unpack_steps(row["series"]) for row in rows]
        return np.concatenate(series) if series else np.empty(0, dtype=STEP)

    def evaluations(self, trial: int, split: str | None = None, *, with_scores: bool = False) -> list[EvaluationRecord]:
        """Return a trial's evaluations in order; per-example scores only if asked for."""
        rows = self._connection.execute(
            "SELECT * FROM evaluations WHERE trial = ? AND (? IS NULL OR split = ?) ORDER BY step, split",
            (trial, split, split),
        ).fetchall()
        return [
            EvaluationRecord(
                step=row["step"],
                epoch=row["epoch"],
                split=row["split"],
                metrics=json.loads(row["metrics"]),
                seconds=row["seconds"],
                scores=self.scores(trial, row["step"], row["split"]) if with_scores else {},
                improved=bool(row["improved"]),
            )
            for row in rows
        ]

    def scores(self, trial: int, step: int, split: str) -> dict[str, Scores]:
        """Return the per-example scores of one evaluation, by metric name."""
        rows = self._connection.execute(
            "SELECT * FROM scores WHERE trial = ? AND step = ? AND split = ?", (trial, step, split)
        )
        return {
            row["metric"]: Scores(
                unpack_floats(row["vals"], row["number"]), unpack_floats(row["weights"], row["number"])
            )
            for row in rows
        }

    # Sealed predictions

    def add_predictions(self, trial: int, step: int, split: str, outputs: NDArray[np.float32]) -> None:
        """Keep a model's outputs on a split, one row an example, unscored."""
        with self.transaction():
            self._connection.execute(
                "INSERT OR REPLACE INTO predictions VALUES (?, ?, ?, ?, ?)",
                (trial, step, split, len(outputs), pack_floats(outputs)),
            )

    def predictions(self, trial: int, step: int, split: str) -> NDArray[np.float32] | None:
        """Return the outputs kept for a split at a step, or None."""
        row = self._connection.execute(
            "SELECT * FROM predictions WHERE trial = ? AND step = ? AND split = ?", (trial, step, split)
        ).fetchone()
        return None if row is None else unpack_floats(row["outputs"], row["num_rows"])

    def record_opening(self, trial: int, step: int, split: str, asked_by: str) -> None:
        """Record that the scores of a sealed split were opened, before they are shown."""
        with self.transaction():
            self._connection.execute(
                "INSERT INTO openings (opened, trial, step, split, asked_by) VALUES (?, ?, ?, ?, ?)",
                (datetime.now(UTC).isoformat(timespec="seconds"), trial, step, split, asked_by),
            )

    def openings(self) -> list[dict[str, Any]]:
        """Return every opening: when, of which trial, step and split, and asked by what."""
        return [dict(row) for row in self._connection.execute("SELECT * FROM openings ORDER BY id")]
