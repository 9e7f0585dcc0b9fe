"""What a run of the user's own training came to, left in its work folder: whole or not at all."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lrscope.records import UNDECIDED, EvaluationRecord, Outcome, Status
from lrscope.runners.base import Event, Job, JobTrial
from lrscope.store.blobs import STEP
from lrscope.store.outcomes import read_outcome, take_outcome
from lrscope.store.storage import DATABASE
from lrscope.store.study import StudyStore

SEALED = "sealed test"  # the split that test values are kept as until they are opened


def outcome_of(
    evaluations: Sequence[EvaluationRecord],
    status: Status,
    *,
    seconds: float,
    step: int = 0,
    reason: str = "",
    examples: str = "",
) -> Outcome:
    """Return an outcome with these evaluations; what was measured on test is sealed.

    An epoch that is not told is 0, which the store can hold.

    `step` is the last one that is known, where evaluations do not say it; `examples` a digest of what scores are of.
    """
    known = [replace(each, epoch=0.0) if math.isnan(each.epoch) else each for each in evaluations]
    kept = tuple(replace(each, split=SEALED) if each.split == "test" else each for each in known)
    last = max([step, *(record.step for record in kept)])
    return Outcome(status, reason, last, last, 0, seconds, np.empty(0, dtype=STEP), kept, examples=examples)


def last_on_dev(trial: JobTrial, evaluations: Sequence[EvaluationRecord]) -> Iterator[Event]:
    """Yield the last evaluation on dev, which whoever shows the trial has not seen where it was read at its end.

    Per-example scores need not travel.
    """
    dev = [record for record in evaluations if record.split == "dev"]
    yield from (Event("record", trial.id, replace(record, scores={})) for record in dev[-1:])


def leave_outcome(trial: JobTrial, job: Job, outcome: Outcome) -> None:
    """Write a trial's outcome into its work folder, from where the study takes it, also after a kill.

    Raises:
        StudyError: it cannot be written.
    """
    forget_outcome(trial.folder)
    trial.folder.mkdir(parents=True, exist_ok=True)
    config = job.study.with_parts(trial=trial.config, sweep=None)
    with StudyStore.create(
        trial.folder,
        config,
        fingerprint=job.fingerprint,
        numerics=job.numerics.to_dict(),
        task_state={"examples": outcome.examples} if outcome.examples else {},
        metric=UNDECIDED,
    ) as store:
        take_outcome(store, store.add_trial(trial.config).id, outcome)


def has_outcome(trial: JobTrial) -> bool:
    """Return whether a trial has finished in its folder already.

    Raises:
        StudyError: what lies there cannot be read.
    """
    return (trial.folder / DATABASE).is_file() and read_outcome(trial.folder, trial.config) is not None


def forget_outcome(folder: Path) -> None:
    """Remove the outcome that an earlier attempt left in a work folder."""
    for path in folder.glob(f"{DATABASE}*"):
        path.unlink(missing_ok=True)
