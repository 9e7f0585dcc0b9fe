"""A study, begun in a new folder, gone on with, or extended: held by one controller at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from lrscope.config import AnyStudy, AnyTrial, ExternalStudy, TrialConfig
from lrscope.config.command_line import quote
from lrscope.config.numerics import Numerics
from lrscope.errors import Problem, StudyError
from lrscope.files import replacing, write_text
from lrscope.records import FINISHED
from lrscope.runners.base import Prepared, Runner
from lrscope.runners.external.carried_function import FUNCTION_FILE
from lrscope.runners.registry import runner_for
from lrscope.runners.study_folder import held_study, new_study, require_new, require_same
from lrscope.runners.work_folder import set_aside
from lrscope.runs.metric import Asking
from lrscope.store.study import StudyStore
from lrscope.studies.external_metric import metric_is_open
from lrscope.studies.plan import check_arms


@dataclass(frozen=True, eq=False)
class Study:
    """A study that is held and ready to run; `asking` is how its user asks for a metric, where that is not as usual."""

    store: StudyStore
    prepared: Prepared
    asking: Asking | None = None


@contextmanager
def begin(
    config: AnyStudy, folder: Path, runner: Runner | None = None, prepared: Prepared | None = None
) -> Iterator[Study]:
    """Check every input and every arm, then make a new study in `folder`, and hold it.

    `runner` reads the inputs where they are not all named by the configuration: a function of this process. They are
    `prepared` where they were read already.

    Raises:
        StudyError: the folder is not empty, or cannot be written.
        DataError, CheckpointError, ConfigError, ScheduleError: an input or an arm cannot be used; nothing was written.
    """
    require_new(folder)
    prepared = prepared or (runner or runner_for(config)).prepare(config)
    check_arms(config, prepared)
    with new_study(config, folder, prepared) as store:
        _write_files(folder, prepared)
        yield Study(store, prepared)


@contextmanager
def resume(
    folder: Path,
    *,
    moved: Mapping[str, str] | None = None,
    extension: Mapping[str, Any] | None = None,
    trainer: Mapping[str, Any] | None = None,
    what: Literal["sweep", "find"] = "sweep",
    runner: Runner | None = None,
) -> Iterator[Study]:
    """Hold the study in `folder` and go on with it; `moved` says where its inputs lie now, `extension` what is added.

    `trainer` are settings of [trainer] that are mended, as long as no run has finished: until then, also a script or a
    function may be another one, and all trials begin anew with it. `runner` reads the inputs where they are not all
    named by the configuration.

    Raises:
        StudyError: there is no study of this kind, another controller holds it, or an input is no longer what it was.
    """
    with held_study(folder, what) as store:
        config = store.config.reading({**_own_files(store.config, folder), **(moved or {})})
        if extension:
            config = extended(config, extension)
        if trainer:
            config = _mended(store, config, trainer)
        prepared = (runner or runner_for(config)).prepare(config, Numerics.from_dict(store.numerics))
        if dict(prepared.fingerprint) != store.fingerprint and _may_be_mended(store):
            _begin_anew(store, prepared.fingerprint)
        require_same(store.fingerprint, prepared.fingerprint, folder)
        check_arms(config, prepared)
        if config != store.config:
            store.replace_config(config)
            write_text(folder / "config.toml", config.to_toml())
        _write_files(folder, prepared)
        yield Study(store, prepared)


def _own_files(config: AnyStudy, folder: Path) -> dict[str, str]:
    """Return what lies in the study's own folder, which may have been moved."""
    has_function = isinstance(config, ExternalStudy) and config.trainer.function is not None
    return {"function": str(folder.resolve() / FUNCTION_FILE)} if has_function else {}


def _write_files(folder: Path, prepared: Prepared) -> None:
    """Write what processes of their own read again."""
    for name, content in prepared.files.items():
        with replacing(folder / name) as path:
            path.write_bytes(content)


def _may_be_mended(store: StudyStore) -> bool:
    """Whether what runs may change: the user's own training, as long as no run has finished with it."""
    return isinstance(store.config, ExternalStudy) and not any(row.status in FINISHED for row in store.trials())


def _begin_anew(store: StudyStore, fingerprint: Mapping[str, str]) -> None:
    """Hold a study to another training from now on; what the one before left is not gone on from.

    Raises:
        StudyError: a trial's folder cannot be set aside.
    """
    rows = store.trials()
    for row in rows:
        if (work := store.work_folder(row.id)).is_dir():
            set_aside(work)
    store.put_off(*(row.id for row in rows))
    store.replace_fingerprint(fingerprint)


def _trains_otherwise(trainer: Mapping[str, Any]) -> bool:
    """Whether these settings change what runs, not only what it is compared by or how long it may take."""
    return not {"metric", "direction", "timeout"} >= trainer.keys()


def _mended(store: StudyStore, config: AnyStudy, trainer: Mapping[str, Any]) -> AnyStudy:
    """Return a study of the user's own training with settings of [trainer] replaced.

    Raises:
        StudyError: runs have finished, which had others.
    """
    if not isinstance(config, ExternalStudy):
        raise StudyError(f"{store.folder} is of the built-in training, which has no {', '.join(trainer)}; leave it out")
    if not metric_is_open(store) and {"metric", "direction"} & trainer.keys():
        raise StudyError(
            f"a study keeps the metric that it began with: {store.folder} has {store.metric.name}; to compare by "
            f"another, write lrscope report {quote(store.folder)} --metric NAME"
        )
    finished = sum(row.status in FINISHED for row in store.trials())
    if finished and _trains_otherwise(trainer):
        raise StudyError(
            f"a study keeps its training: {finished} of its runs have finished with another; leave it out, or choose "
            "another --out"
        )
    return replace(config, trainer=replace(config.trainer, **trainer))


def extended(config: AnyStudy, extension: Mapping[str, Any]) -> AnyStudy:
    """Return a study with more seeds or more values of what it varies; what it has is never taken away.

    Raises:
        StudyError: it would have fewer seeds, or vary a setting that it has fixed.
    """
    sweep = config.sweep
    assert sweep is not None
    seeds = int(extension.get("seeds", sweep.seeds))
    if seeds < sweep.seeds:
        raise StudyError(Problem(f"a study keeps its {sweep.seeds} seeds", f"{{seeds}} {seeds}", "give more"))
    grid = dict(sweep.grid)
    for name, values in extension.items():
        if name == "seeds":
            continue
        # Where each part has rates of its own, more of them are for all parts.
        own = () if name == "peak_rate" and sweep.part_rates else (_value_of(config.trial, name),)
        had = grid.get(name, own)
        grid[name] = (*had, *(value for value in values if value not in had))
    return config.with_parts(sweep=replace(sweep, seeds=seeds, grid=grid))


def _value_of(trial: AnyTrial, name: str) -> Any:
    """Return a setting's value, also of one that belongs to a part that is not trained."""
    return getattr(trial, name) if isinstance(trial, TrialConfig) else trial.values.get(name)
