"""What an executor is given, and what it yields: jobs in, events out.

Every executor runs a job in the same way (`work.py`). What its trials did is on the disk, whole, before it is told; a
worker that dies leaves what it had, and the next try goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from lrscope.runners.base import Event, Job


class Executor(Protocol):
    """A place where trials run."""

    def run(self, jobs: Iterable[Job]) -> Iterator[Event]:
        """Run all jobs, in their order where several wait, and yield what happens; every trial ends in one event.

        A job is taken when there is room for it: what its predecessors did has been heard by then.
        """
        ...

    def stop(self) -> None:
        """Ask all running trials to end at their next step, leaving snapshots, and start no others."""
        ...
