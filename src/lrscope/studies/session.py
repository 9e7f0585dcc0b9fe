"""A study, begun in a new folder, gone on with, or extended: held by one controller at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lrscope.config import StudyConfig
from lrscope.errors import StudyError
from lrscope.files import write_text
from lrscope.store.lock import study_lock
from lrscope.store.storage import DATABASE
from lrscope.store.study import StudyStore
from lrscope.studies.plan import check_schedules

if TYPE_CHECKING:
    from lrscope.training.study_inputs import StudyInputs


@dataclass(frozen=True, eq=False)
class Study:
    """A study that is held and ready to run."""

    store: StudyStore
    inputs: StudyInputs


@contextmanager
def begin(config: StudyConfig, folder: Path) -> Iterator[Study]:
    """Check every input and every arm, then make a new study in `folder`, and hold it.

    Raises:
        StudyError: the folder is not empty, or cannot be written.
        DataError, CheckpointError, ConfigError, ScheduleError: an input or an arm cannot be used; nothing was written.
    """
    from lrscope.training.finetune import create_store, require_new
    from lrscope.training.study_inputs import load_inputs

    require_new(folder)
    inputs = load_inputs(config)
    check_schedules(config, inputs.encoded["train"].num_examples)
    with study_lock(folder):
        store = create_store(folder, config, inputs)
        with store:
            write_text(folder / "config.toml", config.to_toml())
            yield Study(store, inputs)


@contextmanager
def resume(
    folder: Path,
    *,
    moved: Mapping[str, str] | None = None,
    extension: Mapping[str, Any] | None = None,
    what: Literal["sweep", "find"] = "sweep",
) -> Iterator[Study]:
    """Hold the study in `folder` and go on with it; `moved` says where its inputs lie now, `extension` what is added.

    Raises:
        StudyError: there is no study of this kind, another controller holds it, or an input is no longer what it was.
    """
    from lrscope.training.numerics import Numerics
    from lrscope.training.study_inputs import load_inputs, require_same

    if not (folder / DATABASE).is_file():
        raise StudyError(f"{folder} holds no study to resume: it has no {DATABASE}; name the --out of a sweep")
    with study_lock(folder), StudyStore.open(folder, for_writing=True) as store:
        if store.config.sweep is None:
            raise StudyError(f"{folder} holds a single fine-tune: go on with lrscope finetune --resume {folder}")
        kind = "sweep" if store.config.find is None else "find"
        if kind != what:
            holds = {"sweep": "a sweep", "find": "a range test"}[kind]
            raise StudyError(f"{folder} holds {holds}: go on with lrscope {kind} --resume {folder}")
        config = store.config.reading(moved or {})
        if extension:
            config = extended(config, extension)
        inputs = load_inputs(config, Numerics(**store.numerics))
        require_same(store.fingerprint, inputs.fingerprint, folder)
        check_schedules(config, inputs.encoded["train"].num_examples)
        if config != store.config:
            store.replace_config(config)
            write_text(folder / "config.toml", config.to_toml())
        yield Study(store, inputs)


def extended(config: StudyConfig, extension: Mapping[str, Any]) -> StudyConfig:
    """Return a study with more seeds or more values of what it varies; what it has is never taken away.

    Raises:
        StudyError: it would have fewer seeds, or vary a setting that it has fixed.
    """
    sweep = config.sweep
    assert sweep is not None
    seeds = int(extension.get("seeds", sweep.seeds))
    if seeds < sweep.seeds:
        raise StudyError(f"a study keeps the seeds that it has: it has {sweep.seeds}, got --seeds {seeds}; give more")
    grid = dict(sweep.grid)
    for name, values in extension.items():
        if name == "seeds":
            continue
        had = grid.get(name, (getattr(config.trial, name),))
        grid[name] = (*had, *(value for value in values if value not in had))
    return replace(config, sweep=replace(sweep, seeds=seeds, grid=grid))
