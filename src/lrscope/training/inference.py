"""A trained model on other sentences: loading a checkpoint of a run or an exported folder, evaluating, predicting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrscope.config import DataConfig, ModelConfig, StudyConfig, TrialConfig
from lrscope.config.command_line import resume
from lrscope.config.numerics import Numerics
from lrscope.config.read import built_in, built_in_trial
from lrscope.data.labels import LabelSet
from lrscope.data.splits import Split, load_split
from lrscope.errors import CheckpointError, ConfigError, DataError, StudyError
from lrscope.models.checkpoint_writer import metadata_in, read_weights, weights_in
from lrscope.models.checkpoints import Checkpoint, read_checkpoint
from lrscope.models.minllama import write_minllama
from lrscope.models.trainable import TrainableModel
from lrscope.store.study import StudyStore
from lrscope.tasks.base import Evaluation
from lrscope.tasks.registry import task_named
from lrscope.training.evaluation import outputs_of
from lrscope.training.numerics import apply, decide
from lrscope.training.study_inputs import StudyInputs

CHECKPOINTS = ("best", "last")


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A checkpoint of a study, ready to use with the numerics it was trained with; `store` is None for an exported one.

    The classes of an exported one are those that its `config.json` names.
    """

    store: StudyStore | None
    trial: int
    step: int
    inputs: StudyInputs
    network: TrainableModel

    @property
    def labels(self) -> LabelSet:
        """Return its classes."""
        return LabelSet.of_state(self.inputs.data.state)

    @property
    def test_fingerprint(self) -> str | None:
        """Return the digest of the test split that its study has sealed, None where there is none."""
        return None if self.store is None else self.store.fingerprint.get("test")

    def close(self) -> None:
        """Close its study's store."""
        if self.store is not None:
            self.store.close()

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
        if self.store is not None and split.fingerprint == self.test_fingerprint:
            with StudyStore.open(self.store.folder, for_writing=True) as store:
                store.record_opening(self.trial, self.step, "test", "evaluate")
        encoded = self.inputs.task.encode(self.inputs.data, split)
        return self.inputs.task.score(outputs_of(self.network, self.inputs, encoded), encoded)

    def read(self, path: Path) -> Split:
        """Read a labelled file with this study's classes and columns."""
        data, labels = self.inputs.config.data, self.labels
        columns = {"text_column": data.text_column, "label_column": data.label_column}
        if self.store is None:  # how its files wrote the classes is not known: by name, or else by number
            try:
                return load_split(path, labels, "data", **columns)
            except DataError:
                labels = LabelSet(labels.names, tuple(str(index) for index in range(len(labels.names))))
        return load_split(path, labels, "data", **columns)

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
    if weights_in(path) is None:
        raise StudyError(
            f"{folder} has no {which} checkpoint yet: its trial is {store.trial(trial).status}; "
            f"finish it with {resume('finetune', folder)}"
        )
    config = replace(built_in(store.config), trial=built_in_trial(store.trial(trial).config))
    task, numerics = task_named(config.task), Numerics.from_dict(store.numerics)
    inputs = StudyInputs(config, task, task.restore(config, store.task_state, path), numerics)
    apply(numerics)
    network = task.build_model(inputs.data, replace(config.trial, dropout=0.0), numerics.precision)
    if config.trial.train_part == "lora":
        _require_base(store, inputs.data.checkpoint)
        network.load_tensors(read_weights(path))
    step = int(metadata_in(path).get("lrscope.step", 0))
    return TrainedModel(store, trial, step, inputs, network.to(numerics.device).eval())


def _require_base(store: StudyStore, base: Checkpoint) -> None:
    """Hold the base of adapters to the one that they were trained on.

    Raises:
        CheckpointError: it is another one.
    """
    if base.fingerprint != store.fingerprint.get("weights"):
        raise CheckpointError(
            f"adapters are used with the base that they were trained on: {base.source} has other weights now; put the "
            "old ones back, or use lrscope export --merge where they still lie"
        )


def load_exported(folder: Path) -> TrainedModel:
    """Load a classifier from a folder that `lrscope export` wrote, or transformers.

    Raises:
        CheckpointError: it is no classifier, or its classes have no names.
    """
    names = _class_names(folder)
    config = StudyConfig(
        # A configuration names what was trained on, which nobody knows here and nothing reads.
        data=DataConfig(train=str(folder), dev=str(folder)),
        model=ModelConfig(model=str(folder)),
        trial=TrialConfig(peak_rate=1.0),
    )
    task = task_named(config.task)
    data = task.restore(config, {"names": names, "keys": names}, folder)
    numerics = decide(
        config.numerics, data.checkpoint.shape if data.implementation == "native" else None, data.implementation
    )
    apply(numerics)
    network = task.build_model(data, replace(config.trial, dropout=0.0), numerics.precision).to(numerics.device)
    step = int(data.checkpoint.metadata.get("lrscope.step", 0))
    return TrainedModel(None, 1, step, StudyInputs(config, task, data, numerics), network.eval())


def _class_names(folder: Path) -> list[str]:
    """Return the names of a classifier's classes, by its `config.json`."""
    config = read_checkpoint(folder).config
    architectures = config.get("architectures") or []
    if not any("ForSequenceClassification" in str(name) for name in architectures):
        raise CheckpointError(
            f"{folder} holds no classifier: its config.json names {', '.join(map(str, architectures)) or 'none'}; name "
            "the folder of a run, or one that lrscope export wrote"
        )
    names = config.get("id2label")
    if not isinstance(names, dict) or sorted(names) != sorted(map(str, range(len(names)))) or len(names) < 2:
        raise CheckpointError(f"{folder}: config.json must name the classes: got id2label {names!r:.60}")
    return [str(names[str(index)]) for index in range(len(names))]
