"""MLflow: a run a trial, under a run of the study; the tracking server is the one that MLFLOW_TRACKING_URI names."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from lrscope.sinks.base import StudyLog, TrialLog, VerdictLog

EXPERIMENT = "lrscope"
STUDY, TRIAL = "lrscope.study", "lrscope.trial"  # tags by which runs are found again
PARENT, NOTE = "mlflow.parentRunId", "mlflow.note.content"
MAX_METRICS, MAX_PARAMS, MAX_VALUE = 1000, 100, 6000  # of one request


class MlflowSink:
    """Runs in an experiment: `mlflow`, or `mlflow:EXPERIMENT`."""

    def __init__(self, where: str) -> None:
        from mlflow import MlflowClient, entities

        self._entities = entities
        self._name = where or os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
        self._client = MlflowClient()
        self._experiment = ""

    def check(self) -> None:
        """Find the experiment, or make it."""
        found = self._client.get_experiment_by_name(self._name)
        if found is not None and found.lifecycle_stage != "active":
            raise RuntimeError(f"the experiment {self._name} is deleted; restore it or name another")
        self._experiment = found.experiment_id if found is not None else self._client.create_experiment(self._name)

    def write(self, study: StudyLog, trial: TrialLog, *, is_again: bool) -> None:
        """Write a trial as a run; one that was written before, whole or in part, is deleted."""
        number = str(trial.number)
        for run in self._found(study, number) if is_again else ():
            self._client.delete_run(run.info.run_id)
        end = time.time()
        start = end - trial.seconds
        tags = {
            STUDY: study.unique_name,
            TRIAL: number,
            "lrscope.setting": trial.setting,
            "lrscope.status": trial.status,
        }
        tags |= {"lrscope.reason": trial.reason[:MAX_VALUE]} if trial.reason else {}
        tags |= {PARENT: self._parent(study)} if study.is_comparison else _inputs(study)
        run_id = self._create(trial.name, tags, start)
        self._log_params(run_id, trial.settings)
        metrics = (
            self._entities.Metric(name, value, int(1000 * (start + seconds)), step)
            for step, seconds, values in trial.history()
            for name, value in values.items()
        )
        for batch in _batches(metrics, MAX_METRICS):
            self._client.log_batch(run_id, metrics=batch)
        self._client.set_terminated(run_id, "FAILED" if trial.status == "failed" else "FINISHED", int(1000 * end))

    def conclude(self, study: StudyLog, verdict: VerdictLog) -> None:
        """Tag the study's run with the answer, and each trial's with how its setting stands."""
        parent = self._parent(study)
        tags = {
            "lrscope.recommended": verdict.recommended,
            "lrscope.confidence": verdict.confidence,
            NOTE: "\n".join(verdict.answer),
        }
        for name, value in tags.items():
            self._client.set_tag(parent, name, value[:MAX_VALUE])
        standing = {str(trial): each for each in verdict.settings for trial in each.trials}
        for run in self._found(study):
            if (each := standing.get(run.data.tags[TRIAL])) is not None:
                self._client.set_tag(run.info.run_id, "lrscope.standing", each.standing)
                self._client.set_tag(run.info.run_id, "lrscope.is_recommended", str(each.is_recommended).lower())
        self._client.set_terminated(parent, "FINISHED")

    def _parent(self, study: StudyLog) -> str:
        """Return the study's own run, which is made with its first trial."""
        for run in self._found(study, "study"):
            return str(run.info.run_id)
        return self._create(study.name, {STUDY: study.unique_name, TRIAL: "study", **_inputs(study)}, time.time())

    def _create(self, name: str, tags: Mapping[str, str], start: float) -> str:
        run = self._client.create_run(self._experiment, start_time=int(1000 * start), tags=dict(tags), run_name=name)
        return str(run.info.run_id)

    def _log_params(self, run_id: str, settings: Mapping[str, Any]) -> None:
        params = (self._entities.Param(name, str(value)[:MAX_VALUE]) for name, value in settings.items())
        for batch in _batches(params, MAX_PARAMS):
            self._client.log_batch(run_id, params=batch)

    def _found(self, study: StudyLog, trial: str | None = None) -> list[Any]:
        """Return the runs of a study's trials, or of one."""
        if not self._experiment:
            self.check()
        which = f"tags.`{TRIAL}` = '{trial}'" if trial is not None else f"tags.`{TRIAL}` != 'study'"
        wanted, token = f"tags.`{STUDY}` = '{study.unique_name}' and {which}", None
        runs: list[Any] = []
        while True:
            page = self._client.search_runs([self._experiment], wanted, page_token=token)
            runs += page
            token = page.token
            if not token:
                return runs


def _inputs(study: StudyLog) -> dict[str, str]:
    return {f"lrscope.{name}": value[:MAX_VALUE] for name, value in study.inputs.items()}


def _batches(items: Iterator[Any], size: int) -> Iterator[Sequence[Any]]:
    while batch := list(islice(items, size)):
        yield batch
