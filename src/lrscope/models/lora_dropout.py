"""Dropout of what enters adapters, drawn for each example by itself: the same however a batch is cut or packed.

Letters: N rows of a packing, D width.
"""

from __future__ import annotations

import numpy as np
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
        self._num_rows = 0
        self._final_M: Tensor | None = None

    def begin(self, rows: StepRows | None, packing: Packing, final_M: Tensor) -> None:
        """Take in which rows of which step are computed next, and how they are laid out.

        `final_M` are the rows of the packing that are gone on with in the last layer.
        """
        self._rows, self._num_rows, self._final_M = rows, packing.num_rows, final_M
        order = packing.order_B
        lengths_B = packing.last_B - packing.first_B + 1
        self._lengths = list(zip(order.tolist(), lengths_B[order].tolist(), strict=True))

    def kept(self, number: int, x_ND: Tensor) -> Tensor | None:
        """Return what is kept of the input of adapter `number`, as booleans (N, D); None where all is.

        What is kept stands for 1 / (1 − share) of itself. An input of fewer rows than the packing has is of those that
        `begin` named.
        """
        rows = self._rows
        if self.share == 0.0 or rows is None:
            return None
        width, first = x_ND.shape[1], 0
        kept = torch.ones(self._num_rows, width, dtype=torch.bool)
        for place, length in self._lengths:
            seed = derive_seed(rows.seed, "adapter", number, rows.first_row + place)
            kept[first : first + length] = kept_entries(seed, length, width, self.share)
            first += length
        kept = kept.to(x_ND.device)
        if len(x_ND) != self._num_rows:
            assert self._final_M is not None
            kept = kept[self._final_M]
        assert kept.shape == x_ND.shape
        return kept


def kept_entries(seed: int, num_rows: int, width: int, share: float) -> Tensor:
    """Return which entries of an example are kept: each with a probability of 1 − share, to within 2⁻¹⁶.

    Drawn by 16 bits, which takes less than half of the time of floats.
    """
    raw = np.random.SFC64(seed).random_raw(-(-num_rows * width // 4))
    draws = raw.astype("<u8", copy=False).view("<u2")[: num_rows * width]
    return torch.from_numpy(draws >= round(share * 2**16)).view(num_rows, width)
