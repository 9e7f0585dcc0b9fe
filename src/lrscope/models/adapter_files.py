"""Adapters on disk, in PEFT's format: `adapter_config.json` and `adapter_model.safetensors`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from lrscope.files import write_text
from lrscope.models.checkpoint_writer import ADAPTER_WEIGHTS, write_tensors
from lrscope.models.lora import LoraSettings
from lrscope.models.tokenizers import TextTokenizer

CONFIG = "adapter_config.json"


def adapter_config(
    settings: LoraSettings, *, base: str, kind: str, targets: Sequence[str], saved: Sequence[str] = ()
) -> dict[str, Any]:
    """Return PEFT's description of adapters: `kind` is its task type, `saved` are modules trained as a whole."""
    return {
        "peft_type": "LORA",
        "task_type": kind,
        "base_model_name_or_path": base,
        "r": settings.rank,
        "lora_alpha": settings.alpha,
        "lora_dropout": settings.dropout,
        "use_rslora": settings.root,
        "target_modules": list(targets),
        "modules_to_save": list(saved) or None,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": True,
    }


def write_adapter(
    folder: Path, tensors: Mapping[str, Tensor], config: Mapping[str, Any], tokenizer: TextTokenizer, *,
    metadata: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """Write adapters, in place of older ones of the same study if there are any.

    Raises:
        StudyError: the folder cannot be written, or the disk is full; the older ones are untouched.
    """
    write_tensors(folder, ADAPTER_WEIGHTS, tensors, metadata)
    write_text(folder / CONFIG, json.dumps(dict(config), indent=2) + "\n")
    if not (folder / "tokenizer.json").is_file():
        tokenizer.save(folder)


def target_names(tensors: Mapping[str, Tensor]) -> list[str]:
    """Return the last parts of the names of matrices that have an adapter.

    >>> import torch
    >>> target_names({"base_model.model.model.layers.0.mlp.up_proj.lora_A.weight": torch.zeros(1)})
    ['up_proj']
    """
    return sorted({name.split(".lora_A.")[0].rpartition(".")[2] for name in tensors if ".lora_A." in name})
