"""The frequencies of rotary positions, and how they are scaled for contexts beyond those a model was first trained on.

Letters: E head width.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lrscope.errors import CheckpointError

LARGEST = 1e300


@dataclass(frozen=True, kw_only=True)
class LinearScaling:
    """All frequencies divided by `factor`, as if positions were that much closer together (arXiv 2306.15595)."""

    factor: float

    def __post_init__(self) -> None:
        if not 0 < self.factor < LARGEST:
            raise CheckpointError(f"rope scaling must have a positive factor: got {self.factor}; take another model")

    def scaled(self, frequencies: Tensor) -> Tensor:
        """Return f / factor."""
        return frequencies / self.factor

    def to_config(self) -> dict[str, Any]:
        """Return what `config.json` says of it."""
        return {"rope_type": "linear", "factor": self.factor}


@dataclass(frozen=True, kw_only=True)
class Llama3Scaling:
    """Low frequencies divided by `factor`, high ones left, and a blend of both between (Llama 3.1, arXiv 2407.21783).

    A frequency f turns n = original_positions · f / 2π times within the original context. With
    s = (n − low_freq_factor) / (high_freq_factor − low_freq_factor), limited to [0, 1], it becomes
    s · f + (1 − s) · f / factor.
    """

    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_positions: int

    def __post_init__(self) -> None:
        if not 0 < self.factor < LARGEST:
            raise CheckpointError(f"rope scaling must have a positive factor: got {self.factor}; take another model")
        if not 0 < self.low_freq_factor < self.high_freq_factor < LARGEST or self.original_positions < 1:
            got = f"{self.low_freq_factor}, {self.high_freq_factor} and {self.original_positions} positions"
            raise CheckpointError(
                f"rope scaling llama3 must have 0 < low_freq_factor < high_freq_factor and a context: got {got}; "
                "take config.json from the model's source"
            )

    def scaled(self, frequencies: Tensor) -> Tensor:
        """Return s · f + (1 − s) · f / factor."""
        turns = self.original_positions * frequencies / (2 * math.pi)
        share = (turns - self.low_freq_factor) / (self.high_freq_factor - self.low_freq_factor)
        return torch.lerp(frequencies / self.factor, frequencies, share.clamp(0.0, 1.0))

    def to_config(self) -> dict[str, Any]:
        """Return what `config.json` says of it."""
        return {
            "rope_type": "llama3",
            "factor": self.factor,
            "low_freq_factor": self.low_freq_factor,
            "high_freq_factor": self.high_freq_factor,
            "original_max_position_embeddings": self.original_positions,
        }


RopeScaling = LinearScaling | Llama3Scaling


def rope_frequencies(head_dim: int, theta: float, scaling: RopeScaling | None, device: torch.device) -> Tensor:
    """Return radians a position for each pair of a head, (E/2,): θ^(−2i/E), scaled (RoFormer, arXiv 2104.09864)."""
    exponents = torch.arange(0, head_dim, 2, device=device, dtype=torch.float32) / head_dim
    frequencies = 1.0 / theta**exponents
    return frequencies if scaling is None else scaling.scaled(frequencies)


def rope_section(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a `config.json` says of rotary positions: transformers 4's `rope_scaling`, or 5's `rope_parameters`.

    Where both are there, transformers takes the first.
    """
    value = config.get("rope_scaling") or config.get("rope_parameters") or {}
    return value if isinstance(value, Mapping) else {}


def rope_type(config: Mapping[str, Any]) -> str:
    """Return the kind of scaling that a `config.json` asks for, `default` for none.

    >>> rope_type({"rope_scaling": {"type": "linear", "factor": 2.0}})
    'linear'
    """
    section = rope_section(config)
    return str(section.get("rope_type") or section.get("type") or "default")
