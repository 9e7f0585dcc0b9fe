"""A sweep of the user's own training that is asked for again: begun, gone on with, or extended, by what lies there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from lrscope.config import ExternalStudy
from lrscope.config.arms import shown
from lrscope.config.external import ExternalSweep
from lrscope.errors import StudyError
from lrscope.executors.config import ExecutorConfig
from lrscope.records import FINISHED
from lrscope.runners.external.carried_function import FUNCTION_FILE, CarriedFunction, TrainFunction
from lrscope.runners.external.inputs import check_direction
from lrscope.runners.function import FunctionRunner
from lrscope.runners.study_folder import held_study
from lrscope.runs.metric import ARGUMENTS
from lrscope.store.storage import DATABASE
from lrscope.store.study import StudyStore
from lrscope.studies import session
from lrscope.studies.controller import Controller
from lrscope.studies.external_metric import metric_is_open
from lrscope.studies.session import Study
from lrscope.workflows.callbacks import Callbacks
from lrscope.workflows.checks import run_until_decided
from lrscope.workflows.run_study import run_study
from lrscope.workflows.study_log import conclude_logs

_FREE = ("threads", "timeout", "folder", "function_file", "metric", "direction")  # of [trainer]: no part of what runs
AGAIN = "the same call, with the same out"  # goes on with a study that was begun from Python


def sweep_own(
    config: ExternalStudy,
    folder: Path,
    executor: ExecutorConfig,
    callbacks: Callbacks,
    *,
    function: TrainFunction | None = None,
    retry_failed: bool = False,
) -> None:
    """Run all trials of a study of the user's own training; what lies in `folder` is gone on with, or extended.

    A study is extended by more seeds and by more values of what it varies; it never loses what it has.

    Raises:
        StudyError: the folder holds a study of other settings or of another function, or it cannot be written.
        ConfigError: a setting cannot be.
        Stopped: it was asked to stop.
    """
    with hold_own(config, folder, executor, function) as study:
        controller = Controller(study.store, study.asking)
        controller.recover()
        if retry_failed:
            controller.retry_failed()
        run_study(study, executor, callbacks, resume_command=AGAIN)
        conclude_logs(study.store, None, callbacks)


def decide_own(
    config: ExternalStudy,
    folder: Path,
    executor: ExecutorConfig,
    callbacks: Callbacks,
    *,
    margin: float,
    max_seeds: int,
    function: TrainFunction | None = None,
) -> None:
    """Add seeds to a study's contenders until one is left, all are equivalent within `margin`, or seeds run out.

    Raises:
        ConfigError, StudyError: the plan cannot be, or the study has another one.
        Stopped: it was asked to stop.
    """
    with hold_own(config, folder, executor, function) as study:
        run_until_decided(study, executor, callbacks, margin=margin, max_seeds=max_seeds, resume_command=AGAIN)
        conclude_logs(study.store, None, callbacks)


@contextmanager
def hold_own(
    config: ExternalStudy, folder: Path, executor: ExecutorConfig, function: TrainFunction | None
) -> Iterator[Study]:
    """Hold the study in the folder: a new one, or the one that is there with what the configuration adds."""
    check_direction(config, ARGUMENTS)
    with _opened(config, folder, executor, function) as study:
        yield replace(study, asking=ARGUMENTS)


def _opened(
    config: ExternalStudy, folder: Path, executor: ExecutorConfig, function: TrainFunction | None
) -> AbstractContextManager[Study]:
    runner = None if function is None else FunctionRunner(function, must_travel=executor.own_process)
    if not (folder / DATABASE).is_file():
        if function is not None:
            at = str(folder.resolve() / FUNCTION_FILE)
            config = replace(config, trainer=replace(config.trainer, function_file=at))
        return session.begin(config, folder, runner)
    asked = config.trainer
    trainer: dict[str, Any] = {"timeout": asked.timeout}
    with held_study(folder, "sweep") as store:
        kept = store.config
        if not isinstance(kept, ExternalStudy):
            raise StudyError(f"{folder} holds a study of the built-in training: choose another out")
        extension = _extension(folder, kept, config)
        _require_same_metric(store, config)
        if metric_is_open(store):  # nothing was compared yet
            trainer |= {"metric": asked.metric, "direction": asked.direction}
        if function is not None:
            _require_same_function(store, function)
    return session.resume(folder, extension=extension, trainer=trainer, runner=runner)


def _require_same_metric(store: StudyStore, asked: ExternalStudy) -> None:
    from lrscope.runs.settings import without_split

    name, direction = asked.trainer.metric, asked.trainer.direction
    is_other = name is not None and without_split(name) != store.metric.name
    if not metric_is_open(store) and (is_other or direction not in (None, store.metric.direction)):
        raise StudyError(
            f"{store.folder} compares by {store.metric.name}, to {store.metric.direction}: got metric={name!r}, "
            f"direction={direction!r}; leave both out, or choose another out"
        )


def _require_same_function(store: StudyStore, function: TrainFunction) -> None:
    """Hold a study to the function that it began with, once a run has finished with it.

    Raises:
        StudyError: it is another function, and runs of the one before would be compared with runs of it.
    """
    carried = CarriedFunction.of(function)
    is_other = store.fingerprint.get("function") != carried.digest
    if is_other and any(row.status in FINISHED for row in store.trials()):
        raise StudyError(
            f"a study goes on with the function it began with: {carried.name} has changed since {store.folder} was "
            "begun (comments and line numbers do not count); restore it, or choose another out"
        )


def _extension(folder: Path, kept: ExternalStudy, asked: ExternalStudy) -> dict[str, Any]:
    """Return what a configuration adds to a study.

    Raises:
        StudyError: it is of other settings; the message names the first.
    """
    way_out = "leave it as it was, or choose another out"
    before, now = kept.trainer.to_dict(), asked.trainer.to_dict()
    for name in dict.fromkeys([*before, *now]):
        if name not in _FREE and before.get(name) != now.get(name):
            begun_with, got = _named(name, before.get(name)), _named(name, now.get(name))
            raise StudyError(f"{folder} was begun with {begun_with}: got {got}; {way_out}")
    sweep, wanted = kept.sweep or ExternalSweep(), asked.sweep or ExternalSweep()
    if sweep.keep != wanted.keep:
        raise StudyError(f"{folder} was begun with keep={sweep.keep!r}: got {wanted.keep!r}; {way_out}")
    extension: dict[str, Any] = {"seeds": max(sweep.seeds, wanted.seeds)}
    had_values, new_values = _values(kept), _values(asked)
    for name in dict.fromkeys([*had_values, *new_values]):
        had, new = had_values.get(name, ()), new_values.get(name, ())
        added = tuple(value for value in new if value not in had)
        is_fixed = name != "peak_rate" and len(had) == len(new) == 1
        if not had or not new or (is_fixed and added):
            raise StudyError(f"{folder} was begun with {_named(name, had)}: got {_named(name, new)}; {way_out}")
        if added:
            extension[name] = added
    return extension


def _values(study: ExternalStudy) -> dict[str, tuple[Any, ...]]:
    """Return all values that each setting has in a study."""
    fixed = {name: (value,) for name, value in study.trial.values.items()}
    return {**fixed, **(study.sweep.grid if study.sweep else {})}


def _named(name: str, values: Any) -> str:
    shown_name = "lr" if name == "peak_rate" else name
    if values is None or values == ():
        return f"no {shown_name}"
    each = values if isinstance(values, list | tuple) else (values,)
    return f"{shown_name} {', '.join(shown(name, value) for value in each)}"
