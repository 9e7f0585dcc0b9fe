"""Adapters merged into their base: the weights of a whole model."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from lrscope.config import TrialConfig
from lrscope.models.classifier_transformers import TransformersClassifier
from lrscope.models.language_model_transformers import TransformersLearner
from lrscope.models.lora import merged_tensors
from lrscope.models.transformers_loading import stored_precision
from lrscope.tasks.adapters import lora_settings
from lrscope.tasks.base import Task, TaskInputs


def merged_weights(
    task: Task, inputs: TaskInputs, stored: Mapping[str, Tensor], trial: TrialConfig
) -> dict[str, Tensor]:
    """Return the whole model that a trial's stored adapters make of their base, in the base's precision.

    Sums are computed in float32 and rounded once.

    Raises:
        CheckpointError: the adapters do not fit the base.
    """
    settings, checkpoint = lora_settings(trial), inputs.checkpoint
    assert settings is not None
    if inputs.implementation == "native":
        assert checkpoint.shape is not None
        kept = {*checkpoint.shape.tensor_shapes(), *(() if checkpoint.shape.tied else ("lm_head.weight",))}
        whole = merged_tensors({n: tensor for n, tensor in checkpoint.tensors.items() if n in kept}, stored, settings)
        return {n: tensor for n, tensor in whole.items() if n != "lm_head.weight" or "score.weight" not in whole}
    model = task.build_model(inputs, trial, "float32")
    assert isinstance(model, TransformersLearner | TransformersClassifier)
    model.load_tensors(stored)
    dtype = stored_precision(checkpoint.path)
    return {n: t.to(dtype) if t.is_floating_point() else t for n, t in model.merged_tensors().items()}
