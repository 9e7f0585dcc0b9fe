"""The models of sentence classification: built from a checkpoint, and described for transformers when saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lrscope.data.labels import LabelSet
from lrscope.models.classifier import LlamaClassifier, build_native
from lrscope.models.classifier_transformers import TransformersClassifier, build_transformers
from lrscope.models.frozen import shared_tensors
from lrscope.models.lora import Adapters
from lrscope.models.precision import dtype_named
from lrscope.models.tokenizers import TextTokenizer
from lrscope.tasks.base import TaskInputs

Classifier = LlamaClassifier | TransformersClassifier


def build_classifier(
    inputs: TaskInputs, num_classes: int, precision: str, *, dropout: float = 0.0, head_seed: int = 0,
    adapters: Adapters | None = None,
) -> Classifier:  # fmt: skip
    """Return a classifier from a checkpoint, by the implementation that the study decided on.

    The frozen weights of adapters' base are shared by all models that a process makes of a checkpoint.
    """
    checkpoint, dtype = inputs.checkpoint, dtype_named(precision)
    if inputs.implementation == "native":
        assert checkpoint.shape is not None
        tensors = checkpoint.tensors
        if adapters is not None:  # a head that is there is trained: it is no part of what is shared
            heads = {name: tensor for name, tensor in tensors.items() if name.startswith("score.")}
            tensors = {**shared_tensors(checkpoint, dtype), **heads}
        return build_native(
            checkpoint.shape, tensors, num_classes, dropout=dropout, head_seed=head_seed, dtype=dtype, adapters=adapters
        )
    return build_transformers(
        checkpoint.path, num_classes, inputs.tokenizer.pad_id, dropout=dropout, head_seed=head_seed, dtype=dtype,
        adapters=adapters,
    )  # fmt: skip


def classifier_config(base: Mapping[str, Any], labels: LabelSet, tokenizer: TextTokenizer) -> dict[str, Any]:
    """Return a language model's `config.json` as a sequence classifier's, with label names and padding."""
    named = base.get("architectures")
    usual = [str(base["model_type"]).capitalize() + "Model"]
    architecture = str((named if isinstance(named, list) and named else usual)[0])
    family = architecture.removesuffix("ForCausalLM").removesuffix("Model").removesuffix("ForSequenceClassification")
    return {
        **base,
        "architectures": [f"{family}ForSequenceClassification"],
        "id2label": {str(place): name for place, name in enumerate(labels.names)},
        "label2id": {name: place for place, name in enumerate(labels.names)},
        "bos_token_id": tokenizer.bos_id,
        "eos_token_id": tokenizer.eos_id,
        "pad_token_id": tokenizer.pad_id,
    }
