"""One trial after another, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from lrscope.executors.base import Event, Job
from lrscope.executors.work import events_of, gather_for

if TYPE_CHECKING:
    from lrscope.training.study_inputs import StudyInputs


class InlineExecutor:
    """Runs trials here. `inputs` are the study's inputs, where they have been gathered already."""

    def __init__(self, inputs: StudyInputs | None = None) -> None:
        self._inputs = inputs
        self._stop_trial: Callable[[], None] | None = None
        self._stopped = False

    def run(self, jobs: Sequence[Job]) -> Iterator[Event]:
        """Run all jobs in their order."""
        for job in jobs:
            if self._stopped:
                yield Event("stopped", job.trial)
                continue
            yield Event("started", job.trial)
            yield from events_of(job, self._gathered, self._remember)
            self._stop_trial = None

    def stop(self) -> None:
        """Ask the running trial to stop, and start no other."""
        self._stopped = True
        if self._stop_trial is not None:
            self._stop_trial()

    def _remember(self, stop: Callable[[], None]) -> None:
        self._stop_trial = stop
        if self._stopped:
            stop()

    def _gathered(self, job: Job) -> StudyInputs:
        if self._inputs is None:
            self._inputs = gather_for(job)
        return self._inputs
