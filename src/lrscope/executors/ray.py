"""Trials on a Ray cluster: Ray places them and brings back what they did; the driver alone writes the study.

A task streams what happens as a generator, then the files of its folder. Inputs that a node does not see are put into
the object store once, the first time that a node says so.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any

from lrscope.executors.base import Event, Job
from lrscope.executors.file_transfer import IncomingFolder, Piece, pieces
from lrscope.executors.input_files import Sent, input_paths, key_of
from lrscope.executors.processes import HANG_SECONDS
from lrscope.executors.ray_task import Task, Unseen, run_task, versions

MAX_LOSSES = 3  # workers lost under one try of a trial: a cluster loses nodes without a trial's fault
QUEUED = 4  # tasks handed to Ray beyond what fits now, so that a cluster that grows sees that it should


class _Stop:
    """An actor that says whether trials are asked to stop."""

    def __init__(self) -> None:
        self._asked = False

    def ask(self) -> None:
        self._asked = True

    def asked(self) -> bool:
        return self._asked


def _on_node(task: Task, sent: Mapping[str, Sent] | None, stop: Any) -> Iterator[Event | Piece | Unseen]:
    """Run on a node: a task whose pieces and whose stop come through Ray."""
    import ray

    def stopped() -> bool:
        try:
            return bool(ray.get(stop.asked.remote(), timeout=30.0))
        except ray.exceptions.GetTimeoutError:
            return False
        except ray.exceptions.RayError:
            return True  # the driver is gone

    yield from run_task(task, sent, lambda piece: ray.get(piece), stopped)


@dataclass(eq=False)
class _Running:
    job: Job
    arrival: IncomingFolder
    stream: Any = None
    heard: float = 0.0
    losses: int = 0
    begun: bool = False
    ended: Event | None = None


class RayExecutor:
    """Runs trials on the cluster that this process is connected to; a trial takes its study's threads as CPUs.

    `workers` is the most trials at once, as many as fit where it is None; `gpus_per_trial` may be a fraction; `keep` is
    the study's. A trial that says nothing for `hang_seconds` is ended, and has failed.
    """

    def __init__(
        self, *, workers: int | None = None, gpus_per_trial: float | None = None, keep: str = "best",
        hang_seconds: float = HANG_SECONDS,
    ) -> None:  # fmt: skip
        self.workers, self.gpus_per_trial, self.keep, self.hang_seconds = workers, gpus_per_trial, keep, hang_seconds
        self._running: list[_Running] = []
        self._sent: Any = None
        self._stop: Any = None
        self._stopped = False

    def run(self, jobs: Sequence[Job]) -> Iterator[Event]:
        """Run all jobs, as many at once as the cluster has room for."""
        import ray

        self._stop = ray.remote(num_cpus=0)(_Stop).remote()
        self._remote = ray.remote(num_returns="streaming", max_retries=0)(_on_node)
        self._versions = versions()
        waiting = list(jobs)
        try:
            while waiting or self._running:
                while waiting and not self._stopped and len(self._running) < self._most(waiting[0]):
                    self._start(waiting.pop(0))
                if self._stopped:
                    yield from (Event("stopped", job.trial) for job in waiting)
                    yield from self._withdraw()
                    waiting = []
                yield from self._listen()
        finally:
            for running in self._running:
                with contextlib.suppress(Exception):  # Ray may be gone
                    ray.cancel(running.stream, force=True)
                running.arrival.drop()
            self._running = []
            with contextlib.suppress(Exception):
                ray.kill(self._stop)

    def stop(self) -> None:
        """Ask all trials to stop at their next step, and send back their snapshots."""
        self._stopped = True
        if self._stop is not None:
            self._stop.ask.remote()

    def room(self, threads: int) -> int:
        """Return how many trials the cluster has room for as it is now."""
        import ray

        gpus = self.gpus_per_trial or 0.0
        total = 0
        for node in ray.nodes():
            if node["Alive"]:
                has = node["Resources"]
                fits = int(has.get("CPU", 0) // threads)
                total += min(fits, int(has.get("GPU", 0) / gpus)) if gpus else fits
        return min(total, self.workers) if self.workers else total

    def _most(self, job: Job) -> int:
        return self.workers or self.room(job.numerics["threads"]) + QUEUED

    def _start(self, job: Job, again: _Running | None = None) -> None:
        absolute = job.config.reading(self._seen_as(job))
        key = key_of(str(job.folder.resolve()), job.fingerprint, job.numerics, absolute.to_dict())
        begun = tuple(pieces(job.folder)) if job.folder.is_dir() else ()
        task = Task(replace(job, config=absolute), key, self.keep, self._versions, begun)
        gpus = self.gpus_per_trial if self.gpus_per_trial is not None else float(job.numerics["device"] == "cuda")
        options = {"num_cpus": job.numerics["threads"], "num_gpus": gpus, "name": f"trial {job.trial}"}
        stream = self._remote.options(**options).remote(task, self._sent, self._stop)
        arrival = IncomingFolder(job.folder)
        running = again or _Running(job, arrival)
        running.stream, running.heard, running.arrival = stream, monotonic(), arrival
        self._running.append(running)

    def _seen_as(self, job: Job) -> dict[str, str]:
        """Return where nodes look for the inputs, before they are sent."""
        return input_paths(job.config)

    def _send(self, job: Job) -> None:
        """Put the inputs into the object store, once a study."""
        import ray

        if self._sent is None:
            self._sent = {
                setting: Sent(Path(path).name, Path(path).is_file(), [ray.put(piece) for piece in pieces(Path(path))])
                for setting, path in input_paths(job.config).items()
            }

    def _listen(self) -> Iterator[Event]:
        import ray

        streams = {running.stream: running for running in self._running}
        if not streams:
            return
        ray.wait(list(streams), num_returns=1, timeout=0.5)
        ready, silent = ray.wait(list(streams), num_returns=len(streams), timeout=0)
        for stream in ready:
            running = streams[stream]
            running.heard = monotonic()
            try:
                yield from self._take(running, ray.get(next(stream)))
            except StopIteration:
                yield from self._end(running, "the task ended without a result")
            except ray.exceptions.OutOfMemoryError:
                yield from self._end(running, "the node ran out of memory")
            except (ray.exceptions.TaskCancelledError, ray.exceptions.RayTaskError) as error:
                yield from self._end(running, _said(error))
            except ray.exceptions.RayError as error:
                yield from self._lost(running, error)
        for stream in silent:
            running = streams[stream]
            if running.begun and monotonic() - running.heard > self.hang_seconds:
                ray.cancel(stream, force=True)
                yield from self._end(running, f"the trial said nothing for {self.hang_seconds:g} seconds")

    def _take(self, running: _Running, told: Event | Piece | Unseen) -> Iterator[Event]:
        if isinstance(told, Piece):
            running.arrival.add(told)
        elif isinstance(told, Unseen):
            self._send(running.job)
            self._running.remove(running)
            self._start(running.job, running)
        elif told.kind == "started":
            if not running.begun:
                running.begun = True
                yield told
        elif told.kind == "record":
            yield told
        else:
            running.ended = told
            yield from self._end(running, "")

    def _end(self, running: _Running, reason: str) -> Iterator[Event]:
        self._running.remove(running)
        if running.ended is not None and running.ended.kind in ("done", "stopped"):
            running.arrival.finish()
        else:
            running.arrival.drop()
        if not running.begun:  # every try is counted, that of a trial which never came to begin too
            yield Event("started", running.job.trial)
        yield running.ended or Event("failed", running.job.trial, reason=reason)

    def _lost(self, running: _Running, error: Exception) -> Iterator[Event]:
        """Place a trial anew whose worker or node is gone; it goes on from its snapshot where that is still seen."""
        running.losses += 1
        if self._stopped:
            running.ended = Event("stopped", running.job.trial)
        if running.losses > MAX_LOSSES or self._stopped:
            yield from self._end(running, f"its worker was lost {running.losses} times: {_said(error)}")
            return
        self._running.remove(running)
        self._start(running.job, running)

    def _withdraw(self) -> Iterator[Event]:
        """Take back what has been handed to Ray and has not begun."""
        import ray

        for running in [running for running in self._running if not running.begun]:
            ray.cancel(running.stream, force=True)
            self._running.remove(running)
            running.arrival.drop()
            yield Event("stopped", running.job.trial)


def _said(error: Exception) -> str:
    lines = str(getattr(error, "cause", None) or error).strip().splitlines()
    return f"{type(error).__name__}: {lines[-1].strip()}" if lines else type(error).__name__
