"""Models that lie outside of a study: in a folder that `lrscope export` wrote, transformers, or PEFT."""

from __future__ import annotations

from pathlib import Path

from lrscope.config import DataConfig, ModelConfig, StudyConfig, TrialConfig
from lrscope.errors import CheckpointError
from lrscope.models.checkpoints import read_json
from lrscope.training.inference import TrainedModel, load_network, trained_steps


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
    state = {"names": names, "keys": names, "keys_known": False}
    inputs, network = load_network(folder, config, state, numerics=None, base=None)
    return TrainedModel(None, 1, trained_steps(folder), inputs, network)


def _class_names(folder: Path) -> list[str]:
    """Return the names of a classifier's classes, by its `config.json`."""
    config = read_json(folder / "config.json")
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
