"""Tune: a range test, a sweep, more seeds while the decision is open, and a report, within a budget of time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lrscope.config import StudyConfig, SweepConfig, TrialConfig
from lrscope.config.base import settings_of
from lrscope.config.command_line import CommandLine, quote
from lrscope.errors import ConfigError, StudyError
from lrscope.executors.config import ExecutorConfig
from lrscope.findings.commands import finetune_command
from lrscope.number_text import short_rate
from lrscope.report.locales import locale
from lrscope.runners.base import JOB_SECONDS, PROCESS_SECONDS
from lrscope.runners.registry import runner_for
from lrscope.statistics.defaults import MARGIN
from lrscope.store.storage import DATABASE
from lrscope.store.study import StudyStore
from lrscope.studies import session
from lrscope.studies.budget import (
    MIN_SEEDS,
    NUM_RATES,
    Plan,
    format_budget,
    holds_other_files,
    keep_plan,
    plan_budget,
    read_plan,
)  # fmt: skip
from lrscope.studies.same_settings import require_same_settings
from lrscope.visible_text import visible
from lrscope.workflows.callbacks import Callbacks, Note, PlanMade
from lrscope.workflows.checks import run_until_decided
from lrscope.workflows.conclusions import ReportConfig
from lrscope.workflows.range_tests import NoRateError, find_for
from lrscope.workflows.report import ReportResult, report
from lrscope.workflows.study_folder import FIND, SWEEP
from lrscope.workflows.sweep import SweepResult, sweep_result

# Compared where a range test has no answer: a prior, wide enough for most fine-tunes with AdamW.
WIDE_RATES = (1e-5, 5.6e-5, 3.2e-4, 1.8e-3, 1e-2)


@dataclass(frozen=True, eq=False, repr=False)
class TuneResult:
    """What a budget was spent on and what it showed; `finetune_command` trains the choice, where there is one."""

    folder: Path
    plan: Plan
    sweep: SweepResult
    report: ReportResult
    finetune_command: CommandLine | None

    def __repr__(self) -> str:
        return f"<tune {visible(str(self.folder))}: {repr(self.report)[1:-1]}>"

    def _repr_html_(self) -> str:
        return self.report._repr_html_()


def tune(
    config: StudyConfig,
    folder: Path,
    budget: float,
    executor: ExecutorConfig | None = None,
    callbacks: Callbacks | None = None,
    *,
    epochs: int | None = None,
    margin: float = MARGIN,
    lang: str = "en",
) -> TuneResult:
    """Spend `budget` seconds on finding the learning rate for these settings, or go on with it in the same folder.

    A range test finds where to look, a sweep compares five rates there, and seeds are added while rates may still be
    the best that are not equivalent within `margin`. Runs have `epochs` epochs; where None, as many
    as fit, up to the task's default.

    Raises:
        ConfigError: the budget is too small, or a setting cannot be used.
        StudyError: the folder holds something else, or was begun with other settings.
        Stopped: it was asked to stop.
    """
    locale(lang)  # before anything is spent
    ReportConfig(margin=margin)
    executor, callbacks = executor or ExecutorConfig(), callbacks or Callbacks()
    plan = _plan(config, folder, budget, epochs, executor, callbacks)
    callbacks.on_progress(PlanMade(plan))
    command = f"the same command, with --out {quote(folder)}"
    with _sweep_of(config, plan, folder, executor, callbacks, command) as study:

        def affordable(num_runs: int) -> bool:
            return is_within_budget(plan.budget, folder, num_runs, max(1, executor.workers))

        run_until_decided(
            study, executor, callbacks, margin=margin, max_seeds=plan.max_seeds, affordable=affordable,
            resume_command=command,
        )  # fmt: skip
        swept = sweep_result(study, callbacks)
    written = report(folder / SWEEP, lang=lang)
    chosen = written.conclusions.recommended
    train = None if chosen is None else finetune_command(written.conclusions.runs, chosen.name)
    return TuneResult(folder, plan, swept, written, train)


def _plan(
    config: StudyConfig,
    folder: Path,
    budget: float,
    epochs: int | None,
    executor: ExecutorConfig,
    callbacks: Callbacks,
) -> Plan:
    """Return the plan that the folder was begun with, or lay the budget out and keep that."""
    kept = read_plan(folder)
    if kept is None:
        if holds_other_files(folder):
            raise StudyError(f"a budget is spent in a new folder, or in one that tune began: {folder} is neither")
        plan = _new_plan(config, budget, epochs, executor, callbacks)
        keep_plan(folder, plan, config)
        return plan
    plan = kept.plan
    if plan.budget != budget:
        raise StudyError(
            f"{folder} was begun with a budget of {format_budget(plan.budget)}: got {format_budget(budget)}; leave it "
            "as it was"
        )
    if epochs is not None and epochs != plan.epochs:
        raise StudyError(
            f"{folder} was begun with runs of {plan.epochs} epochs: got --epochs {epochs}; leave it as it was"
        )
    require_same_settings(folder, kept.settings, config, way_out="leave it as it was, or choose another --out")
    return plan


def _new_plan(
    config: StudyConfig, budget: float, epochs: int | None, executor: ExecutorConfig, callbacks: Callbacks
) -> Plan:
    """Time a few updates and an evaluation, and lay the budget out."""
    if epochs is not None and epochs < 1:
        raise ConfigError(f"--epochs must be at least 1: got {epochs}")
    prepared = runner_for(config).prepare(config)
    for note in prepared.notes:
        callbacks.on_progress(Note(f"note: {note}"))
    one = replace(config.trial, epochs=1)
    assert prepared.cost is not None, "the built-in training is measured before it runs"
    cost = prepared.cost([one], Path(), processes=0)
    epoch = cost.seconds - cost.endpoint_seconds
    step = epoch / one.resolve_schedule(prepared.training_size).total_steps
    workers = max(1, executor.workers)
    # Every worker starts once a sweep; the smallest sweep has the fewest runs to share that.
    share = PROCESS_SECONDS * workers / (NUM_RATES * MIN_SEEDS) if executor.own_process else 0.0
    beside = JOB_SECONDS + share + cost.endpoint_seconds
    most = int(settings_of(TrialConfig)["epochs"].default_of(config.task))
    return plan_budget(budget, step, (beside, epoch), workers, epochs, most_epochs=most)


def _sweep_of(
    config: StudyConfig, plan: Plan, folder: Path, executor: ExecutorConfig, callbacks: Callbacks, command: str
) -> Any:
    """Hold the sweep of a tune: begun already, or at the rates that a range test finds now."""
    if (folder / SWEEP / DATABASE).is_file():
        return session.resume(folder / SWEEP)
    base = replace(config, trial=replace(config.trial, epochs=plan.epochs))
    try:
        search = find_for(base, folder / FIND, executor, callbacks, seeds=plan.ramp_seeds, resume_command=command)
        rates = search.rates(NUM_RATES)
    except NoRateError as error:
        rates = WIDE_RATES
        low, high = rates[0], rates[-1]
        reason = str(error).removesuffix("; name one with --lr")
        callbacks.on_progress(
            Note(
                f"{reason}; the sweep compares {len(rates)} rates from {short_rate(low)} to {short_rate(high)} instead"
            )
        )
    grid = SweepConfig(grid={"peak_rate": rates}, seeds=plan.seeds)
    return session.begin(replace(base, trial=replace(base.trial, peak_rate=rates[0]), sweep=grid), folder / SWEEP)


def is_within_budget(budget: float, folder: Path, num_runs: int, workers: int) -> bool:
    """Return whether so many runs more keep to the budget, by what the runs so far have taken."""
    spent = []
    for name in (FIND, SWEEP):
        with StudyStore.open(folder / name) as store:
            spent.append([row.seconds for row in store.trials() if row.seconds > 0])
    each = sum(spent[1]) / max(1, len(spent[1]))
    return (sum(map(sum, spent)) + num_runs * each) / workers <= budget
