"""What runs in a worker's process: jobs one after another, as its controller sends them.

The life line brings jobs and the word to stop, and breaks when the controller dies, however it dies: then the worker
ends at once. What happens goes the other way. A worker that is `READY` has let go of its last job's folder and memory,
and keeps a study's inputs for the next one. After anything but success it ends instead: what went wrong in one job is
not there in another.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from queue import SimpleQueue
from time import monotonic

from lrscope.config import ExternalStudy
from lrscope.machine import limit_spinning
from lrscope.runners.base import Event, Job
from lrscope.runners.work_folder import LOGS

READY = "ready"  # said when a job is over and the worker waits for another
STOP = b"stop"  # what comes over the life line and is no job


class _Stop:
    """Whether this worker is to stop, and how what runs is asked to."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self._running: list[Callable[[], None]] = []

    def ask(self) -> None:
        """Stop what runs at its next step, and what comes next at its first."""
        self.asked.set()
        for stop in list(self._running):
            stop()

    def on_start(self, stop: Callable[[], None]) -> None:
        """Take the function that stops what begins now."""
        self._running.append(stop)
        if self.asked.is_set():
            stop()

    def forget(self) -> None:
        """Let go of what ran."""
        self._running.clear()


def work(events: Connection, life_line: Connection, devices: str | None) -> None:
    """Run the jobs that come, until one does not end well, or the life line breaks."""
    limit_spinning()
    # Ctrl-C and a closed terminal reach the controller too, who says what is to be done.
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    if devices is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = devices
    stop, jobs = _Stop(), SimpleQueue[bytes]()

    def watch() -> None:
        while True:
            try:
                message = life_line.recv_bytes()
            except (EOFError, OSError):
                os._exit(3)  # the controller is gone, or has no more jobs; the disk has all that matters
            if message == STOP:
                stop.ask()
            else:
                jobs.put(message)

    # A batch system ends every process of a job.
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.ask())
    threading.Thread(target=watch, daemon=True).start()
    try:
        while _run(ForkingPickler.loads(jobs.get()), events, stop):
            _let_go()
            events.send(READY)
    finally:
        events.close()


def _run(job: Job, events: Connection, stop: _Stop) -> bool:
    """Run a job and tell its events; return whether this process may run another."""
    from lrscope.executors.work import events_of, is_worth_sending, kept_inputs

    done, last_sent = 0, 0.0
    events.send(Event("alive", job.trials[0].id))
    with _printed_to_log(job):
        for event in events_of(job, kept_inputs, stop.on_start):
            done += event.kind == "done"
            if event.record is None or is_worth_sending(event.record, last_sent):
                last_sent = monotonic()
                events.send(event)
    stop.forget()
    # What a user's own training leaves in its process is not known.
    return done == len(job.trials) and not stop.asked.is_set() and not isinstance(job.study, ExternalStudy)


def _let_go() -> None:
    """Give back what the last job has used: another worker may need it, and files in its folder are closed."""
    import torch

    from lrscope.training.host_memory import return_freed_memory

    gc.collect()  # parts of a model refer to one another
    torch.cuda.empty_cache()
    return_freed_memory()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # there may be none, or nobody reads it
            stream.flush()


@contextlib.contextmanager
def _printed_to_log(job: Job) -> Iterator[None]:
    """Keep what a user's function prints in its trial's folder: several at a time would print into one another."""
    if not isinstance(job.study, ExternalStudy) or job.study.trainer.function is None:
        yield
        return
    from lrscope.runners.external.captured_output import captured_output

    with captured_output(job.trials[0].folder / LOGS[0]):
        yield
