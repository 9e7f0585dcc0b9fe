"""Tune: a time budget spent on runs at the rates that tell most, and a report of what they show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

from lrscope.config import AnyStudy, ExternalStudy, StudyConfig, TrialConfig
from lrscope.config.base import settings_of
from lrscope.config.command_line import CommandLine
from lrscope.errors import ConfigError, Problem, StudyError
from lrscope.executors.config import ExecutorConfig, trials_at_once
from lrscope.findings.commands import finetune_command
from lrscope.priors.of_study import prior_of
from lrscope.records import FINISHED
from lrscope.report.locales import locale
from lrscope.runners.base import JOB_SECONDS, PROCESS_SECONDS, Prepared
from lrscope.runners.external.carried_function import TrainFunction
from lrscope.runners.registry import runner_for
from lrscope.statistics.defaults import MARGIN
from lrscope.store.storage import DATABASE
from lrscope.store.study import StudyStore
from lrscope.studies.budget import GOOD_RUNS, epochs_within, holds_other_files
from lrscope.studies.kept_tune import FIND, SWEEP, KeptTune, going_on, read_tune
from lrscope.studies.same_settings import require_same_settings
from lrscope.studies.tune_plan import NOTHING_KNOWN, Known, RateRange, range_of, shown_range
from lrscope.tuning.policy import Recommendation
from lrscope.visible_text import visible
from lrscope.workflows.callbacks import Callbacks, Note
from lrscope.workflows.conclusions import ReportConfig
from lrscope.workflows.range_tests import NoRateError, find_for
from lrscope.workflows.report import ReportResult, reports
from lrscope.workflows.search import BudgetClock, RateSearch
from lrscope.workflows.sweep import SweepResult, sweep_result

RAMP_STEPS, RAMP_SEEDS, RAMP_SHARE = 140, 5, 0.15  # of the budget, at most, for range tests where no prior speaks
WAY_OUT = "leave it as it was, or choose another {out}"


@dataclass(frozen=True, eq=False, repr=False)
class TuneResult:
    """What a budget was spent on and what it showed; `found` is what the runs say of the best rate.

    `finetune_command` trains the rate that is recommended, where one is and the built-in training made the runs.
    """

    folder: Path
    kept: KeptTune
    found: Recommendation
    sweep: SweepResult
    report: ReportResult

    @property
    def finetune_command(self) -> CommandLine | None:
        """The command that trains what is recommended."""
        c = self.report.conclusions
        if (chosen := c.recommended) is None:
            return None
        return finetune_command(c.runs, chosen.name, c.recommended_rate)

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

    Runs begin at the rate that the prior expects to be best, or the middle of what a range test finds where the prior
    knows too little. Where each next one goes is `lrscope.tuning.bracket`. Runs have `epochs` epochs; where None, as
    many as let six runs fit, up to the task's default. It ends before the budget does where more runs cannot matter.

    Raises:
        ConfigError: the budget does not hold three runs, or a setting cannot be used.
        StudyError: the folder holds something else, was begun with other settings, or no run came to a value.
        Stopped: it was asked to stop.
    """
    began = monotonic()
    if epochs is not None and epochs < 1:
        raise ConfigError(f"--epochs must be at least 1: got {epochs}")
    executor, callbacks = executor or ExecutorConfig(), callbacks or Callbacks()
    kept = begun(config, folder, budget, margin, lang)
    if kept is not None and epochs is not None and epochs != kept.epochs:
        raise StudyError(f"{folder} was begun with runs of {kept.epochs} epochs: got --epochs {epochs}; {WAY_OUT}")

    def find_out(clock: BudgetClock) -> Prepared | None:
        prepared = None
        if clock.kept.run_seconds is None:
            prepared = _settle_length(clock, config, epochs, executor, callbacks)
        if clock.kept.known is None:
            clock.keep(known=_known(clock.kept, folder, executor, callbacks, prepared))
        return prepared

    clock = BudgetClock(folder, replace(kept or KeptTune(budget, config), margin=margin), began)
    return spend(clock, find_out, executor, callbacks, lang=lang)


def begun(
    config: AnyStudy, folder: Path, budget: float, margin: float, lang: str, search: RateRange | None = None
) -> KeptTune | None:
    """Return what the folder was begun with, after checking that the same is asked for; None where nothing ran in it.

    The budget may be another one, and a training of one's own that never came to an end.

    Raises:
        ConfigError, StudyError: something else is asked for, or the folder holds something else.
    """
    locale(lang)  # before anything is spent
    ReportConfig(margin=margin)
    kept = read_tune(folder)
    if kept is None:
        if holds_other_files(folder):
            rule = "a budget is spent in a new folder, or in one that tune began"
            raise StudyError(Problem(rule, f"{folder}, which is neither", "name another {out}"))
        return None
    if kept.settings != config and not any((folder / name / DATABASE).is_file() for name in (SWEEP, FIND)):
        return None
    if type(kept.settings) is not type(config):
        raise StudyError(f"{folder} was begun by a tune of another kind of training; name another folder")
    before = None if kept.known is None else range_of(kept.known)
    if search is not None and before is not None and before != search:
        rule = f"{folder} was begun with {{lr}} {shown_range(before)}"
        raise StudyError(Problem(rule, shown_range(search), WAY_OUT))
    own = kept.settings
    if isinstance(config, ExternalStudy) and isinstance(own, ExternalStudy) and not _has_ended_runs(folder / SWEEP):
        kept = replace(kept, settings=replace(own, trainer=config.trainer))
    require_same_settings(folder, kept.settings, config, way_out=WAY_OUT)
    return replace(kept, budget=budget)


