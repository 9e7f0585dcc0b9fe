"""The controller: what runs next, what failed for good, which checkpoints are kept. It decides from the store alone.

So the same study takes the same course on every executor, and after any kind of stop: what is in the store is all that
the next decision depends on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lrscope.config import AnyTrial, ExternalStudy
from lrscope.config.numerics import Numerics
from lrscope.errors import StudyError, UnusableStudyError
from lrscope.executors.base import Executor
from lrscope.records import FINISHED, Outcome
from lrscope.runners.base import Event, Job, JobTrial
from lrscope.runners.external.inputs import asking_of
from lrscope.runners.external.outcome import forget_outcome
from lrscope.runners.registry import runner_for
from lrscope.runners.work_folder import set_aside
from lrscope.runs.metric import OPTIONS, Asking
from lrscope.store.outcomes import read_outcome, take_outcome
from lrscope.store.storage import DATABASE
from lrscope.store.study import StudyStore
from lrscope.store.trials import TrialRow
from lrscope.studies.external_metric import decide_metric, not_measured, note_examples, with_improvements
from lrscope.studies.failures import Failures
from lrscope.studies.kept_checkpoints import KeptCheckpoints
from lrscope.studies.plan import planned
from lrscope.studies.rungs import next_rung

MAX_ATTEMPTS = 2


class Controller:
    """Drives a study to its end on an executor: `for event in controller.run(executor): ...`.

    `asking` is how its user asks for a metric: as the study's own runner is asked for it, where that is not said.
    """

    def __init__(self, store: StudyStore, asking: Asking | None = None) -> None:
        self.store = store
        if asking is None and isinstance(store.config, ExternalStudy):
            asking = asking_of(store.config)
        self.asking = asking or OPTIONS
        self.stopped = False
        self.checkpoints = KeptCheckpoints(store)
        self._failures = Failures(store, self.asking)
        self._executor: Executor | None = None

    def run(self, executor: Executor) -> Iterator[Event]:
        """Run whatever the study still needs, and yield what happens, each thing once it is in the store.

        Raises:
            StudyError: something that no trial can go on with: a full disk, an input that changed.
        """
        self._executor = executor
        self.recover()
        started = set()
        while not self.stopped and (pending := self.pending()):
            for event in executor.run(self._jobs(pending)):
                if event.kind == "started":
                    started.add(event.trial)
                    self.store.count_attempt(event.trial)
                elif event.kind == "done":
                    event = self._take(event)
                    if event.kind == "failed":
                        self._failures.require_hope(event, measured_otherwise=True)
                elif event.kind == "failed":
                    self._failed(event)
                    self._failures.require_hope(event)
                elif event.kind == "stopped":
                    if event.trial in started:
                        self.store.put_off(event.trial)
                elif event.kind == "blocked":
                    self.store.put_off(event.trial)
                    raise StudyError(event.reason)
                yield event

    def stop(self) -> None:
        """Ask what runs to stop, leaving snapshots, and start nothing more."""
        self.stopped = True
        if self._executor is not None:
            self._executor.stop()

    def pending(self) -> list[TrialRow]:
        """Return the trials to run now, planning a further rung where one is due."""
        self.store.add_trials(self._planned())
        rows = [row for row in self.store.trials() if row.status not in FINISHED and row.status != "failed"]
        return [row for row in rows if row.attempts < MAX_ATTEMPTS]

    def retry_failed(self) -> None:
        """Let trials that have failed be tried anew."""
        self.store.put_off(*(row.id for row in self.store.trials() if row.status == "failed"))

    def recover(self) -> None:
        """Put right what an earlier controller left: trials that finished and were not taken in, trials cut off."""
        cut_off = []
        for row in self.store.trials():
            work = self.store.work_folder(row.id)
            if row.status in FINISHED:
                if work.exists():
                    self.checkpoints.take(row.id)
            elif not ((work / DATABASE).is_file() and self._take_finished(row)):
                # A controller that died has not used up a try of the trial's own.
                cut_off += [row.id] if row.status in ("running", "interrupted") else []
        if cut_off:
            self.store.put_off(*cut_off)

    # The course of a trial

    def _planned(self) -> list[AnyTrial]:
        sweep = self.store.config.sweep
        if sweep is not None and sweep.strategy == "rungs":
            return next_rung(self.store)
        return planned(self.store.config)

    def _jobs(self, rows: Sequence[TrialRow]) -> Iterator[Job]:
        """Yield the jobs of these trials; each is made when it is asked for, and knows what came before it."""
        numerics = Numerics.from_dict(self.store.numerics)
        for group in runner_for(self.store.config).group([row.config for row in rows], numerics):
            trials = tuple(
                JobTrial(row.id, row.config, self.store.work_folder(row.id), self.checkpoints.to_beat(row.config))
                for row in (rows[index] for index in group)
            )
            yield Job(
                trials, self.store.config, self.store.folder, numerics, self.store.fingerprint, self.checkpoints.names
            )

    def _take(self, event: Event) -> Event:
        """Take in what a trial did: the outcome that came, or what it left in its folder; return how it ended."""
        outcome = event.outcome
        if outcome is None:
            row = self.store.trial(event.trial)
            outcome = read_outcome(self.store.work_folder(event.trial), row.config)
            assert outcome is not None, "a trial that is done has finished"
        if reason := self._enter(event.trial, outcome):
            return Event("failed", event.trial, reason=reason)
        return event

    def _enter(self, trial: int, outcome: Outcome) -> str:
        """Write what a trial did into the study; return why it counts as failed, where it was not measured as others.

        Raises:
            StudyError: it measured several things, and nobody said which of them counts.
        """
        if isinstance(self.store.config, ExternalStudy):
            decide_metric(self.store, outcome, self.asking)
            if reason := not_measured(self.store, outcome):
                self.store.update_trial(trial, "failed", step=outcome.step, reason=reason, seconds=outcome.seconds)
                forget_outcome(self.store.work_folder(trial))  # so that it can be tried anew
                return reason
            note_examples(self.store, outcome)
            outcome = with_improvements(self.store.metric, outcome)
        take_outcome(self.store, trial, outcome)
        self.checkpoints.take(trial)
        return ""

    def _take_finished(self, row: TrialRow) -> bool:
        """Take in a trial that finished in its folder, and return whether there was one."""
        work = self.store.work_folder(row.id)
        try:
            outcome = read_outcome(work, row.config)
        except UnusableStudyError:
            set_aside(work)  # one damaged folder costs one trial, and does not hold up the others
            return False
        if outcome is None:
            return False
        self._enter(row.id, outcome)
        return True

    def _failed(self, event: Event) -> None:
        row = self.store.trial(event.trial)
        if row.attempts >= MAX_ATTEMPTS or event.is_final:
            self.store.update_trial(event.trial, "failed", step=row.step, reason=event.reason)
