"""Adapters on models of transformers, by PEFT, with the initial values that the native ones have.

PEFT is imported only where a function here is called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lrscope.models.lora import LoraSettings, initial_values, require_fitting, targeted
from lrscope.models.trainable import HEADS
from lrscope.models.transformers_loading import quiet, untied_tensors
from lrscope.randomness import derive_seed


def matrix_sizes(network: Any) -> dict[str, tuple[int, int]]:
    """Return the matrices that may have an adapter, as (F, D) by name: all but what makes logits of hidden states."""
    from transformers.pytorch_utils import Conv1D

    output, sizes = network.get_output_embeddings(), {}
    for name, module in network.named_modules():
        if module is output or not isinstance(module, nn.Linear | Conv1D) or set(name.split(".")) & set(HEADS):
            continue
        F, D = module.weight.shape if isinstance(module, nn.Linear) else reversed(module.weight.shape)
        sizes[name] = (int(F), int(D))
    return sizes


def add_peft_adapters(network: Any, settings: LoraSettings, seed: int, *, kind: str, saved: Sequence[str] = ()) -> Any:
    """Return a `PeftModel` of the task type `kind`, in which modules named `saved` are trained as a whole.

    Raises:
        ConfigError: a target matches nothing, or the rank is larger than that of any matrix.
    """
    from peft import LoraConfig, get_peft_model

    chosen = targeted(matrix_sizes(network), settings)
    config = LoraConfig(
        task_type=kind, r=settings.rank, lora_alpha=settings.alpha, lora_dropout=settings.dropout,
        target_modules=list(chosen), use_rslora=settings.root, bias="none", modules_to_save=list(saved) or None,
    )  # fmt: skip
    with torch.random.fork_rng(), quiet():
        model = get_peft_model(network, config)
    inner = model.get_base_model()
    with torch.no_grad():
        for name in chosen:
            a_rD = inner.get_submodule(name).lora_A["default"].weight
            a_rD.copy_(initial_values(a_rD.shape, derive_seed(seed, name)))
    return model


def peft_tensors(model: Any) -> dict[str, Tensor]:
    """Return what is trained of a `PeftModel`, by PEFT's names."""
    from peft import get_peft_model_state_dict

    # Left to itself PEFT asks the hub whether the vocabulary has grown.
    tensors = get_peft_model_state_dict(model, save_embedding_layers=False)
    return {name: tensor.detach() for name, tensor in tensors.items()}


def load_peft_tensors(model: Any, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `peft_tensors` gave.

    Raises:
        CheckpointError: it is of other matrices or another rank.
    """
    from peft import set_peft_model_state_dict

    own = peft_tensors(model)
    require_fitting(own, tensors)
    set_peft_model_state_dict(model, {name: tensors[name] for name in own})


def merge(model: Any) -> dict[str, Tensor]:
    """Return the tensors of a `PeftModel`'s base with its adapters in it, in float32, and give up the model."""
    model.get_base_model().float()
    return untied_tensors(model.merge_and_unload())


def is_trained(name: str) -> bool:
    """Return whether a parameter of a `PeftModel` is trained: of an adapter, or of a module trained as a whole."""
    return ".lora_" in name or ".modules_to_save." in name
