"""A budget of time spent on runs, each where `tuning.bracket` says, until it is spent or more runs cannot matter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from time import monotonic

from lrscope.config import AnyTrial, ExternalStudy, StudyConfig, SweepConfig
from lrscope.config.external import ExternalSweep
from lrscope.errors import StudyError
from lrscope.executors.config import ExecutorConfig, trials_at_once
from lrscope.machine import available_cores
from lrscope.number_text import format_rate
from lrscope.report.locales import locale
from lrscope.report.wording import Wording
from lrscope.runners.base import Prepared
from lrscope.runners.external.carried_function import TrainFunction
from lrscope.runners.prepared import on_same_inputs
from lrscope.runners.work_folder import LOGS
from lrscope.runs.audit import audit
from lrscope.runs.import_study import read_study
from lrscope.runs.notes import SameRates, SettingUnused
from lrscope.store.storage import DATABASE
from lrscope.store.study import StudyStore
from lrscope.studies import session
from lrscope.studies.budget import format_budget, require_fewest
from lrscope.studies.controller import Controller
from lrscope.studies.kept_tune import SWEEP, KeptTune, going_on, keep_tune
from lrscope.studies.run_times import RunTimes, is_open
from lrscope.studies.search_runs import MOST_IN_VAIN, are_all_the_same, costs_of, recommended, trial_at
from lrscope.studies.session import Study
from lrscope.tuning.bracket import Step, means, next_steps
from lrscope.tuning.policy import Recommendation
from lrscope.workflows.callbacks import Callbacks, Note, PlanMade, RunChosen, SearchEnded
from lrscope.workflows.own_training import AGAIN, hold_own
from lrscope.workflows.run_study import run_study

MENDABLE = ("command", "template", "inputs", "timeout")  # of [trainer], as long as no run came to its end


class BudgetClock:
    """What is gone of a budget, in seconds, this call's part of it measured; kept with the plan."""

    def __init__(self, folder: Path, kept: KeptTune, began: float) -> None:
        self.folder, self.kept = folder, kept
        self._from = began - kept.spent

    @property
    def spent(self) -> float:
        """Seconds that are gone."""
        return monotonic() - self._from

    def keep(self, **changes: object) -> KeptTune:
        """Keep what is gone, and what else was found out."""
        self.kept = replace(self.kept, spent=self.spent, **changes)  # type: ignore[arg-type]
        keep_tune(self.folder, self.kept)
        return self.kept


