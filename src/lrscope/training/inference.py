"""A trained model at work on other examples: a checkpoint of a study, with the numerics that it was trained with.

What is a task's own stands beside: `class_predictions.py`, `answers.py`. Models that lie outside of a study are loaded
by `exported.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lrscope.config import StudyConfig
from lrscope.config.command_line import quote, resume
from lrscope.config.numerics import Numerics
from lrscope.config.read import built_in, built_in_trial
from lrscope.errors import ConfigError, Problem, StudyError
from lrscope.models.checkpoint_writer import metadata_in, read_weights, weights_in
from lrscope.models.trainable import TrainableModel
from lrscope.records import Scores
from lrscope.store.study import StudyStore
from lrscope.tasks.base import Evaluation, Examples
from lrscope.tasks.checkpoint import require_base
from lrscope.tasks.registry import task_named
from lrscope.training.endpoint import measured_endpoint
from lrscope.training.evaluation import Told, outputs_of, tell_nothing
from lrscope.training.numerics import apply, decide
from lrscope.training.study_inputs import StudyInputs

CHECKPOINTS = ("best", "last")
MAX_NAMED = 6


class Measured(NamedTuple):
    """Metrics, with scores of examples, of as many as were measured; `num_cut` of them were longer than is read."""

    metrics: dict[str, float]
    scores: dict[str, Scores]
    num_examples: int
    num_cut: int


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A checkpoint, ready to use; `store` is None where it lies outside of a study."""

    store: StudyStore | None
    trial: int
    step: int
    inputs: StudyInputs
    network: TrainableModel

    @property
    def task(self) -> str:
        """Return the name of its task."""
        return self.inputs.config.task

    @property
    def test_fingerprint(self) -> str | None:
        """Return the digest of the test split that its study has sealed, None where there is none."""
        return None if self.store is None else self.store.fingerprint.get("test")

    def close(self) -> None:
        """Close its study's store."""
        if self.store is not None:
            self.store.close()

    def read(self, path: Path) -> Examples:
        """Read a file of examples with their targets as its study read its own.

        Raises:
            DataError: it cannot be used.
        """
        return self.inputs.task.read(self.inputs.data, self.inputs.config.data, path)

    def outputs(self, examples: Examples, tell: Told = tell_nothing) -> NDArray[np.float32]:
        """Return the task's outputs, one row an example, in their order."""
        return outputs_of(self.network, self.inputs, self.inputs.task.encode(self.inputs.data, examples), tell)

    def evaluate(self, examples: Examples, tell: Told = tell_nothing) -> Measured:
        """Return metrics on examples with targets; scoring the study's sealed test split is recorded first.

        `tell` hears how far it is.
        """
        encoded = self.inputs.task.encode(self.inputs.data, examples)
        self._record_opening(examples)
        metrics, scores = self.inputs.task.score(outputs_of(self.network, self.inputs, encoded, tell), encoded)
        found = measured_endpoint(self.network, self.inputs, encoded, tell)
        more = Evaluation({}, {}) if found is None else found.evaluation
        return Measured({**metrics, **more.metrics}, {**scores, **more.scores}, encoded.num_examples, encoded.num_cut)

    def _record_opening(self, examples: Examples) -> None:
        if self.store is not None and examples.fingerprint == self.test_fingerprint:
            with StudyStore.open(self.store.folder, for_writing=True) as store:
                store.record_opening(self.trial, self.step, "test", "evaluate")


def load_trained(
    folder: Path, which: str = "best", trial: int | None = None, *, base: str | None = None
) -> TrainedModel:
    """Load a checkpoint of a study's trial; in a single fine-tune there is one alone.

    `base` is where that of adapters lies now, if elsewhere.

    Raises:
        ConfigError: there is no checkpoint of that name, or it has no adapters and a base is named.
        StudyError: there is no study, or the trial has not written that checkpoint yet.
        CheckpointError: adapters lie on another base than they were trained on.
    """
    if which not in CHECKPOINTS:
        raise ConfigError(f"--checkpoint is one of {', '.join(CHECKPOINTS)}: got {which!r}")
    store = StudyStore.open(folder)
    try:
        return _load_of(store, which, trial, base)
    except BaseException:
        store.close()
        raise


