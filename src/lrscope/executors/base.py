"""What an executor is given, and what it tells: jobs in, events out.

Every executor runs a trial in the same way (`work.py`): in a folder of its own, as a study of one trial. What it did is
on the disk, whole, before it is told; a worker that dies leaves what it had, and the next try goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from lrscope.config import StudyConfig
from lrscope.records import Outcome, Record


@dataclass(frozen=True)
class Job:
    """One trial to run: its number in the study, its configuration, the folder to run it in, and what was decided.

    `numerics` and `fingerprint` are the study's; a worker that reads other inputs refuses to go on.
    """

    trial: int
    config: StudyConfig
    folder: Path
    numerics: dict[str, Any]
    fingerprint: dict[str, Any]


@dataclass(frozen=True)
class Event:
    """What happened to a trial. A `record` has its record, a `failed` and a `blocked` one their reason.

    A `done` one has left a study of its own in the job's folder, or brings its outcome along. `blocked` is what is not
    the trial's fault and would meet the others too: a full disk, an input that changed.
    """

    kind: Literal["started", "record", "done", "failed", "blocked", "stopped"]
    trial: int
    record: Record | None = None
    reason: str = ""
    outcome: Outcome | None = None


class Executor(Protocol):
    """A place where trials run."""

    def run(self, jobs: Sequence[Job]) -> Iterator[Event]:
        """Run all jobs, in their order where several wait, and yield what happens; every job ends in one event."""
        ...

    def stop(self) -> None:
        """Ask all running trials to end at their next step, leaving snapshots, and start no others."""
        ...
