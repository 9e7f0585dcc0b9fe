"""A single fine-tune: a study of one trial, begun in a new folder or gone on with in its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lrscope.config import StudyConfig
from lrscope.config.numerics import Numerics
from lrscope.config.read import built_in
from lrscope.runners.base import check_trial
from lrscope.runners.native import NativeRunner
from lrscope.runners.study_folder import held_study, new_study, require_new, require_same
from lrscope.store.study import StudyStore
from lrscope.training.study_inputs import StudyInputs
from lrscope.training.trial import Trial


@dataclass(frozen=True, eq=False)
class FineTune:
    """A fine-tune that is ready to run: `for record in finetune.trial.run(): ...`."""

    store: StudyStore
    inputs: StudyInputs
    trial: Trial


@contextmanager
def begin(config: StudyConfig, folder: Path) -> Iterator[FineTune]:
    """Check every input, then make a new study of one trial in `folder`, and hold it.

    Raises:
        StudyError: the folder is not empty, or cannot be written.
        DataError, CheckpointError, ConfigError, ScheduleError: an input cannot be used; nothing was written.
    """
    require_new(folder)
    prepared = NativeRunner().prepare(config)
    check_trial(prepared, config.trial)  # what does not fit leaves no folder
    with new_study(config, folder, prepared) as store:
        yield _assemble(store, prepared.inputs)


@contextmanager
def resume(folder: Path, moved: Mapping[str, str] | None = None) -> Iterator[FineTune]:
    """Hold the study in `folder` and go on with it; `moved` says where its inputs lie now, if elsewhere.

    Raises:
        StudyError: there is no study, another process holds it, or an input is no longer what it was.
    """
    with held_study(folder, "finetune") as store:
        config = built_in(store.config).reading(moved or {})
        prepared = NativeRunner().prepare(config, Numerics.from_dict(store.numerics))
        require_same(store.fingerprint, prepared.fingerprint, folder)
        yield _assemble(store, prepared.inputs)


def _assemble(store: StudyStore, inputs: StudyInputs) -> FineTune:
    row = store.add_trial(store.config.trial)
    return FineTune(store, inputs, Trial(store, inputs, row))
