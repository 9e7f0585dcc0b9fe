"""What all trials of a study share: what its task has read, and the numerics it decided on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lrscope.config import StudyConfig, TrialConfig
from lrscope.config.numerics import Numerics
from lrscope.machine import busy_note
from lrscope.models.trainable import TrainableModel
from lrscope.randomness import StepRows
from lrscope.tasks.base import EncodedSplit, Task, TaskInputs
from lrscope.tasks.registry import task_named
from lrscope.training.numerics import decide


@dataclass(frozen=True, eq=False)
class StudyInputs:
    """A study's inputs, ready to train on."""

    config: StudyConfig
    task: Task
    data: TaskInputs
    numerics: Numerics

    @property
    def encoded(self) -> Mapping[str, EncodedSplit]:
        """Return the splits as token ids, by name."""
        return self.data.splits

    def batch(self, split: EncodedSplit, indices: NDArray[np.int64], rows: StepRows | None = None) -> Any:
        """Return a batch of these examples on the study's device; `rows` are given in training."""
        return self.task.collate(self.data, split, indices, self.numerics.device, rows)

    def build_model(self, trial: TrialConfig) -> TrainableModel:
        """Return a fresh model on the study's device."""
        model = self.task.build_model(self.data, trial, self.numerics.precision)
        model.set_trainable(trial.train_part)
        model.set_gradient_checkpointing(self.config.model.gradient_checkpointing)
        return model.to(self.numerics.device)


def load_inputs(config: StudyConfig, numerics: Numerics | None = None) -> StudyInputs:
    """Read and check everything that a study needs, before anything is trained or written.

    `numerics` is what a study has already decided; without it, every `auto` is settled here.

    Raises:
        DataError, CheckpointError, ConfigError: an input cannot be used; the message says which and why.
    """
    task = task_named(config.task)
    data = task.prepare(config)
    if numerics is None:
        shape = data.checkpoint.shape if data.implementation == "native" else None
        numerics = decide(config.numerics, shape, data.implementation)
    notes = (_other_torch(numerics), busy_note(numerics.threads) if numerics.device == "cpu" else None)
    return StudyInputs(config, task, replace(data, notes=(*data.notes, *filter(None, notes))), numerics)


def _other_torch(numerics: Numerics) -> str | None:
    """Return a note where a study goes on with another torch than it began with; version 0.1 did not record which."""
    now = torch.__version__
    if numerics.torch in ("", now):
        return None
    return f"this study began with torch {numerics.torch}: trials run with {now} may differ from it in the last digits"