def _load_of(store: StudyStore, which: str, trial: int | None, base: str | None) -> TrainedModel:
    folder = store.folder
    if trial is None:
        if store.config.sweep is not None:
            listed = f"lrscope status {quote(folder)} lists them"
            raise ConfigError(f"{folder} holds many trials: name one with --trial; {listed}")
        trial = 1
    path = store.trial_folder(trial) / which
    if weights_in(path) is None:
        raise StudyError(_no_checkpoint(store, trial, which))
    config = on_base(replace(built_in(store.config), trial=built_in_trial(store.trial(trial).config)), base, path)
    inputs, network = load_network(
        path, config, store.task_state, numerics=Numerics.from_dict(store.numerics),
        base=store.fingerprint.get("weights"),
    )  # fmt: skip
    return TrainedModel(store, trial, trained_steps(path), inputs, network)


def on_base(config: StudyConfig, base: str | None, folder: Path) -> StudyConfig:
    """Return the same study with adapters on a base that lies elsewhere now; as it is where none is named.

    Raises:
        ConfigError: what `folder` holds is a whole model.
    """
    if base is None:
        return config
    if config.trial.train_part != "lora":
        raise ConfigError(Problem("{model} names the base of adapters", f"a whole model in {folder}", "leave it out"))
    return config.reading({"model": base})


def _no_checkpoint(store: StudyStore, trial: int, which: str) -> str:
    status, is_sweep = store.trial(trial).status, store.config.sweep is not None
    if status == "diverged":
        way_out = "name another --trial" if is_sweep else "train again with a lower --lr"
        return f"{store.folder} has no {which} checkpoint: trial {trial} diverged; {way_out}"
    if status in ("completed", "stopped"):
        way_out = _what_is_kept(store, which) if is_sweep else "choose another --checkpoint"
        return f"{store.folder} has no {which} checkpoint: that of trial {trial} was not kept; {way_out}"
    command = resume("sweep" if is_sweep else "finetune", store.folder)
    return f"{store.folder} has no {which} checkpoint yet: its trial is {status}; finish it with {command}"


def _what_is_kept(store: StudyStore, which: str) -> str:
    """Return what to name instead, by the checkpoints that the trials of a sweep have."""
    kept = {
        name: [row.id for row in store.trials() if weights_in(store.trial_folder(row.id) / name)]
        for name in CHECKPOINTS
    }
    for name in sorted(CHECKPOINTS, key=lambda name: name != which):
        if kept[name]:
            numbers = ", ".join(map(str, kept[name][:MAX_NAMED])) + ", …" * (len(kept[name]) > MAX_NAMED)
            return f"choose --checkpoint {name} of one that was, with --trial: {numbers}"
    return "run the sweep with --keep best"


def load_network(
    path: Path, config: StudyConfig, state: Mapping[str, Any], *, numerics: Numerics | None, base: str | None
) -> tuple[StudyInputs, TrainableModel]:
    """Load what the folder `path` holds, a whole model or adapters, as its configuration describes it.

    Numerics are decided here where they are not given. `base` is the digest of the weights that adapters were trained
    on, where that is known.

    Raises:
        CheckpointError: weights cannot be read, or adapters lie on another base.
    """
    task = task_named(config.task)
    data = task.restore(config, state, path)
    if numerics is None:
        shape = data.checkpoint.shape if data.implementation == "native" else None
        numerics = decide(config.numerics, shape, data.implementation)
    apply(numerics)
    network = task.build_model(data, replace(config.trial, dropout=0.0), numerics.precision)
    if config.trial.train_part == "lora":
        require_base(data.checkpoint, base)
        network.load_tensors(read_weights(path))
    return StudyInputs(config, task, data, numerics), network.to(numerics.device).eval()


def trained_steps(path: Path) -> int:
    """Return after how many steps a checkpoint was written; 0 where it does not say."""
    return int(metadata_in(path).get("lrscope.step", 0))
