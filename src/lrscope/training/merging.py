"""A trial's adapters and their base, as folders that transformers or PEFT load."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from lrscope.config import StudyConfig
from lrscope.config.read import built_in, built_in_trial
from lrscope.files import read_json, write_text
from lrscope.models.adapter_files import CONFIG
from lrscope.models.checkpoint_writer import metadata_in, read_weights
from lrscope.store.study import StudyStore
from lrscope.store.trials import TrialRow
from lrscope.tasks.base import Task, TaskInputs
from lrscope.tasks.checkpoint import base_name, require_base
from lrscope.tasks.merging import merged_weights
from lrscope.tasks.registry import task_named
from lrscope.training.inference import on_base


def write_merged(store: StudyStore, row: TrialRow, source: Path, folder: Path, base: str | None = None) -> str:
    """Write the model that the adapters in `source` make of their base; return the precision of its weights.

    That is the base's: sums are computed in float32 and rounded once. `base` is where it lies now, if elsewhere.

    Raises:
        CheckpointError: the base is not there, or not the one that they were trained on.
        StudyError: the folder cannot be written, or the disk is full.
    """
    config, task, inputs = _with_base(store, row, source, base)
    tensors = merged_weights(task, inputs, read_weights(source), config.trial)
    task.save(inputs, tensors, folder, metadata_in(source), config.trial.with_values({"train_part": "full"}))
    return str(next(iter(tensors.values())).dtype).removeprefix("torch.")


def name_base(store: StudyStore, row: TrialRow, folder: Path, base: str) -> None:
    """Name in a copy of adapters where their base lies now: PEFT looks it up there.

    Raises:
        ConfigError: the folder holds a whole model.
        CheckpointError: the base is not there, or not the one that they were trained on.
        StudyError: the folder cannot be written.
    """
    _, _, inputs = _with_base(store, row, folder, base)
    described = {**read_json(folder / CONFIG), "base_model_name_or_path": base_name(inputs)}
    write_text(folder / CONFIG, json.dumps(described, indent=2) + "\n")


def _with_base(
    store: StudyStore, row: TrialRow, source: Path, base: str | None
) -> tuple[StudyConfig, Task, TaskInputs]:
    config = on_base(replace(built_in(store.config), trial=built_in_trial(row.config)), base, source)
    task = task_named(config.task)
    inputs = task.restore(config, store.task_state, source)
    require_base(inputs.checkpoint, store.fingerprint.get("weights"))
    return config, task, inputs
