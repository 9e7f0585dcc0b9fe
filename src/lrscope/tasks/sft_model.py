"""The language models of supervised fine-tuning: with all weights trained, or frozen with adapters."""

from __future__ import annotations

from lrscope.config import TrialConfig
from lrscope.models.frozen import shared_tensors
from lrscope.models.language_model import build_learner
from lrscope.models.language_model_transformers import build_transformers_learner
from lrscope.models.precision import dtype_named
from lrscope.models.trainable import TrainableModel
from lrscope.tasks.adapters import adapters_of
from lrscope.tasks.base import TaskInputs


def build_learner_for(inputs: TaskInputs, trial: TrialConfig, precision: str) -> TrainableModel:
    """Return a fresh language model by the implementation that the study decided on.

    The frozen weights of adapters' base are shared by all models that a process makes of a checkpoint.
    """
    checkpoint, dtype, adapters = inputs.checkpoint, dtype_named(precision), adapters_of(trial)
    if inputs.implementation != "native":
        return build_transformers_learner(checkpoint.path, dtype, adapters)
    assert checkpoint.shape is not None
    if adapters is None:
        return build_learner(checkpoint.shape, checkpoint.tensors, dtype)
    learner = build_learner(checkpoint.shape, shared_tensors(checkpoint, dtype), dtype, copies=False)
    learner.add_adapters(*adapters)
    return learner
