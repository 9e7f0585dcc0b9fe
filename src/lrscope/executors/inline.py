"""One job after another, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from lrscope.executors.work import events_of, prepare_for
from lrscope.runners.base import Event, Job, Prepared


class InlineExecutor:
    """Runs jobs here. `prepared` are the study's inputs, where they have been read already."""

    def __init__(self, prepared: Prepared | None = None) -> None:
        self._prepared = prepared
        self._stop_job: Callable[[], None] | None = None
        self._stopped = False

    def run(self, jobs: Iterable[Job]) -> Iterator[Event]:
        """Run all jobs in their order."""
        for job in jobs:
            if self._stopped:
                yield from (Event("stopped", trial.id) for trial in job.trials)
                continue
            yield from (Event("started", trial.id) for trial in job.trials)
            events = events_of(job, self._prepare, self._remember)
            yield from (event for event in events if event.kind != "alive")
            self._stop_job = None

    def stop(self) -> None:
        """Ask the running job to stop, and start no other."""
        self._stopped = True
        if self._stop_job is not None:
            self._stop_job()

    def _remember(self, stop: Callable[[], None]) -> None:
        self._stop_job = stop
        if self._stopped:
            stop()

    def _prepare(self, job: Job) -> Prepared:
        if self._prepared is None:
            self._prepared = prepare_for(job)
        return self._prepared
