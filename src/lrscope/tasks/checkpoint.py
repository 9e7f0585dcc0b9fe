"""What tasks save of a trained model, and what they read it back from: all weights, or adapters and their base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from lrscope.config import StudyConfig, TrialConfig
from lrscope.models.adapter_files import adapter_config, target_names, write_adapter
from lrscope.models.checkpoint_writer import write_checkpoint
from lrscope.tasks.base import TaskInputs
from lrscope.tasks.sft_model import lora_settings


def save_weights(
    inputs: TaskInputs, tensors: Mapping[str, Tensor], folder: Path, metadata: Mapping[str, str], trial: TrialConfig,
    *, config: Mapping[str, Any], base: str, kind: str, saved: Sequence[str] = (),
) -> None:  # fmt: skip
    """Write a model as `config` describes it, or adapters on `base` where the trial trained those.

    Raises:
        StudyError: the folder cannot be written, or the disk is full.
    """
    settings = lora_settings(trial)
    if settings is None:
        write_checkpoint(folder, tensors, config, inputs.tokenizer, metadata=metadata)
        return
    described = adapter_config(settings, base=base, kind=kind, targets=target_names(tensors), saved=saved)
    write_adapter(
        folder, tensors, described, inputs.tokenizer,
        metadata={**metadata, "lrscope.base": inputs.checkpoint.fingerprint},
    )  # fmt: skip


def base_of(config: StudyConfig, checkpoint: Path) -> str | Path:
    """Return what a trained model's weights are read from: the checkpoint itself, or the base of adapters."""
    return config.model.model if config.trial.train_part == "lora" else checkpoint
