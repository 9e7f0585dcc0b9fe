"""One trial as a row of the store."""

from __future__ import annotations

import functools
import sqlite3
from dataclasses import dataclass
from typing import get_args

from lrscope.config import AnyTrial
from lrscope.config.read import trial_from_dict
from lrscope.records import Status
from lrscope.store.values import count, number, one_of, optional_count, parsed, text

MAX_STEPS = 10**8  # a schedule is laid over them as an array
STATUSES = frozenset(get_args(Status))

ANSWERS = "answers.jsonl"  # in a trial's folder: what its model generated, for people to look at


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One trial as it stands in the store."""

    id: int
    config: AnyTrial
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
        return trial_name(self.id)


def trial_name(trial: int) -> str:
    """Return the name of a trial's folder.

    >>> trial_name(12)
    '0012'
    """
    return f"{trial:04d}"


def trial_row(row: sqlite3.Row) -> TrialRow:
    """Return a row of the table `trials`, checked.

    Raises:
        ValueError, ConfigError: a value cannot be one of a trial.
    """
    return TrialRow(
        id=count(row["id"], "trials.id"),
        config=_config(row["config"]),
        status=one_of(row["status"], STATUSES, "trials.status"),
        reason=text(row["reason"], "trials.reason"),
        step=count(row["step"], "trials.step"),
        total_steps=optional_count(row["total_steps"], "trials.total_steps", MAX_STEPS),
        steps_per_epoch=optional_count(row["steps_per_epoch"], "trials.steps_per_epoch"),
        seconds=number(row["seconds"], "trials.seconds"),
        attempts=count(row["attempts"], "trials.attempts"),
    )


@functools.lru_cache(maxsize=2**14)  # a study's trials are read again and again
def _config(written: str) -> AnyTrial:
    values = parsed(written, dict, "trials.config")
    return trial_from_dict(values, "a trial")
