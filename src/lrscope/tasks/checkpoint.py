"""What tasks save of a trained model, and what they read it back from: all weights, or adapters and their base."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lrscope.config import StudyConfig, TrialConfig
from lrscope.errors import CheckpointError, Problem
from lrscope.files import write_text
from lrscope.models.adapter_files import adapter_config, saved_modules, target_names, write_adapter
from lrscope.models.checkpoint_writer import make_folder, write_checkpoint
from lrscope.models.checkpoints import Checkpoint, read_checkpoint
from lrscope.tasks.adapters import lora_settings
from lrscope.tasks.base import TaskInputs

GENERATION = "generation_config.json"  # where a model's folder says what ends its texts


def save_weights(
    inputs: TaskInputs, tensors: Mapping[str, Tensor], folder: Path, metadata: Mapping[str, str], trial: TrialConfig,
    *, config: Mapping[str, Any], kind: str,
) -> None:  # fmt: skip
    """Write a model as `config` describes it, or adapters where the trial trained those, for PEFT's task type `kind`.

    Raises:
        StudyError: the folder cannot be written, or the disk is full.
    """
    settings = lora_settings(trial)
    if settings is None:
        described = {name: value for name, value in config.items() if name != "torch_dtype"}
        described["dtype"] = _precision(tensors)
        if kind == "CAUSAL_LM" and (inputs.checkpoint.path / GENERATION).is_file():
            make_folder(folder)
            write_text(folder / GENERATION, (inputs.checkpoint.path / GENERATION).read_text(encoding="utf-8"))
        write_checkpoint(folder, tensors, described, inputs.tokenizer, metadata=metadata)
        return
    exact = inputs.implementation != "native" and kind == "SEQ_CLS"  # heads have matrices of the same names
    described = adapter_config(
        settings, base=base_name(inputs), kind=kind, targets=target_names(tensors, settings, exact=exact),
        saved=saved_modules(tensors),
    )  # fmt: skip
    write_adapter(
        folder, tensors, described, inputs.tokenizer,
        metadata={**metadata, "lrscope.base": inputs.checkpoint.fingerprint},
    )  # fmt: skip


def _precision(tensors: Mapping[str, Tensor]) -> str:
    """Return the name of the precision that holds all of these weights."""
    kinds = {tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()}
    widest = kinds.pop() if len(kinds) == 1 else torch.float32
    return str(widest).removeprefix("torch.")


def base_name(inputs: TaskInputs) -> str:
    """Return what PEFT finds the base by: where it lies, or what the hub calls it."""
    source = Path(inputs.checkpoint.source).expanduser()
    return str(source.absolute()) if source.exists() else inputs.checkpoint.source


def read_trained(config: StudyConfig, checkpoint: Path) -> Checkpoint:
    """Return what a trained model's weights are read from: the checkpoint itself, or the base of adapters.

    Raises:
        CheckpointError: it cannot be read, or is not there.
    """
    if config.trial.train_part != "lora":
        return read_checkpoint(checkpoint)
    base = config.model.model
    if Path(base).is_absolute() and not Path(base).exists():
        rule = "adapters need the base that they were trained on"
        raise CheckpointError(Problem(rule, f"nothing at {base}", "name where it lies now with {model}"))
    return read_checkpoint(base)


def require_base(base: Checkpoint, fingerprint: str | None) -> None:
    """Hold the base of adapters to the one that they were trained on, where that is known.

    Raises:
        CheckpointError: it is another one.
    """
    if fingerprint is not None and base.fingerprint != fingerprint:
        rule = "adapters are used with the base that they were trained on"
        raise CheckpointError(Problem(rule, f"other weights in {base.source}", "name where it lies with {model}"))
