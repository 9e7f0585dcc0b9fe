"""The built-in training: one trial in a folder of its own, begun or gone on with, exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lrscope.config.read import built_in, built_in_trial
from lrscope.errors import UnusableStudyError
from lrscope.records import EvaluationRecord, TrialResult
from lrscope.runners.base import Event, Job, JobTrial, OnStart, Prepared
from lrscope.runners.one_trial import OneTrialAJob
from lrscope.runners.work_folder import own_study, set_aside
from lrscope.training.trial import Trial


class NativeRunner(OneTrialAJob):
    """Runs fine-tunes, one a job."""

    def run(self, job: Job, prepared: Prepared, on_start: OnStart) -> Iterator[Event]:
        """Run a trial to its end, or until it is asked to stop; what was begun in its folder goes on."""
        (trial,) = job.trials
        try:
            yield from self._run(job, trial, prepared, on_start)
        except UnusableStudyError:
            # Its snapshots and its records contradict each other: nothing was trained yet, and nothing can go on.
            set_aside(trial.folder)
            yield from self._run(job, trial, prepared, on_start)

    def _run(self, job: Job, trial: JobTrial, prepared: Prepared, on_start: OnStart) -> Iterator[Event]:
        config = replace(built_in(job.study), trial=built_in_trial(trial.config), sweep=None)
        result = None
        with own_study(config, trial.folder, prepared) as store:
            row = store.add_trial(config.trial)
            run = Trial(store, replace(prepared.inputs, config=config), row)
            on_start(run.stop)
            for record in run.run():
                result = record if isinstance(record, TrialResult) else result
                # Per-example scores are in the store; they need not travel.
                brief = replace(record, scores={}) if isinstance(record, EvaluationRecord) else record
                yield Event("record", trial.id, brief)
        interrupted = result is not None and result.status == "interrupted"
        yield Event("stopped" if interrupted else "done", trial.id)
