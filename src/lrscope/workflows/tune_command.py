"""Tune one's own training: short runs find where to look, a sweep compares rates there, seeds are added, in a budget.

A range test needs lrscope's own loop. Here the first stage makes complete runs, a fifth as long where the command takes
a length; the first of them tells what runs take, and the plan is laid out then.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from lrscope.config import ExternalStudy, ExternalTrial
from lrscope.config.external import ExternalSweep
from lrscope.errors import StudyError
from lrscope.executors.config import ExecutorConfig, trials_at_once
from lrscope.machine import available_cores
from lrscope.number_text import format_rate
from lrscope.report.locales import locale
from lrscope.report.wording import Wording
from lrscope.runners.external.placeholders import filled_line, placeholder_values, render_template
from lrscope.runners.work_folder import LOGS
from lrscope.runs.audit import audit
from lrscope.runs.import_study import read_study
from lrscope.runs.notes import SameRates, SettingUnused
from lrscope.statistics.defaults import MARGIN
from lrscope.store.storage import DATABASE
from lrscope.store.study import StudyStore
from lrscope.studies import session
from lrscope.studies.budget import NUM_RATES, format_budget, holds_other_files
from lrscope.studies.controller import Controller
from lrscope.studies.kept_tune import KeptTune, going_on, keep_tune, read_tune
from lrscope.studies.run_times import COMPLETE, RunTimes, seconds_together
from lrscope.studies.same_settings import require_same_settings
from lrscope.studies.session import Study
from lrscope.studies.tune_plan import (
    COARSE,
    Found,
    RateRange,
    TunePlan,
    beyond,
    first_rates,
    found_in,
    plan_tune,
    short_length,
    shown_range,
)  # fmt: skip
from lrscope.visible_text import visible
from lrscope.workflows.callbacks import Callbacks, Note, PlanMade
from lrscope.workflows.checks import run_until_decided
from lrscope.workflows.conclusions import ReportConfig
from lrscope.workflows.report import ReportResult, report
from lrscope.workflows.run_study import run_study
from lrscope.workflows.study_folder import SHORT, SWEEP
from lrscope.workflows.sweep import SweepResult, sweep_result

RECOMMENDED = "recommended"  # where the command that trains the choice writes


@dataclass(frozen=True, eq=False, repr=False)
class CommandTuneResult:
    """What a budget was spent on and what it showed; `train` is the command of the choice, empty without one."""

    folder: Path
    plan: TunePlan
    sweep: SweepResult
    report: ReportResult
    train: str

    def __repr__(self) -> str:
        return f"<tune {visible(str(self.folder))}: {repr(self.report)[1:-1]}>"

    def _repr_html_(self) -> str:
        return self.report._repr_html_()


def tune_command(
    config: ExternalStudy,
    search: RateRange,
    folder: Path,
    budget: float,
    executor: ExecutorConfig | None = None,
    callbacks: Callbacks | None = None,
    *,
    margin: float = MARGIN,
    lang: str = "en",
) -> CommandTuneResult:
    """Spend `budget` seconds on finding the learning rate for one's own training, or go on with it in the same folder.

    The length of `config.trial` is that of a full run. Runs of five or seven rates over `search` say where the best may
    lie; five rates there run at full length, and seeds are added while it is not decided within `margin`.

    Raises:
        ConfigError: the budget is too small, or a setting cannot be used.
        StudyError: the folder holds something else, was begun with other settings, or no run came to a value.
        Stopped: it was asked to stop.
    """
    locale(lang)  # before anything is spent
    ReportConfig(margin=margin)
    executor, callbacks = executor or ExecutorConfig(), callbacks or Callbacks()
    tune = _Tune(_kept(config, search, folder, budget), folder, executor, callbacks)
    plan, found = tune.look_where()
    with tune.sweep(plan, found) as study:
        run_until_decided(
            study, executor, callbacks, margin=margin, max_seeds=plan.max_seeds,
            affordable=tune.holds, resume_command=going_on(folder),
        )  # fmt: skip
        swept = sweep_result(study, callbacks)
    written = report(folder / SWEEP, lang=lang)
    chosen = written.conclusions.recommended
    trial = None if chosen is None else written.conclusions.runs.configs.get(chosen.name)
    train = filled_command(config, trial, folder) if isinstance(trial, ExternalTrial) else ""
    return CommandTuneResult(folder, plan, swept, written, train)


def _kept(config: ExternalStudy, search: RateRange, folder: Path, budget: float) -> KeptTune:
    """Return what the folder was begun with, or begin it."""
    kept = read_tune(folder)
    if kept is None:
        if holds_other_files(folder):
            raise StudyError(f"a budget is spent in a new folder, or in one that tune began: {folder} is neither")
        kept = KeptTune(budget, search, config)
        keep_tune(folder, kept)
        return kept
    way_out = "leave it as it was, or choose another --out"
    if kept.search != search:
        raise StudyError(
            f"{folder} was begun with --lr {shown_range(kept.search)}: got {shown_range(search)}; {way_out}"
        )
    if kept.plan is not None and kept.budget != budget:
        raise StudyError(
            f"{folder} was begun with a budget of {format_budget(kept.budget)}: got {format_budget(budget)}; {way_out}"
        )
    require_same_settings(folder, kept.settings, config, way_out=way_out)
    return replace(kept, budget=budget)  # until there is a plan, another budget is as good


class _Tune:
    """The stages of one tune. What each decides follows from what is in the folder: any stop may come between."""

    def __init__(self, kept: KeptTune, folder: Path, executor: ExecutorConfig, callbacks: Callbacks) -> None:
        self.kept, self.folder, self.executor, self.callbacks = kept, folder, executor, callbacks
        self.config = kept.settings
        self.at_once, _ = trials_at_once(executor, self.config.threads_asked or available_cores())
        trial = self.config.trial
        length = short_length(trial.length, is_epochs=trial.epochs is not None)
        self.is_short = length is not None
        self.short_trial = trial if length is None else trial.with_length(length)

    def look_where(self) -> tuple[TunePlan, Found | None]:
        """Run the first stage to its end; return the plan and where the best rate may lie, None past that stage."""
        if self.kept.plan is not None:
            self.callbacks.on_progress(PlanMade(self.kept.plan))
            if (self.folder / SWEEP / DATABASE).is_file():
                return self.kept.plan, None
        self._first_runs()
        plan = self.kept.plan or self._make_plan()
        self._run_also(plan.rates)
        self._require_a_difference()
        found = self._found()
        further = None if found.edge is None else self._further(found.edge)
        if found.edge is not None and further is not None and self._holds_one_more(plan):
            edge, beyond_it = format_rate(found.edge), format_rate(further)
            self._tell(f"lr {edge} is best so far and at the end of the range: {beyond_it} runs as well")
            self._run_also([further])
            found = self._found()
        return plan, found

    def sweep(self, plan: TunePlan, found: Found | None) -> AbstractContextManager[Study]:
        """Hold the sweep within what the short runs left: begun already, or begun now."""
        if found is None:
            return session.resume(self.folder / SWEEP)
        rates = found.within.spread(NUM_RATES)
        best, low, high = map(format_rate, (found.best, rates[0], rates[-1]))
        runs = "short runs" if self.is_short else "runs"
        self._tell(f"{runs} are best at lr {best}: the sweep compares {NUM_RATES} rates from {low} to {high}")
        grid = replace(self.config.sweep or ExternalSweep(), grid={"peak_rate": rates}, seeds=plan.seeds)
        asked = self.config.with_parts(trial=replace(self.config.trial, peak_rate=rates[0]), sweep=grid)
        return session.begin(asked, self.folder / SWEEP)

    def holds(self, num_runs: int) -> bool:
        """Return whether the budget holds so many runs of the sweep more, by what those so far took."""
        (_, short), (taken, sweep) = self._spent(SHORT), self._spent(SWEEP)
        each = sum(taken) / len(taken) if taken else 0.0
        spent = (short + sweep) / self.at_once
        return spent + seconds_together([each] * num_runs, self.at_once) <= self.kept.budget

    def _holds_one_more(self, plan: TunePlan) -> bool:
        """Return whether the budget holds one more run of the first stage beside the sweep that is planned."""
        taken, spent = self._spent(SHORT)
        return spent / self.at_once + sum(taken) / len(taken) + plan.sweep_seconds <= self.kept.budget

    def _spent(self, name: str) -> tuple[tuple[float, ...], float]:
        """Return what the runs of a stage took that came to their end, and all runs together."""
        with StudyStore.open(self.folder / name) as store:
            rows = store.trials()
        return RunTimes(rows).taken, sum(row.seconds for row in rows)

    def _tell(self, text: str) -> None:
        self.callbacks.on_progress(Note(text))

    # The first stage

    def _first_runs(self) -> None:
        """Make the runs that tell what runs take, all of the fewest where these diverged."""
        folder = self.folder / SHORT
        first = first_rates(self.kept.search, self.at_once)
        asked = self.config.with_parts(
            trial=replace(self.short_trial, peak_rate=first[0]),
            sweep=ExternalSweep(grid={"peak_rate": first}, seeds=1, keep="none"),
        )
        with session.resume(folder) if (folder / DATABASE).is_file() else session.begin(asked, folder) as study:
            if not _has_value(study.store):
                for note in study.prepared.notes:
                    self._tell(f"note: {note}")
                Controller(study.store).retry_failed()  # the script may have been mended
            self._run(study)
            if _has_value(study.store):
                return
            if any(row.status == "failed" for row in study.store.trials()):
                raise _no_value(study.store)
        self._run_also(self.kept.search.spread(COARSE[0]))

    def _run_also(self, rates: Sequence[float]) -> None:
        with session.resume(self.folder / SHORT, extension={"peak_rate": rates}) as study:
            self._run(study)
            if not _has_value(study.store):
                raise _no_value(study.store)

    def _run(self, study: Study) -> None:
        run_study(study, self.executor, self.callbacks, resume_command=going_on(self.folder))

    def _make_plan(self) -> TunePlan:
        """Lay the budget out by what the first runs took, and keep that."""
        with StudyStore.open(self.folder / SHORT) as store:
            times = RunTimes(store.trials())
        short_run, full_run = times.seconds_of(self.short_trial), times.seconds_of(self.config.trial)
        assert short_run is not None, "a run has finished"
        assert full_run is not None, "a run has finished"
        plan = plan_tune(self.kept.budget, self.kept.search, short_run, full_run, self.at_once)
        self.kept = replace(self.kept, plan=plan)
        keep_tune(self.folder, self.kept)
        self.callbacks.on_progress(PlanMade(plan))
        return plan

    def _found(self) -> Found:
        with StudyStore.open(self.folder / SHORT) as store:
            costs = _costs(store)
        found = found_in(list(costs), list(costs.values()), is_short=self.is_short)
        assert found is not None, "a run came to a value"
        return found

    def _require_a_difference(self) -> None:
        """Refuse to spend the budget where the rate shows in no log and in no result.

        Raises:
            StudyError: all rates came to the same value, and their logs are the same.
        """
        with StudyStore.open(self.folder / SHORT) as store:
            costs, runs = [cost for cost in _costs(store).values() if cost is not None], read_study(store)
        if len(costs) < 2 or len(set(costs)) > 1:
            return
        for note in audit(runs.runs, runs.configs):
            if isinstance(note, SameRates) or (isinstance(note, SettingUnused) and note.name == "lr"):
                said = Wording(locale("en"), runs.metric_title).sentence(note)
                raise StudyError(f"all {len(costs)} rates came to the same value: {said} Another --out begins anew")

    def _further(self, edge: float) -> float | None:
        """Return a rate one step beyond the range, where none has been tried there."""
        with StudyStore.open(self.folder / SHORT) as store:
            rates = sorted({row.config.peak_rate for row in store.trials()})
        inside = [rate for rate in rates if self.kept.search.low <= rate <= self.kept.search.high]
        return beyond(inside, edge) if len(inside) == len(rates) and len(rates) > 1 else None


def _has_value(store: StudyStore) -> bool:
    return any(row.status in COMPLETE for row in store.trials())


def _costs(store: StudyStore) -> dict[float, float | None]:
    """Return what each rate came to, rates rising; less is better, None where a run diverged or failed."""
    costs: dict[float, float | None] = dict.fromkeys(sorted(row.config.peak_rate for row in store.trials()))
    runs = read_study(store)
    for run in runs.runs:
        value = runs.value(run)
        if run.rate is not None and run.status in COMPLETE and math.isfinite(value):
            costs[run.rate] = -runs.metric.sign * value
    return costs


def _no_value(store: StudyStore) -> StudyError:
    """Return the error that no run came to a value, with the reason of the first that did not."""
    ended = [row for row in store.trials() if row.status in ("failed", "diverged")]
    first = next((row for row in ended if row.status == "failed"), ended[0])
    logs = [folder / LOGS[0] for folder in (store.trial_folder(first.id), store.work_folder(first.id))]
    where = next((f" (its output is in {log})" for log in logs if log.is_file()), "")
    way_out = "mend it, and run the same command again"
    if first.status == "diverged":
        way_out = "search lower rates with --lr LOW:HIGH and another --out"
    what = f"lr {format_rate(first.config.peak_rate)} {first.status}: {first.reason}{where}; {way_out}"
    if len(ended) == 1:
        return StudyError(what)
    return StudyError(f"none of the {len(ended)} runs came to a value: {what}")


def filled_command(study: ExternalStudy, trial: ExternalTrial, folder: Path) -> str:
    """Return the command that trains one setting, with its values filled in; it writes below `folder`.

    Where it takes a configuration file, that is written. Empty for a function.
    """
    trainer, home = study.trainer, folder.resolve()
    if trainer.command is None:
        return ""
    values: dict[str, object] = {
        **placeholder_values(trial), "out": home / RECOMMENDED, "checkpoint": home / f"{RECOMMENDED}-checkpoint",
        "port": 29500,
    }  # fmt: skip
    if trainer.template is not None:
        template = Path(trainer.template)
        home.mkdir(parents=True, exist_ok=True)
        path = home / f"{RECOMMENDED}{template.suffix}"
        path.write_text(render_template(template, values).text, encoding="utf-8")
        values["config"] = path
    return filled_line(trainer.command, values)
