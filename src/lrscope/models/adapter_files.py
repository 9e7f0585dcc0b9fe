"""Adapters on disk, in PEFT's format: `adapter_config.json` and `adapter_model.safetensors`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from lrscope.errors import CheckpointError
from lrscope.files import write_text
from lrscope.models.checkpoint_writer import ADAPTER_WEIGHTS, write_tensors
from lrscope.models.checkpoints import ADAPTER_CONFIG, read_json
from lrscope.models.lora import ALL_LINEAR, PEFT_PREFIX, LoraSettings
from lrscope.models.tokenizers import TextTokenizer
from lrscope.models.trainable import HEADS

CONFIG = ADAPTER_CONFIG
# What the settings of an adapter may be that is one here; the first is what PEFT takes where nothing is said.
PLAIN: Mapping[str, tuple[Any, ...]] = {
    "peft_type": ("LORA",), "bias": ("none",), "use_dora": (False, None), "modules_to_save": (None, []),
    "rank_pattern": ({}, None), "alpha_pattern": ({}, None), "layers_to_transform": (None,),
    "layer_replication": (None,), "target_parameters": (None, []), "trainable_token_indices": (None,),
}  # fmt: skip


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


class StoredAdapter(NamedTuple):
    """What a folder says of its adapters: the base is a folder or a hub name, `kind` PEFT's task type."""

    settings: LoraSettings
    base: str
    kind: str


def read_adapter_config(folder: Path) -> StoredAdapter:
    """Return what a folder says of its adapters.

    Raises:
        CheckpointError: it cannot be read, or they are more than low-rank adapters of some matrices.
    """
    path = folder / CONFIG
    values = read_json(path)
    for name, plain in PLAIN.items():
        if values.get(name, plain[0]) not in plain:
            rule = f"adapters are plain LoRA: got {name} {values[name]!r:.40}"
            raise CheckpointError(f"{path}: {rule}; merge them into their base with PEFT")
    rank, alpha, base = values.get("r"), values.get("lora_alpha"), values.get("base_model_name_or_path")
    targets = values.get("target_modules")
    names = [targets] if targets == ALL_LINEAR else targets
    is_list = isinstance(names, list) and len(names) > 0 and all(isinstance(name, str) for name in names)
    if not isinstance(rank, int) or not isinstance(alpha, int | float) or not base or not is_list:
        wanted = "r, lora_alpha, base_model_name_or_path, and target_modules as a list"
        raise CheckpointError(f"{path} must give {wanted}: it does not; save the adapters anew with PEFT")
    assert names is not None
    settings = LoraSettings(
        rank=rank, alpha=float(alpha), targets=tuple(map(str, names)), root=values.get("use_rslora") is True
    )
    return StoredAdapter(settings, str(base), str(values.get("task_type")))


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


def target_names(tensors: Mapping[str, Tensor], settings: LoraSettings, *, exact: bool = False) -> list[str]:
    """Return the names of matrices that have an adapter, as PEFT matches them: as asked for, or their last parts.

    With `exact` their whole names, which match nothing else.

    >>> import torch
    >>> tensors = {"base_model.model.model.layers.0.mlp.up_proj.lora_A.weight": torch.zeros(1)}
    >>> target_names(tensors, LoraSettings(rank=1, alpha=1.0))
    ['up_proj']
    """
    names = {name.removeprefix(PEFT_PREFIX).split(".lora_A.")[0] for name in tensors if ".lora_A." in name}
    if exact:
        return sorted(names)
    if settings.targets != (ALL_LINEAR,):
        return list(settings.targets)
    return sorted({name.rpartition(".")[2] for name in names})


def saved_modules(tensors: Mapping[str, Tensor]) -> list[str]:
    """Return the names of modules that are saved as a whole beside adapters.

    >>> import torch
    >>> saved_modules({"base_model.model.score.weight": torch.zeros(1)})
    ['score']
    """
    rest = [name.removeprefix(PEFT_PREFIX).split(".") for name in tensors if ".lora_" not in name]
    return sorted({next((part for part in parts if part in HEADS), parts[0]) for parts in rest})
