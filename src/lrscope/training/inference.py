"""A finished run's model on other sentences: loading a checkpoint, evaluating, predicting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrscope.config.command_line import resume
from lrscope.config.numerics import Numerics
from lrscope.data.labels import LabelSet
from lrscope.data.splits import Split, load_split
from lrscope.errors import ConfigError, DataError, StudyError
from lrscope.models.minllama import write_minllama
from lrscope.models.trainable import TrainableModel
from lrscope.store.study import StudyStore
from lrscope.tasks.base import Evaluation
from lrscope.tasks.registry import task_named
from lrscope.training.evaluation import outputs_of
from lrscope.training.numerics import apply
from lrscope.training.study_inputs import StudyInputs

CHECKPOINTS = ("best", "last")


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A checkpoint of a study, ready to use with the numerics it was trained with."""

    store: StudyStore
    trial: int
    step: int
    inputs: StudyInputs
    network: TrainableModel

    @property
    def labels(self) -> LabelSet:
        """Return the study's classes."""
        return LabelSet.of_state(self.store.task_state)

    def outputs(self, split: Split) -> NDArray[np.float32]:
        """Return the task's outputs, one row an example, in the split's order."""
        return outputs_of(self.network, self.inputs, self.inputs.task.encode(self.inputs.data, split))

    def evaluate(self, split: Split) -> Evaluation:
        """Return metrics on a labelled split; scoring the study's sealed test split is recorded first.

        Raises:
            DataError: some sentence has no label.
        """
        if not split.labelled:
            raise DataError(
                f"{split.path} must have a label on every line to be evaluated; use lrscope predict instead"
            )
        if split.fingerprint == self.store.fingerprint.get("test"):
            with StudyStore.open(self.store.folder, for_writing=True) as store:
                store.record_opening(self.trial, self.step, "test", "evaluate")
        encoded = self.inputs.task.encode(self.inputs.data, split)
        return self.inputs.task.score(outputs_of(self.network, self.inputs, encoded), encoded)

    def read(self, path: Path) -> Split:
        """Read a labelled file with this study's classes and columns."""
        data = self.store.config.data
        return load_split(path, self.labels, "data", text_column=data.text_column, label_column=data.label_column)

    def predict(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """Return probabilities (N, C), one row a sentence."""
        split = Split.unlabelled("sentences", sentences)
        return np.exp(self.outputs(split))

    def save_minllama(self, path: Path, args: Mapping[str, Any]) -> bool:
        """Write the weights as a minLLaMA `.pt`; return whether they are a LLaMA that this form can hold."""
        checkpoint = self.inputs.data.checkpoint
        if checkpoint.shape is None:
            return False
        plain = {name: str(value) if isinstance(value, Path) else value for name, value in args.items()}
        write_minllama(path, checkpoint.shape, checkpoint.tensors, plain)
        return True


def load_trained(folder: Path, which: str = "best", trial: int | None = None) -> TrainedModel:
    """Load a checkpoint of a study's trial; in a single fine-tune there is one alone.

    Raises:
        ConfigError: there is no checkpoint of that name.
        StudyError: there is no study, or the trial has not written that checkpoint yet.
    """
    if which not in CHECKPOINTS:
        raise ConfigError(f"--checkpoint is one of {', '.join(CHECKPOINTS)}: got {which!r}")
    store = StudyStore.open(folder)
    if trial is None:
        if store.config.sweep is not None:
            raise ConfigError(f"{folder} holds many trials: name one with --trial; lrscope status {folder} lists them")
        trial = 1
    path = store.trial_folder(trial) / which
    if not (path / "model.safetensors").is_file():
        raise StudyError(
            f"{folder} has no {which} checkpoint yet: its trial is {store.trial(trial).status}; "
            f"finish it with {resume('finetune', folder)}"
        )
    task, numerics = task_named(store.config.task), Numerics.from_dict(store.numerics)
    inputs = StudyInputs(store.config, task, task.restore(store.config, store.task_state, path), numerics)
    apply(numerics)
    network = task.build_model(inputs.data, replace(store.config.trial, dropout=0.0), numerics.precision)
    step = int(inputs.data.checkpoint.metadata.get("lrscope.step", 0))
    return TrainedModel(store, trial, step, inputs, network.to(numerics.device).eval())
