"""The matrix of a LLaMA: no bias, kept in its own precision, multiplied in that of its input."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Linear(nn.Linear):
    """A matrix without bias, kept in its master precision and multiplied in the precision of its input."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return x · Wᵀ in the precision of x."""
        return F.linear(x, self.weight.to(x.dtype))
