"""Jobs in processes beside this one: an out-of-memory or a crash costs one job.

Processes are spawned, on every system. A worker that has ended a job in order takes the next one, with the study's
inputs that it has read (`worker.py`); any other is replaced by a new one. A worker holds one end of two pipes: one
tells what happens, the other is its life line, by which jobs come. When the controller dies, however it dies, the life
line breaks and the worker ends at once.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from time import monotonic
from typing import Any

from lrscope.config import ExternalStudy
from lrscope.executors.bare_main import bare_main
from lrscope.executors.worker import READY, STOP, work
from lrscope.runners.base import Event, Job

HANG_SECONDS = 900.0


@dataclass(eq=False)
class _Worker:
    """A process, and the job that it runs; between two jobs that is the one before.

    `is_kept` says that it has run another, `has_begun` that it has told anything of this one.
    """

    process: Any
    events: Connection
    life_line: Connection
    slot: int
    job: Job
    heard: float = 0.0
    is_kept: bool = False
    has_begun: bool = False
    ends: dict[int, Event] = field(default_factory=dict)

    def send(self, job: Job) -> None:
        """Send a job; that the process is gone is heard from it."""
        self.job, self.heard, self.has_begun, self.ends = job, monotonic(), False, {}
        with contextlib.suppress(OSError):
            self.life_line.send(job)

    def ask_to_stop(self) -> None:
        """Ask the process to end its job at the next step, and then itself."""
        with contextlib.suppress(OSError):  # it may be gone already
            self.life_line.send_bytes(STOP)

    def end(self) -> None:
        """Wait for the process to be gone, and end it where it stays."""
        self.process.join(timeout=10.0)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.events.close()
        self.life_line.close()

    def dismiss(self) -> None:
        """End a process that has no job: it ends when its life line breaks."""
        self.life_line.close()
        self.end()


class ProcessExecutor:
    """Runs up to `workers` jobs at once. A worker that says nothing of its job for `hang_seconds` is ended: it failed.

    `devices` are the accelerators that each worker's slot sees, such as ["0", "1"].
    """

    def __init__(
        self, workers: int, *, devices: Sequence[str] | None = None, hang_seconds: float = HANG_SECONDS
    ) -> None:
        self.workers, self.devices, self.hang_seconds = workers, devices, hang_seconds
        self._context = multiprocessing.get_context("spawn")
        self._running: list[_Worker] = []
        self._idle: list[_Worker] = []
        self._stopped = False

    def run(self, jobs: Iterable[Job]) -> Iterator[Event]:
        """Run all jobs, as many at once as there are workers."""
        waiting, are_more = iter(jobs), True
        try:
            while are_more or self._running:
                while are_more and (self._stopped or len(self._running) < self.workers):
                    job = next(waiting, None)
                    if job is None:
                        are_more = False
                    elif self._stopped:
                        yield from (Event("stopped", trial.id) for trial in job.trials)
                    else:
                        self._begin(job)
                        yield from (Event("started", trial.id) for trial in job.trials)
                if not are_more:
                    self._dismiss_idle()
                if self._running:
                    yield from self._listen()
        finally:
            for worker in self._running:
                worker.process.kill()
                worker.end()
            self._running = []
            self._dismiss_idle()

    def stop(self) -> None:
        """Ask all workers to stop at their next step."""
        self._stopped = True
        for worker in list(self._running):
            worker.ask_to_stop()

    def _begin(self, job: Job) -> None:
        """Give a job to a worker that waits, else to a new one."""
        worker = self._idle.pop() if self._idle else self._start(job)
        self._running.append(worker)
        worker.send(job)
        if self._stopped:  # by another thread, meanwhile
            worker.ask_to_stop()

    def _start(self, job: Job) -> _Worker:
        slot = min(set(range(self.workers)) - {worker.slot for worker in (*self._running, *self._idle)})
        ours, theirs = self._context.Pipe(duplex=False)
        their_line, our_line = self._context.Pipe(duplex=False)
        devices = self.devices[slot] if self.devices else None
        # A training of the user's own may have processes of its own, which multiprocessing forbids daemons. Its workers
        # load its function from a file, and have no use for the script that began the study.
        is_own = isinstance(job.study, ExternalStudy)
        process = self._context.Process(target=work, args=(theirs, their_line, devices), daemon=not is_own)
        with bare_main() if is_own else contextlib.nullcontext():
            process.start()
        theirs.close()
        their_line.close()
        return _Worker(process, ours, our_line, slot, job)

    def _listen(self) -> Iterator[Event]:
        ready = wait([worker.events for worker in self._running], timeout=0.5)
        for worker in list(self._running):
            if worker.events in ready:
                worker.heard = monotonic()
                try:
                    event = worker.events.recv()
                except (EOFError, OSError):
                    yield from self._end(worker)
                    continue
                if event == READY:
                    worker.is_kept = True
                    self._running.remove(worker)
                    self._idle.append(worker)
                    yield from _ends(worker)
                    continue
                worker.has_begun = True
                if event.is_end:
                    worker.ends[event.trial] = event
                elif event.kind != "alive":
                    yield event
            elif monotonic() - worker.heard > self.hang_seconds:
                worker.process.kill()
                yield from self._end(worker, f"the worker said nothing for {self.hang_seconds:g} seconds")

    def _end(self, worker: _Worker, reason: str = "") -> Iterator[Event]:
        """Wait for a worker to be gone, then tell how its trials ended: none has who died while it waited for them."""
        worker.end()
        self._running.remove(worker)
        if worker.is_kept and not worker.has_begun and not reason:
            self._begin(worker.job)
        else:
            yield from _ends(worker, reason or f"the worker died: {_how_it_died(worker.process.exitcode)}")

    def _dismiss_idle(self) -> None:
        while self._idle:
            self._idle.pop().dismiss()


def _ends(worker: _Worker, reason: str = "") -> Iterator[Event]:
    """Yield how the trials of a worker's job ended: it works in their folders no more."""
    for trial in worker.job.trials:
        yield worker.ends.get(trial.id) or Event("failed", trial.id, reason=reason)


def _how_it_died(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        return f"killed by {name}" + (", as the system does when memory runs out" if name == "SIGKILL" else "")
    return f"exit code {code}"
