"""Adapters as trials ask for them, held to the model before anything is trained."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from lrscope.config import StudyConfig, TrialConfig
from lrscope.models.checkpoints import Checkpoint
from lrscope.models.lora import Adapters, LoraSettings, targeted
from lrscope.models.shape import LlamaShape
from lrscope.randomness import derive_seed


class MatricesIn(Protocol):
    """Reads which matrices of a model in a folder may have an adapter, without its weights."""

    def __call__(self, folder: Path) -> Mapping[str, tuple[int, int]]:
        """Return them as (rows, columns) by name."""
        ...


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


def adapters_of(trial: TrialConfig) -> Adapters | None:
    """Return a trial's adapters, with initial values that depend on its seed alone; None where it has none."""
    settings = lora_settings(trial)
    return None if settings is None else Adapters(settings, derive_seed(trial.seed, "adapter"))


def check_adapters(
    config: StudyConfig, checkpoint: Checkpoint, implementation: str, matrices_in: MatricesIn
) -> list[str]:
    """Hold the adapters that a study asks for to its model; return notes for the user.

    Raises:
        ConfigError: targets match nothing, or a rank is larger than that of any matrix.
        CheckpointError: transformers does not have such a model.
    """
    if implementation != "native":
        sizes = matrices_in(checkpoint.path)
    else:
        assert checkpoint.shape is not None
        sizes = _matrices(checkpoint.shape)
    notes: dict[str, None] = {}
    for settings in _asked_for(config):
        chosen = targeted(sizes, settings)
        narrow = {name.rpartition(".")[2] for name, size in chosen.items() if min(size) < settings.rank}
        if narrow:
            what = f"rank {settings.rank} is more than the rank of {', '.join(sorted(narrow))}"
            notes[f"{what}: a part of their adapters is of no use"] = None
    return list(notes)


def _matrices(shape: LlamaShape) -> dict[str, tuple[int, int]]:
    sizes = shape.tensor_shapes().items()
    return {
        name.removesuffix(".weight"): (size[0], size[1])
        for name, size in sizes
        if len(size) == 2 and ".layers." in name
    }


def _asked_for(config: StudyConfig) -> Iterator[LoraSettings]:
    """Yield the adapters of all arms, by what must fit a model: their rank and their targets."""
    grid, trial = {} if config.sweep is None else config.sweep.grid, config.trial
    if "lora" not in grid.get("train_part", (trial.train_part,)):
        return
    names = ("lora_rank", "lora_targets")
    for values in itertools.product(*(grid.get(name, (getattr(trial, name),)) for name in names)):
        settings = lora_settings(trial.with_values({"train_part": "lora", **dict(zip(names, values, strict=True))}))
        assert settings is not None
        yield settings
