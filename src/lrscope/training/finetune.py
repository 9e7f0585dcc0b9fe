"""A single fine-tune: a study of one trial, begun in a new folder or gone on with in its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from lrscope.config import StudyConfig
from lrscope.errors import StudyError
from lrscope.files import write_text
from lrscope.records import Metric
from lrscope.store.lock import LOCK, study_lock
from lrscope.store.storage import DATABASE, UNFINISHED
from lrscope.store.study import StudyStore
from lrscope.tasks.classification import Classification
from lrscope.training.numerics import Numerics
from lrscope.training.study_inputs import StudyInputs, load_inputs, require_same
from lrscope.training.trial import Trial


@dataclass(frozen=True, eq=False)
class FineTune:
    """A fine-tune that is ready to run: `for record in finetune.trial.run(): ...`."""

    store: StudyStore
    inputs: StudyInputs
    trial: Trial


@contextmanager
def begin(config: StudyConfig, folder: Path, inputs: StudyInputs | None = None) -> Iterator[FineTune]:
    """Check every input, then make a new study of one trial in `folder`, and hold it.

    `inputs` is the study's inputs where they have been gathered already, as in a sweep.

    Raises:
        StudyError: the folder is not empty, or cannot be written.
        DataError, CheckpointError, ConfigError, ScheduleError: an input cannot be used; nothing was written.
    """
    require_new(folder)
    inputs = load_inputs(config) if inputs is None else replace(inputs, config=config)
    config.trial.resolve_schedule(inputs.encoded["train"].num_examples)  # a schedule that does not fit leaves no folder
    with study_lock(folder):
        store = create_store(folder, config, inputs)
        with store:
            write_text(folder / "config.toml", config.to_toml())
            yield _assemble(store, inputs)


@contextmanager
def resume(folder: Path, moved: dict[str, str] | None = None, inputs: StudyInputs | None = None) -> Iterator[FineTune]:
    """Hold the study in `folder` and go on with it; `moved` says where its inputs lie now, if elsewhere.

    `inputs` is as for `begin`.

    Raises:
        StudyError: there is no study, another process holds it, or an input is no longer what it was.
    """
    if not (folder / DATABASE).is_file():
        raise StudyError(f"{folder} holds no study to resume: it has no {DATABASE}; name the --out of a fine-tune")
    with study_lock(folder), StudyStore.open(folder, for_writing=True) as store:
        if store.config.sweep is not None:
            raise StudyError(f"{folder} holds a study of many trials: go on with lrscope sweep --resume {folder}")
        config = store.config.reading(moved or {})
        numerics = Numerics(**store.numerics)
        inputs = load_inputs(config, numerics) if inputs is None else replace(inputs, config=config)
        require_same(store.fingerprint, inputs.fingerprint, folder)
        yield _assemble(store, inputs)


def create_store(folder: Path, config: StudyConfig, inputs: StudyInputs) -> StudyStore:
    """Make the store of a new study of these inputs.

    Raises:
        StudyError: a study lies there already, or the folder cannot be written.
    """
    metric: Metric = Classification.metric
    return StudyStore.create(
        folder,
        config,
        fingerprint=inputs.fingerprint,
        numerics=inputs.numerics.to_dict(),
        task_state=inputs.splits.labels.state,
        metric=metric,
        overlaps=[(first, second, number) for (first, second), number in inputs.splits.overlaps.items()],
    )


def require_new(folder: Path) -> None:
    """Refuse a folder that holds anything: nothing is ever overwritten silently.

    Raises:
        StudyError: it holds a study, or something else.
    """
    if (folder / DATABASE).exists():
        raise StudyError(f"{folder} holds a study already; go on with --resume {folder}, or choose another --out")
    if folder.is_file() or (folder.is_dir() and any(not _is_ours(path) for path in folder.iterdir())):
        raise StudyError(
            f"--out must be a new or an empty folder: got {folder}, which holds other files; choose another"
        )


def _is_ours(path: Path) -> bool:
    """Return whether a file is what a run leaves that was killed while it made its study."""
    return path.name == LOCK or path.name.startswith(UNFINISHED)


def _assemble(store: StudyStore, inputs: StudyInputs) -> FineTune:
    row = store.add_trial(store.config.trial)
    return FineTune(store, inputs, Trial(store, inputs, row))
