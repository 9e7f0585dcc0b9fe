"""Dropout of what enters adapters, drawn for each example by itself: the same however a batch is cut or packed.

Letters: N rows of a packing, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lrscope.models.packing import Packing
from lrscope.randomness import StepRows, derive_seed


class LoraDropout:
    """Draws what is kept of the input of each adapter of a model. Without `begin`, everything is kept."""

    def __init__(self, share: float) -> None:
        self.share = share
        self._rows: StepRows | None = None
        self._lengths: list[tuple[int, int]] = []

    def begin(self, rows: StepRows | None, packing: Packing) -> None:
        """Take in which rows of which step are computed next, and how they are laid out."""
        self._rows = rows
        order = packing.order_B
        lengths_B = packing.last_B - packing.first_B + 1
        self._lengths = list(zip(order.tolist(), lengths_B[order].tolist(), strict=True))

    def kept(self, number: int, x_ND: Tensor) -> Tensor | None:
        """Return 1 / (1 − share) where the input of adapter `number` is kept and 0 elsewhere, (N, D)."""
        rows = self._rows
        if self.share == 0.0 or rows is None:
            return None
        N, D = x_ND.shape
        draws = torch.ones(N, D)
        first = 0
        for place, length in self._lengths:
            seed = derive_seed(rows.seed, "adapter", number, rows.first_row + place)
            torch.rand(length, D, generator=torch.Generator().manual_seed(seed), out=draws[first : first + length])
            first += length
        kept = (draws >= self.share).to(x_ND.dtype).div_(1.0 - self.share)
        return kept.to(x_ND.device)
