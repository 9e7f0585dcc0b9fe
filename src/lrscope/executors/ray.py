"""Trials on a Ray cluster: Ray places them and brings back what they did; the driver alone writes the study.

A task streams what happens as a generator, then the files of its trials' folders. Inputs that a node does not see are
put into the object store once, the first time that a node says so.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Any, Literal

from lrscope.executors.file_transfer import IncomingFolder, pieces
from lrscope.executors.input_files import Sent, input_paths, key_of
from lrscope.executors.processes import HANG_SECONDS
from lrscope.executors.ray_task import RemoteJob, TrialPiece, Unseen, run_remote, versions
from lrscope.runners.base import Event, Job

MAX_LOSSES = 3  # workers lost under one try of a job: a cluster loses nodes without a trial's fault
QUEUED = 4  # tasks handed to Ray beyond what fits now, so that a cluster that grows sees that it should


class _Stop:
    """An actor that says whether trials are asked to stop."""

    def __init__(self) -> None:
        self._asked = False

    def ask(self) -> None:
        self._asked = True

    def asked(self) -> bool:
        return self._asked


def _on_node(remote: RemoteJob, sent: Mapping[str, Sent] | None, stop: Any) -> Iterator[Event | TrialPiece | Unseen]:
    """Run on a node: a job whose pieces and whose stop come through Ray."""
    import ray

    def stopped() -> bool:
        try:
            return bool(ray.get(stop.asked.remote(), timeout=30.0))
        except ray.exceptions.GetTimeoutError:
            return False
        except ray.exceptions.RayError:
            return True  # the driver is gone

    yield from run_remote(remote, sent, lambda piece: ray.get(piece), stopped)


@dataclass(eq=False)
class _Running:
    job: Job
    stream: Any = None
    heard: float = 0.0
    losses: int = 0
    begun: bool = False
    arrivals: dict[int, IncomingFolder] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)

    def open_trials(self) -> list[int]:
        """Return the trials whose end has not come."""
        return [trial.id for trial in self.job.trials if trial.id not in self.ended]


class RayExecutor:
    """Runs trials on the cluster that this process is connected to; a trial takes its study's threads as CPUs.

    `workers` is the most jobs at once, as many as fit where it is None; `gpus_per_trial` may be a fraction. A job that
    says nothing for `hang_seconds` is ended, and has failed.
    """

    def __init__(
        self, *, workers: int | None = None, gpus_per_trial: float | None = None, hang_seconds: float = HANG_SECONDS
    ) -> None:
        self.workers, self.gpus_per_trial, self.hang_seconds = workers, gpus_per_trial, hang_seconds
        self._running: list[_Running] = []
        self._sent: Any = None
        self._stop: Any = None
        self._stopped = False

    def run(self, jobs: Iterable[Job]) -> Iterator[Event]:
        """Run all jobs, as many at once as the cluster has room for."""
        import ray

        self._stop = ray.remote(num_cpus=0)(_Stop).remote()
        self._remote = ray.remote(num_returns="streaming", max_retries=0)(_on_node)
        self._versions = versions()
        waiting = iter(jobs)
        following = next(waiting, None)
        try:
            while following is not None or self._running:
                while following is not None and not self._stopped and len(self._running) < self._most(following):
                    self._start(following)
                    following = next(waiting, None)
                if self._stopped:
                    yield from self._withdraw()
                while following is not None and self._stopped:
                    yield from (Event("stopped", trial.id) for trial in following.trials)
                    following = next(waiting, None)
                yield from self._listen()
        finally:
            for running in self._running:
                with contextlib.suppress(Exception):  # Ray may be gone
                    ray.cancel(running.stream, force=True)
                self._drop(running)
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
        return self.workers or self.room(job.numerics.threads) + QUEUED

    def _start(self, job: Job, again: _Running | None = None) -> None:
        absolute = job.study.reading(self._seen_as(job))
        trials = [(trial.id, trial.config.to_dict()) for trial in job.trials]
        key = key_of(str(job.folder.resolve()), job.fingerprint, job.numerics.to_dict(), absolute.to_dict(), trials)
        begun = tuple(
            TrialPiece(trial.id, piece)
            for trial in job.trials
            if trial.folder.is_dir()
            for piece in pieces(trial.folder)
        )
        remote = RemoteJob(replace(job, study=absolute), key, self._versions, begun)
        gpus = self.gpus_per_trial if self.gpus_per_trial is not None else float(job.numerics.device == "cuda")
        options = {"num_cpus": job.numerics.threads, "num_gpus": gpus, "name": job.name}
        stream = self._remote.options(**options).remote(remote, self._sent, self._stop)
        running = again or _Running(job)
        running.stream, running.heard = stream, monotonic()
        self._drop(running)
        self._running.append(running)

    def _seen_as(self, job: Job) -> dict[str, str]:
        """Return where nodes look for the inputs, before they are sent."""
        return input_paths(job.study)

    def _send(self, job: Job) -> None:
        """Put the inputs into the object store, once a study."""
        import ray

        if self._sent is None:
            self._sent = {
                setting: Sent(Path(path).name, Path(path).is_file(), [ray.put(piece) for piece in pieces(Path(path))])
                for setting, path in input_paths(job.study).items()
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
                yield from self._end(running, "failed", "the task ended without a result")
            except ray.exceptions.OutOfMemoryError:
                yield from self._end(running, "failed", "the node ran out of memory")
            except (ray.exceptions.TaskCancelledError, ray.exceptions.RayTaskError) as error:
                yield from self._end(running, "failed", _last_line(error))
            except ray.exceptions.RayError as error:
                yield from self._lost(running, error)
        for stream in silent:
            running = streams[stream]
            if running.begun and monotonic() - running.heard > self.hang_seconds:
                ray.cancel(stream, force=True)
                yield from self._end(running, "failed", f"the trial said nothing for {self.hang_seconds:g} seconds")

    def _take(self, running: _Running, sent: Event | TrialPiece | Unseen) -> Iterator[Event]:
        if isinstance(sent, TrialPiece):
            if sent.trial not in running.arrivals:
                (folder,) = (trial.folder for trial in running.job.trials if trial.id == sent.trial)
                running.arrivals[sent.trial] = IncomingFolder(folder)
            running.arrivals[sent.trial].add(sent.piece)
        elif isinstance(sent, Unseen):
            self._send(running.job)
            self._running.remove(running)
            self._start(running.job, running)
        elif sent.kind == "started":
            yield from self._begin(running)
        elif sent.kind in ("record", "alive"):
            if sent.kind == "record" and sent.trial not in running.ended:
                yield sent
        elif sent.trial not in running.ended:
            running.ended.add(sent.trial)
            if (arrival := running.arrivals.pop(sent.trial, None)) is not None:
                arrival.finish()
            if not running.open_trials():
                self._running.remove(running)
                self._drop(running)
            yield sent

    def _begin(self, running: _Running) -> Iterator[Event]:
        """Count a try of the job's trials, once however often it is placed anew."""
        if not running.begun:
            running.begun = True
            yield from (Event("started", trial.id) for trial in running.job.trials)

    def _end(self, running: _Running, kind: Literal["failed", "stopped"], reason: str = "") -> Iterator[Event]:
        """End the trials of a job that will not say anything more; what they had sent of their folders is dropped."""
        self._running.remove(running)
        self._drop(running)
        yield from self._begin(running)  # a job that never came to begin has been tried too
        yield from (Event(kind, trial, reason=reason) for trial in running.open_trials())

    def _drop(self, running: _Running) -> None:
        for arrival in running.arrivals.values():
            arrival.drop()
        running.arrivals = {}

    def _lost(self, running: _Running, error: Exception) -> Iterator[Event]:
        """Place a job anew whose worker or node is gone; it goes on from its snapshot where that is still seen."""
        running.losses += 1
        if self._stopped:
            yield from self._end(running, "stopped")
        elif running.losses > MAX_LOSSES:
            yield from self._end(running, "failed", f"its worker was lost {running.losses} times: {_last_line(error)}")
        else:
            self._running.remove(running)
            self._start(running.job, running)

    def _withdraw(self) -> Iterator[Event]:
        """Take back what has been handed to Ray and has not begun."""
        import ray

        for running in [running for running in self._running if not running.begun]:
            ray.cancel(running.stream, force=True)
            self._running.remove(running)
            self._drop(running)
            yield from (Event("stopped", trial.id) for trial in running.job.trials)


def _last_line(error: Exception) -> str:
    lines = str(getattr(error, "cause", None) or error).strip().splitlines()
    return f"{type(error).__name__}: {lines[-1].strip()}" if lines else type(error).__name__
