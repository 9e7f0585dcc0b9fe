"""The language models of supervised fine-tuning: with all weights trained, or frozen with adapters."""

from __future__ import annotations

from lrscope.config import TrialConfig
from lrscope.models.frozen import shared_tensors
from lrscope.models.language_model import build_learner
from lrscope.models.language_model_transformers import build_transformers_learner
from lrscope.models.lora import LoraSettings
from lrscope.models.precision import dtype_named
from lrscope.models.trainable import TrainableModel
from lrscope.randomness import derive_seed
from lrscope.tasks.base import TaskInputs


def lora_settings(trial: TrialConfig) -> LoraSettings | None:
    """Return what fixes a trial's adapters; None where it has none."""
    if trial.train_part != "lora":
        return None
    return LoraSettings(
        rank=trial.lora_rank,
        alpha=trial.lora_alpha,
        dropout=trial.lora_dropout,
        targets=tuple(trial.lora_targets.split("+")),
        root=trial.lora_scaling == "sqrt-rank",
    )


def build_learner_for(inputs: TaskInputs, trial: TrialConfig, precision: str) -> TrainableModel:
    """Return a fresh language model by the implementation that the study decided on.

    The frozen weights of adapters' base are shared by all models that a process makes of a checkpoint.
    """
    checkpoint, dtype, adapters = inputs.checkpoint, dtype_named(precision), lora_settings(trial)
    seed = derive_seed(trial.seed, "adapter")
    if inputs.implementation != "native":
        return build_transformers_learner(checkpoint.path, dtype, adapters, seed)
    assert checkpoint.shape is not None
    if adapters is None:
        return build_learner(checkpoint.shape, checkpoint.tensors, dtype)
    learner = build_learner(checkpoint.shape, shared_tensors(checkpoint, dtype), dtype, copies=False)
    learner.add_adapters(adapters, seed)
    return learner