class RateSearch:
    """The runs of one tune. Each follows from those before, which are in the study: any stop may come between."""

    def __init__(
        self,
        clock: BudgetClock,
        executor: ExecutorConfig,
        callbacks: Callbacks,
        function: TrainFunction | None = None,
        prepared: Prepared | None = None,
    ) -> None:
        self._prepared = prepared
        self.clock, self.executor, self.callbacks, self.function = clock, executor, callbacks, function
        self.folder, kept = clock.folder, clock.kept
        self.again = str(going_on(self.folder)) if function is None else AGAIN
        assert kept.known is not None, "what is known of the rate is found out before"
        self.known = kept.known
        self.at_once, _ = trials_at_once(executor, kept.study.threads_asked or available_cores())

    def study(self) -> AbstractContextManager[Study]:
        """Hold the study of the runs: begun already, or begun now at the first rate."""
        folder = self.folder / SWEEP
        if (folder / DATABASE).is_file() and self.function is None:
            return session.resume(folder, trainer=self._mended(folder))
        study, first = self.clock.kept.study, float(f"{10.0**self.known.first:.2g}")
        grid: SweepConfig | ExternalSweep
        if not isinstance(study, ExternalStudy):
            assert isinstance(study, StudyConfig)
            grid = replace(study.sweep or SweepConfig(), grid={"peak_rate": (first,)}, seeds=1)
            asked_for = replace(study, trial=replace(study.trial, peak_rate=first), sweep=grid)
            read = None if self._prepared is None else on_same_inputs(self._prepared, asked_for)
            return session.begin(asked_for, folder, prepared=read)
        grid = replace(study.sweep or ExternalSweep(), grid={"peak_rate": (first,)}, seeds=1)
        asked = study.with_parts(trial=study.trial.with_values({"peak_rate": first}), sweep=grid)
        return hold_own(asked, folder, self.executor, self.function) if self.function else session.begin(asked, folder)

    def _mended(self, folder: Path) -> dict[str, object]:
        """Return what of one's own training was mended since the study of the runs was begun."""
        asked = self.clock.kept.study
        with StudyStore.open(folder) as store:
            begun_with = store.config
        if not isinstance(asked, ExternalStudy) or not isinstance(begun_with, ExternalStudy):
            return {}
        return {
            name: value
            for name in MENDABLE
            if (value := getattr(asked.trainer, name)) != getattr(begun_with.trainer, name)
        }

    def run(self, study: Study) -> Recommendation:
        """Make runs until the budget is spent or more cannot matter; return what they say.

        Raises:
            ConfigError: the first run shows that the budget does not hold three.
            StudyError: no run came to a value, or the rate does not reach the training.
            Stopped: it was asked to stop.
        """
        store, told_plan = study.store, False
        if self.clock.kept.run_seconds is not None:
            self._tell_plan(self.clock.kept.run_seconds)
            told_plan = True
        if not any(math.isfinite(cost) for runs in costs_of(store).values() for cost in runs):
            for note in study.prepared.notes if isinstance(store.config, ExternalStudy) else ():
                self.callbacks.on_progress(Note(f"note: {note}"))
            Controller(store).retry_failed()  # the script may have been mended
        while True:
            if any(is_open(row) for row in store.trials()):  # cut off before, and chosen then
                self._run_open(study)
            costs = costs_of(store)
            if costs:
                self._require_sense(store, costs)
                seconds = self._run_seconds(store)
                if not told_plan and seconds is not None:
                    require_fewest(self.clock.kept.budget, seconds, self.at_once)
                    self.clock.keep(run_seconds=seconds)
                    self._tell_plan(seconds)
                    told_plan = True
                found = recommended(store, self.known)
                if found.is_enough or are_all_the_same(costs):
                    self.callbacks.on_progress(SearchEnded(found, self._spent(store), is_spent=False))
                    return found
                if self._spent(store) + (seconds or 0.0) > self.clock.kept.budget:
                    self.callbacks.on_progress(SearchEnded(found, self._spent(store), True, self._with_more))
                    return found
            steps = next_steps(costs, self.known.search, self.at_once)
            self._run_steps(study, steps, costs)

    def _run_steps(self, study: Study, steps: Sequence[Step], costs: dict[float, list[float]]) -> None:
        trials: list[AnyTrial] = []
        made = sum(map(len, costs.values()))
        mean = means(costs)
        best = 10.0 ** min(mean, key=mean.__getitem__) if mean else None
        for step in steps:
            trial = trial_at(study.store, step.rate, trials)
            trials.append(trial)
            chosen = RunChosen(
                made + len(trials), trial.peak_rate, trial.seed, step.reason, best, self._spent(study.store),
                self.clock.kept.budget, self._run_seconds(study.store), self.at_once,
            )  # fmt: skip
            self.callbacks.on_progress(chosen)
        study.store.add_trials(trials)
        self._run_open(study)

    def _run_open(self, study: Study) -> None:
        try:
            run_study(study, self.executor, self.callbacks, resume_command=self.again)
        finally:
            self.clock.keep()

    def _run_seconds(self, store: StudyStore) -> float | None:
        """Return what a run is expected to take by those that ended; before one has, what was measured."""
        return RunTimes(store.trials()).seconds_of(store.config.trial) or self.clock.kept.run_seconds

    @property
    def _with_more(self) -> str:
        """How it goes on with twice the budget."""
        budget = format_budget(2.0 * self.clock.kept.budget)
        return f"{self.again}, and budget={budget!r}" if self.function else f"{self.again} --budget {budget}"

    def _spent(self, store: StudyStore) -> float:
        """Return what is gone: by the clock, or by the runs, where a call that was killed kept no clock."""
        return max(self.clock.spent, sum(row.seconds for row in store.trials()) / self.at_once)

    def _tell_plan(self, run_seconds: float) -> None:
        self.callbacks.on_progress(PlanMade(self.clock.kept, run_seconds, self.at_once))

    def _require_sense(self, store: StudyStore, costs: dict[float, list[float]]) -> None:
        """Refuse to go on where no run came to a value, or the rate shows in no log and in no result.

        Raises:
            StudyError: the reason of the first run; or all rates came to the same value, and their logs are the same.
        """
        finite = [cost for runs in costs.values() for cost in runs if math.isfinite(cost)]
        if not finite:
            if any(row.status == "failed" for row in store.trials()) or sum(map(len, costs.values())) >= MOST_IN_VAIN:
                raise _no_value(store, self.again)
            return
        if not isinstance(store.config, ExternalStudy) or len(costs) < 3 or len(set(finite)) > 1:
            return
        runs = read_study(store)
        for note in audit(runs.runs, runs.configs):
            if isinstance(note, SameRates) or (isinstance(note, SettingUnused) and note.name == "lr"):
                said = Wording(locale("en"), runs.metric_title).sentence(note)
                raise StudyError(f"all {len(costs)} rates came to the same value: {said} Another --out begins anew")


def _no_value(store: StudyStore, again: str) -> StudyError:
    """Return the error that no run came to a value, with the reason of the first that did not."""
    ended = [row for row in store.trials() if row.status in ("failed", "diverged")]
    first = next((row for row in ended if row.status == "failed"), ended[0])
    logs = [folder / LOGS[0] for folder in (store.trial_folder(first.id), store.work_folder(first.id))]
    where = next((f" (its output is in {log})" for log in logs if log.is_file()), "")
    way_out = f"mend it, and go on with: {again}"
    if isinstance(store.config, ExternalStudy) and store.config.trainer.command:
        way_out += ", with another --command if it is the command"
    if first.status == "diverged":
        way_out = "search lower rates in another --out"
    what = f"lr {format_rate(first.config.peak_rate)} {first.status}: {first.reason}{where}; {way_out}"
    if len(ended) == 1:
        return StudyError(what)
    return StudyError(f"none of the {len(ended)} runs came to a value: {what}")
