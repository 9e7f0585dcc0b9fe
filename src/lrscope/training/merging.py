"""A trial's adapters, merged into their base, as a folder that transformers loads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lrscope.config.read import built_in, built_in_trial
from lrscope.models.checkpoint_writer import metadata_in, read_weights
from lrscope.store.study import StudyStore
from lrscope.store.trials import TrialRow
from lrscope.tasks.checkpoint import require_base
from lrscope.tasks.merging import merged_weights
from lrscope.tasks.registry import task_named


def write_merged(store: StudyStore, row: TrialRow, source: Path, folder: Path) -> str:
    """Write the model that the adapters in `source` make of their base; return the precision of its weights.

    That is the base's: sums are computed in float32 and rounded once.

    Raises:
        CheckpointError: the base is not there, or not the one that they were trained on.
        StudyError: the folder cannot be written, or the disk is full.
    """
    config = replace(built_in(store.config), trial=built_in_trial(row.config))
    task = task_named(config.task)
    inputs = task.restore(config, store.task_state, source)
    require_base(inputs.checkpoint, store.fingerprint.get("weights"))
    tensors = merged_weights(task, inputs, read_weights(source), config.trial)
    task.save(inputs, tensors, folder, metadata_in(source), config.trial.with_values({"train_part": "full"}))
    return str(next(iter(tensors.values())).dtype).removeprefix("torch.")