def _has_ended_runs(folder: Path) -> bool:
    """Return whether a run of this study has come to its end, where there is one."""
    if not (folder / DATABASE).is_file():
        return False
    with StudyStore.open(folder) as store:
        return any(row.status in FINISHED for row in store.trials())


def spend(
    clock: BudgetClock,
    find_out: Callable[[BudgetClock], Prepared | None],
    executor: ExecutorConfig,
    callbacks: Callbacks,
    *,
    lang: str,
    function: TrainFunction | None = None,
) -> TuneResult:
    """Find out what is not known yet, make the runs, and report; `find_out` returns inputs that it read for that."""
    prepared = find_out(clock)
    search = RateSearch(clock, executor, callbacks, function, prepared)
    with search.study() as study:
        found = search.run(study)
        clock.keep()  # the report says what is left of the budget
        swept = sweep_result(study, callbacks)
    (written,) = reports([clock.folder / SWEEP], ReportConfig(margin=clock.kept.margin), lang=lang)
    return TuneResult(clock.folder, clock.keep(), found, swept, written)


def _settle_length(
    clock: BudgetClock, config: StudyConfig, epochs: int | None, executor: ExecutorConfig, callbacks: Callbacks
) -> Prepared:
    """Time a few updates and an evaluation, settle how long runs are, and return the inputs."""
    prepared = runner_for(config).prepare(config)
    for note in prepared.notes:
        callbacks.on_progress(Note(f"note: {note}"))
    beside, epoch = _seconds(config, prepared, executor)
    at_once, _ = trials_at_once(executor, prepared.numerics.threads)
    most = int(settings_of(TrialConfig)["epochs"].default_of(config.task))
    length = epochs_within(clock.kept.budget, (beside, epoch), at_once, epochs, most_epochs=most)
    trial = replace(config.trial, epochs=length)
    prior = prior_of(replace(config, trial=trial), prepared.training_size.num_examples)
    known = None
    if prior is not None and prior.is_narrow:
        known = Known(prior.center_log10, prior.sd, "prior", start=prior.start_log10)
    clock.keep(epochs=length, run_seconds=beside + length * epoch, known=known)
    return prepared


def _seconds(config: StudyConfig, prepared: Prepared, executor: ExecutorConfig) -> tuple[float, float]:
    """Return what a run takes beside its epochs, and an epoch."""
    assert prepared.cost is not None, "the built-in training is measured before it runs"
    cost = prepared.cost([replace(config.trial, epochs=1)], Path(), processes=0)
    # Every worker starts once; the fewest runs share that.
    share = PROCESS_SECONDS / GOOD_RUNS if executor.own_process else 0.0
    return JOB_SECONDS + share + cost.endpoint_seconds, cost.seconds - cost.endpoint_seconds


def _known(
    kept: KeptTune, folder: Path, executor: ExecutorConfig, callbacks: Callbacks, prepared: Prepared | None
) -> Known:
    """Return what range tests say of the best rate, where the prior knows too little and the budget holds them."""
    base = kept.study
    assert isinstance(base, StudyConfig)
    seeds = _range_test_seeds(kept, base, folder / FIND, prepared)
    if seeds < 1:
        callbacks.on_progress(Note("nothing is known of the best rate beforehand, and the budget holds no range test"))
        return NOTHING_KNOWN
    try:
        search = find_for(base, folder / FIND, executor, callbacks, seeds=seeds, resume_command=str(going_on(folder)))
    except NoRateError as error:
        callbacks.on_progress(Note(str(error).removesuffix("; name one with --lr")))
        return NOTHING_KNOWN
    low, high = search.test.bracket.low, search.test.bracket.high
    assert low is not None and high is not None, "without a bracket there is no rate"  # noqa: PT018
    return Known.of_bracket(low, high)


def _range_test_seeds(kept: KeptTune, base: StudyConfig, folder: Path, prepared: Prepared | None) -> int:
    """Return how many range tests were begun, or as many as a part of the budget holds by what a run's steps take."""
    if (folder / DATABASE).is_file():
        with StudyStore.open(folder) as store:
            return store.config.sweep.seeds if store.config.sweep else 1
    assert kept.run_seconds is not None, "how long runs take is found out before"
    size = (prepared or runner_for(base).prepare(base)).training_size
    steps = base.trial.resolve_schedule(size).total_steps
    return min(RAMP_SEEDS, int(RAMP_SHARE * kept.budget * steps / (RAMP_STEPS * kept.run_seconds)))
