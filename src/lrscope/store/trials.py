"""The trials of a study, as rows."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lrscope.config import TrialConfig
from lrscope.config.base import build_section
from lrscope.errors import StudyError
from lrscope.records import Status
from lrscope.store.storage import DATABASE, storage


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One trial as it stands in the store."""

    id: int
    config: TrialConfig
    status: Status
    reason: str
    step: int
    total_steps: int | None
    steps_per_epoch: int | None
    seconds: float
    attempts: int = 0

    @property
    def name(self) -> str:
        """Return the name of the trial's folder under `trials/`."""
        return f"{self.id:04d}"


class TrialTable:
    """The part of a study's store that knows its trials, and how they stand."""

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        self.folder = folder
        self._connection = connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write all that the block writes, or nothing; a full disk becomes a StudyError."""
        with storage(self.folder / DATABASE), self._connection:
            yield self._connection

    def add_trial(self, config: TrialConfig) -> TrialRow:
        """Return the trial with this configuration, adding it as planned where it is new."""
        self.add_trials([config])
        return next(row for row in self.trials() if row.config == config)

    def add_trials(self, configs: Sequence[TrialConfig]) -> None:
        """Add those of these trials that are new, all or nothing."""
        # Compared as configurations, not as texts: a text of an older version lacks what has a default now.
        known = {row.config for row in self.trials()}
        new = [config for config in dict.fromkeys(configs) if config not in known]
        if not new:
            return
        rows = [(json.dumps(config.to_dict(), sort_keys=True), config.seed, str(config.schedule)) for config in new]
        with self.transaction():
            self._connection.executemany(
                "INSERT INTO trials (config, seed, schedule, status) VALUES (?, ?, ?, 'planned')", rows
            )

    def count_attempt(self, trial: int) -> None:
        """Record that a trial is tried once more."""
        with self.transaction():
            self._connection.execute(
                "UPDATE trials SET attempts = attempts + 1, status = 'running' WHERE id = ?", (trial,)
            )

    def trial(self, trial: int) -> TrialRow:
        """Return one trial by number."""
        row = self._connection.execute("SELECT * FROM trials WHERE id = ?", (trial,)).fetchone()
        if row is None:
            raise StudyError(f"{self.folder} has no trial {trial}")
        return _trial_row(row)

    def trials(self) -> list[TrialRow]:
        """Return all trials in the order they were planned."""
        return [_trial_row(row) for row in self._connection.execute("SELECT * FROM trials ORDER BY id")]

    def trial_folder(self, trial: int) -> Path:
        """Return where a trial's checkpoints and snapshots lie."""
        return self.folder / "trials" / f"{trial:04d}"

    def work_folder(self, trial: int) -> Path:
        """Return where a trial runs, as a study of its own, until it is taken in."""
        return self.trial_folder(trial) / "work"

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
        with self.transaction():
            self._connection.execute(
                "UPDATE trials SET status = ?, step = ?, reason = ?, seconds = seconds + ? WHERE id = ?",
                (status, step, reason, seconds, trial),
            )
            if horizon is not None:
                self._connection.execute(
                    "UPDATE trials SET total_steps = ?, steps_per_epoch = ? WHERE id = ?", (*horizon, trial)
                )


def _trial_row(row: sqlite3.Row) -> TrialRow:
    return TrialRow(
        id=row["id"],
        config=build_section(TrialConfig, json.loads(row["config"]), f"trial {row['id']} of {DATABASE}"),
        status=row["status"],
        reason=row["reason"],
        step=row["step"],
        total_steps=row["total_steps"],
        steps_per_epoch=row["steps_per_epoch"],
        seconds=row["seconds"],
        attempts=row["attempts"],
    )
