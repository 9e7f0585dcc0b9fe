"""Each job in a process of its own: an out-of-memory or a crash costs one job.

Processes are spawned, on every system. A worker holds one end of two pipes: one tells what happens, the other is its
life line. When the controller dies, however it dies, the life line breaks and the worker ends at once.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from time import monotonic
from types import FrameType
from typing import Any

from lrscope.config import ExternalStudy
from lrscope.executors.bare_main import bare_main
from lrscope.machine import limit_spinning
from lrscope.runners.base import Event, Job
from lrscope.runners.work_folder import LOGS

HANG_SECONDS = 900.0


@dataclass(eq=False)
class _Worker:
    job: Job
    process: Any
    events: Connection
    life_line: Connection
    slot: int
    heard: float
    ends: dict[int, Event] = field(default_factory=dict)


class ProcessExecutor:
    """Runs up to `workers` jobs at once. A worker that says nothing for `hang_seconds` is ended, and has failed.

    `devices` are the accelerators that each worker's slot sees, such as ["0", "1"].
    """

    def __init__(
        self, workers: int, *, devices: Sequence[str] | None = None, hang_seconds: float = HANG_SECONDS
    ) -> None:
        self.workers, self.devices, self.hang_seconds = workers, devices, hang_seconds
        self._context = multiprocessing.get_context("spawn")
        self._running: list[_Worker] = []
        self._stopped = False

    def run(self, jobs: Iterable[Job]) -> Iterator[Event]:
        """Run all jobs, as many at once as there are workers."""
        waiting = iter(jobs)
        following = next(waiting, None)
        try:
            while following is not None or self._running:
                while following is not None and len(self._running) < self.workers and not self._stopped:
                    self._start(following)
                    yield from (Event("started", trial.id) for trial in following.trials)
                    following = next(waiting, None)
                while following is not None and self._stopped:
                    yield from (Event("stopped", trial.id) for trial in following.trials)
                    following = next(waiting, None)
                if self._running:
                    yield from self._listen()
        finally:
            for worker in self._running:
                worker.process.kill()
                worker.process.join()
            self._running = []

    def stop(self) -> None:
        """Ask all workers to stop at their next step."""
        self._stopped = True
        for worker in self._running:
            with contextlib.suppress(OSError):  # it may be gone already
                worker.life_line.send("stop")

    def _start(self, job: Job) -> None:
        slot = min(set(range(self.workers)) - {worker.slot for worker in self._running})
        ours, theirs = self._context.Pipe(duplex=False)
        their_line, our_line = self._context.Pipe(duplex=False)
        devices = self.devices[slot] if self.devices else None
        # A training of the user's own may have processes of its own, which multiprocessing forbids daemons. Its workers
        # load its function from a file, and have no use for the script that began the study.
        is_own = isinstance(job.study, ExternalStudy)
        process = self._context.Process(target=_work, args=(job, theirs, their_line, devices), daemon=not is_own)
        with bare_main() if is_own else contextlib.nullcontext():
            process.start()
        theirs.close()
        their_line.close()
        self._running.append(_Worker(job, process, ours, our_line, slot, monotonic()))

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
                if event.is_end:
                    worker.ends[event.trial] = event
                elif event.kind != "alive":
                    yield event
            elif monotonic() - worker.heard > self.hang_seconds:
                worker.process.kill()
                yield from self._end(worker, f"the worker said nothing for {self.hang_seconds:g} seconds")

    def _end(self, worker: _Worker, reason: str = "") -> Iterator[Event]:
        """Wait for a worker to be gone, then tell how its trials ended: their folders are nobody's from then on."""
        worker.process.join(timeout=10.0)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.events.close()
        worker.life_line.close()
        self._running.remove(worker)
        reason = reason or f"the worker died: {_how_it_died(worker.process.exitcode)}"
        for trial in worker.job.trials:
            yield worker.ends.get(trial.id) or Event("failed", trial.id, reason=reason)


def _how_it_died(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        return f"killed by {name}" + (", as the system does when memory runs out" if name == "SIGKILL" else "")
    return f"exit code {code}"


def _work(job: Job, events: Connection, life_line: Connection, devices: str | None) -> None:
    """Run in the worker: one job, then the end of the process."""
    limit_spinning()
    # Ctrl-C and a closed terminal reach the controller too, who says what is to be done.
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    if devices is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = devices
    asked = threading.Event()
    stops: list[Any] = []

    def watch() -> None:
        while True:
            try:
                life_line.recv()
            except (EOFError, OSError):
                os._exit(3)  # the controller is gone; the disk has all that matters
            asked.set()
            for stop in stops:
                stop()

    def leave(_number: int, _frame: FrameType | None) -> None:  # a batch system ends every process of a job
        asked.set()
        for stop in stops:
            stop()

    signal.signal(signal.SIGTERM, leave)
    threading.Thread(target=watch, daemon=True).start()
    try:
        with _printed_to_log(job):
            _run(job, events, asked, stops)
    finally:
        events.close()


@contextlib.contextmanager
def _printed_to_log(job: Job) -> Iterator[None]:
    """Keep what a user's function prints in its trial's folder: several at a time would print into one another."""
    if not isinstance(job.study, ExternalStudy) or job.study.trainer.function is None:
        yield
        return
    from lrscope.runners.external.captured_output import captured_output

    with captured_output(job.trials[0].folder / LOGS[0]):
        yield


def _run(job: Job, events: Connection, asked: threading.Event, stops: list[Any]) -> None:
    from lrscope.executors.work import events_of, is_worth_sending, prepare_for

    def on_start(stop: Any) -> None:
        stops.append(stop)
        if asked.is_set():
            stop()

    last_sent = 0.0
    for event in events_of(job, prepare_for, on_start):
        if event.record is None or is_worth_sending(event.record, last_sent):
            last_sent = monotonic()
            events.send(event)
