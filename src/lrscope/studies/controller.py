"""The controller: what runs next, what failed for good, which checkpoints are kept. It decides from the store alone.

So the same study takes the same course on every executor, and after any kind of stop: what is in the store is all that
the next decision depends on.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lrscope.config import TrialConfig
from lrscope.config.arms import arm_key
from lrscope.errors import StudyError
from lrscope.executors.base import Event, Executor, Job
from lrscope.records import FINISHED
from lrscope.store.absorb import absorb, take_outcome
from lrscope.store.storage import DATABASE
from lrscope.store.study import StudyStore
from lrscope.store.trials import TrialRow
from lrscope.studies.plan import planned
from lrscope.studies.rungs import next_rung

MAX_ATTEMPTS = 2


class Controller:
    """Drives a study to its end on an executor: `for event in controller.run(executor): ...`."""

    def __init__(self, store: StudyStore) -> None:
        self.store = store
        self.stopped = False
        self._kept: dict[TrialConfig, tuple[int, float]] | None = None

    def run(self, executor: Executor) -> Iterator[Event]:
        """Run whatever the study still needs, and yield what happens, each thing once it is in the store.

        Raises:
            StudyError: something that no trial can go on with: a full disk, an input that changed.
        """
        self._executor = executor
        self.recover()
        while pending := self.pending():
            for event in executor.run([self._job(row) for row in pending]):
                if event.kind == "started":
                    self.store.count_attempt(event.trial)
                elif event.kind == "done":
                    self._take_in(event)
                elif event.kind == "failed":
                    self._failed(event)
                elif event.kind == "stopped":
                    self.store.put_off(event.trial)
                elif event.kind == "blocked":
                    self.store.put_off(event.trial)
                    raise StudyError(event.reason)
                yield event
            if self.stopped:
                return

    def stop(self) -> None:
        """Ask what runs to stop, leaving snapshots."""
        self.stopped = True
        self._executor.stop()

    def pending(self) -> list[TrialRow]:
        """Return the trials to run now, planning a further rung where one is due."""
        self.store.add_trials(self._planned())
        rows = [row for row in self.store.trials() if row.status not in FINISHED and row.status != "failed"]
        return [row for row in rows if row.attempts < MAX_ATTEMPTS]

    def retry_failed(self) -> None:
        """Let trials that have failed be tried anew."""
        for row in self.store.trials():
            if row.status == "failed":
                self.store.put_off(row.id)

    def recover(self) -> None:
        """Put right what an earlier controller left: trials that finished and were not taken in, trials cut off."""
        for row in self.store.trials():
            work = self.store.work_folder(row.id)
            if row.status in FINISHED:
                if work.exists():
                    self._keep(row.id)
                continue
            if (work / DATABASE).is_file() and _is_finished(work):
                self._take_in(Event("done", row.id))
            elif row.status in ("running", "interrupted"):
                self.store.put_off(row.id)  # a controller that died has not used up a try of the trial's own

    # The course of a trial

    def _planned(self) -> list[TrialConfig]:
        sweep = self.store.config.sweep
        if sweep is not None and sweep.strategy == "rungs":
            return next_rung(self.store)
        return planned(self.store.config)

    def _job(self, row: TrialRow) -> Job:
        config = replace(self.store.config, trial=row.config, sweep=None)
        return Job(row.id, config, self.store.work_folder(row.id), self.store.numerics, self.store.fingerprint)

    def _take_in(self, event: Event) -> None:
        if event.outcome is not None:
            take_outcome(self.store, event.trial, event.outcome)
        else:
            with StudyStore.open(self.store.work_folder(event.trial)) as worker:
                absorb(self.store, event.trial, worker)
        self._keep(event.trial)

    def _failed(self, event: Event) -> None:
        row = self.store.trial(event.trial)
        if row.attempts >= MAX_ATTEMPTS:
            self.store.update_trial(event.trial, "failed", step=row.step, reason=event.reason)

    def _keep(self, trial: int) -> None:
        """Move the checkpoints that are kept out of the working folder, and remove it."""
        sweep = self.store.config.sweep
        keep = sweep.keep if sweep is not None else "all"
        home, made = self.store.trial_folder(trial), self.store.work_folder(trial) / "trials" / "0001"
        names = {"all": ("best", "last"), "best": ("best",), "none": ()}[keep]
        for name in names:
            if (made / name).is_dir():
                shutil.rmtree(home / name, ignore_errors=True)
                (made / name).replace(home / name)
        shutil.rmtree(self.store.work_folder(trial), ignore_errors=True)
        if keep == "best":
            self._keep_best_of_arm(trial)
        if home.is_dir() and not any(home.iterdir()):
            home.rmdir()

    def _keep_best_of_arm(self, trial: int) -> None:
        """Remove the checkpoint of this trial, or of the one that it beats."""
        key, value = arm_key(self.store.trial(trial).config), self._best_value(trial)
        champion = self._champions().get(key)
        if champion is not None and champion[0] != trial and not self.store.metric.better(value, champion[1]):
            self._drop(trial)
            return
        if champion is not None and champion[0] != trial:
            self._drop(champion[0])
        self._champions()[key] = (trial, value)

    def _champions(self) -> dict[TrialConfig, tuple[int, float]]:
        """Return each arm's best trial whose checkpoint is kept, and its best value."""
        if self._kept is None:
            self._kept = {}
            for row in self.store.trials():
                if (self.store.trial_folder(row.id) / "best").is_dir():
                    key, value = arm_key(row.config), self._best_value(row.id)
                    known = self._kept.get(key)
                    if known is None or self.store.metric.better(value, known[1]):
                        self._kept[key] = (row.id, value)
        return self._kept

    def _best_value(self, trial: int) -> float:
        values = [r.metrics[self.store.metric.name] for r in self.store.evaluations(trial, "dev") if r.improved]
        return values[-1] if values else float("nan")

    def _drop(self, trial: int) -> None:
        home = self.store.trial_folder(trial)
        shutil.rmtree(home / "best", ignore_errors=True)
        if home.is_dir() and not any(home.iterdir()):
            home.rmdir()


def _is_finished(work: Path) -> bool:
    with StudyStore.open(work) as worker:
        rows = worker.trials()
        return bool(rows) and rows[0].status in FINISHED
