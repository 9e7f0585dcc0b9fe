"""A sweep: many fine-tunes, compared at the same seeds; begun, gone on with, extended, or until it is decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lrscope.config import AnyStudy, StudyConfig
from lrscope.config.command_line import resume
from lrscope.errors import ConfigError
from lrscope.executors.config import ExecutorConfig, require_usable, trials_at_once
from lrscope.number_text import counted
from lrscope.report import glance
from lrscope.report.locales import locale
from lrscope.runners.study_folder import require_new
from lrscope.runs.arm_summary import ArmSummary, summarize
from lrscope.statistics.conclusions import Conclusions
from lrscope.store.study import StudyStore
from lrscope.store.trials import TrialRow
from lrscope.studies import session
from lrscope.studies.controller import Controller
from lrscope.studies.plan import arms, num_merged
from lrscope.studies.run_times import RunTimes, SecondsLeft
from lrscope.studies.session import Study
from lrscope.visible_text import paragraphs, visible
from lrscope.workflows.callbacks import Callbacks, CostEstimated, Stopped
from lrscope.workflows.checks import contender_names, run_until_decided
from lrscope.workflows.conclusions import conclude_study
from lrscope.workflows.found_rates import with_found_rates
from lrscope.workflows.run_study import run_study
from lrscope.workflows.study_log import conclude_logs

MAX_SEEDS = 8  # of checks, where nobody says
MAX_ARMS = 2000  # whose pairs are compared in a few seconds
TOO_MANY = f"pairs of at most {MAX_ARMS:,} settings are compared"


@dataclass(frozen=True, eq=False, repr=False)
class SweepResult:
    """What a sweep came to: every setting over its seeds, and what follows; a notebook shows both.

    `conclusions` are None where all pairs of settings are too many.
    """

    folder: Path
    metric: str
    metric_title: str  # what people call it
    settings: tuple[ArmSummary, ...]
    conclusions: Conclusions | None

    @property
    def contenders(self) -> tuple[str, ...]:
        """The settings that may be the best: none where no run came to a value."""
        has_values = any(summary.metric.number for summary in self.settings)
        return () if self.conclusions is None or not has_values else contender_names(self.conclusions)

    def plot(self, of: str | None = None, path: Path | str | None = None) -> Any:
        """Return a chart of the report's page as matplotlib's figure, and write it where a path is given.

        Raises:
            ConfigError: there is no such chart, or the settings are too many to be compared.
        """
        if self.conclusions is None:
            raise ConfigError(f"{TOO_MANY}: got {len(self.settings):,}; draw `settings`")
        return glance.figure(self.conclusions, of, path)

    def __repr__(self) -> str:
        found = TOO_MANY if self.conclusions is None else glance.one_line(self.conclusions)
        return f"<sweep {visible(str(self.folder))}: {found}; {counted(len(self.settings), 'setting')}>"

    def _repr_html_(self) -> str:
        where = f"The study is in {self.folder}."
        return (
            paragraphs([repr(self), where])
            if self.conclusions is None
            else glance.notebook_piece(self.conclusions, [where])
        )


def sweep(
    config: AnyStudy,
    folder: Path,
    executor: ExecutorConfig | None = None,
    callbacks: Callbacks | None = None,
) -> SweepResult:
    """Make a new study in `folder`, run all of its trials, draw its figures, and return what they show.

    Raises:
        StudyError: the folder is not empty, or cannot be written.
        DataError, CheckpointError, ConfigError, ScheduleError: an input or a setting cannot be used.
        Stopped: it was asked to stop, or `callbacks.agree` said no.
    """
    require_usable(config, executor or ExecutorConfig())
    with session.begin(config, folder) as study:
        return _run(study, executor or ExecutorConfig(), callbacks or Callbacks())


def sweep_found_rates(
    config: StudyConfig,
    folder: Path,
    executor: ExecutorConfig | None = None,
    callbacks: Callbacks | None = None,
) -> SweepResult:
    """Sweep five rates around the prior of the best one; where that knows too little, within a range test's bracket.

    Where several parts of a model are trained, each has rates of its own. Range tests are kept beside `folder`.

    Raises:
        ConfigError: a range test found no rate.
        StudyError: the range test there is of other settings or inputs.
    """
    executor, callbacks = executor or ExecutorConfig(), callbacks or Callbacks()
    require_new(folder)
    return sweep(with_found_rates(config, folder, executor, callbacks), folder, executor, callbacks)


def resume_sweep(
    folder: Path,
    executor: ExecutorConfig | None = None,
    callbacks: Callbacks | None = None,
    *,
    moved: Mapping[str, str] | None = None,
    extension: Mapping[str, Any] | None = None,
    trainer: Mapping[str, Any] | None = None,
    retry_failed: bool = False,
) -> SweepResult:
    """Go on with a study; `moved` says where its inputs lie now, `extension` which seeds and values are added.

    `trainer` mends the user's own training, or says what it is compared by, as long as no run has finished. With
    `retry_failed` trials that failed are tried again.

    Raises:
        StudyError: there is no such study, another process runs it, or an input is no longer what it was.
        Stopped: it was asked to stop, or `callbacks.agree` said no.
    """
    with session.resume(folder, moved=moved, extension=extension, trainer=trainer) as study:
        return _run(study, executor or ExecutorConfig(), callbacks or Callbacks(), retry_failed=retry_failed)


def sweep_until_decided(
    folder: Path,
    margin: float,
    executor: ExecutorConfig | None = None,
    callbacks: Callbacks | None = None,
    *,
    max_seeds: int = MAX_SEEDS,
    moved: Mapping[str, str] | None = None,
    trainer: Mapping[str, Any] | None = None,
    retry_failed: bool = False,
) -> SweepResult:
    """Add seeds to a study's contenders until one is left, all are equivalent within `margin`, or seeds run out.

    The checks are planned before the first is taken, and share one error. `moved`, `trainer` and `retry_failed` are as
    for `resume_sweep`.

    Raises:
        ConfigError, StudyError: the plan cannot be, or the study has another one.
        Stopped: it was asked to stop.
    """
    callbacks = callbacks or Callbacks()
    with session.resume(folder, moved=moved, trainer=trainer) as study:
        if retry_failed:
            Controller(study.store).retry_failed()
        run_until_decided(study, executor or ExecutorConfig(), callbacks, margin=margin, max_seeds=max_seeds)
        return sweep_result(study, callbacks)


def _run(study: Study, executor: ExecutorConfig, callbacks: Callbacks, *, retry_failed: bool = False) -> SweepResult:
    controller = Controller(study.store)
    controller.recover()
    if retry_failed:
        controller.retry_failed()
    command = str(resume("sweep", study.store.folder))
    if pending := controller.pending():
        callbacks.check_stop(command)
        cost = estimate(study, executor, pending)
        callbacks.on_progress(cost)
        if cost.is_large and not callbacks.agree(cost):
            raise Stopped(command, was_declined=True)
    run_study(study, executor, callbacks, resume_command=command)
    return sweep_result(study, callbacks)


def estimate(study: Study, executor: ExecutorConfig, trials: Sequence[TrialRow]) -> CostEstimated:
    """Return what these trials will take: measured on a few steps of their own, else by the runs that finished."""
    config, prepared = study.store.config, study.prepared
    assert config.sweep is not None
    at_once, notes = trials_at_once(executor, prepared.numerics.threads)
    configs = [row.config for row in trials]
    between = None
    if prepared.cost is None:
        seconds, num_bytes = RunTimes(study.store.trials()).seconds_left(configs, at_once), None
    else:
        processes = min(at_once, len(configs)) if executor.own_process else 0
        cost = prepared.cost(configs, study.store.folder, processes=processes)
        seconds, num_bytes = cost.seconds / at_once, cost.num_bytes
        if cost.fastest is not None and cost.slowest is not None:
            between = SecondsLeft(cost.fastest / at_once, cost.slowest / at_once)
    return CostEstimated(
        num_settings=len(arms(config)),
        num_seeds=config.sweep.seeds,
        num_trials=len(trials),
        num_merged=num_merged(config),
        at_once=at_once,
        seconds=seconds,
        num_bytes=num_bytes,
        notes=(*prepared.notes, *notes),
        between=between,
    )


def sweep_result(study: Study, callbacks: Callbacks) -> SweepResult:
    """Draw a study's figures, write the verdict where it is logged, and return what its trials show."""
    from lrscope.report.files import write_images

    result = read_sweep(study.store)
    if result.conclusions is not None:
        write_images(result.conclusions, locale("en"), result.folder)
        conclude_logs(study.store, result.conclusions, callbacks)
    return result


def read_sweep(store: StudyStore) -> SweepResult:
    """Return what the trials of a study show so far."""
    summaries, conclusions = tuple(summarize(store)), None
    if len(summaries) <= MAX_ARMS:
        conclusions = conclude_study(store.folder).conclusions
    return SweepResult(
        store.folder, store.metric.name, store.config.metric_title(store.metric.name), summaries, conclusions
    )
