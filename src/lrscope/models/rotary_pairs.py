"""Two ways to lay out the pairs that rotary positions turn, and the way between them.

llama2.c and Meta's own code turn neighbouring entries of a head (0 with 1, 2 with 3, …); transformers and our own
model turn entry i with entry i + E/2. The rows of the query and key matrices are reordered when weights are read, so
that both compute the same.
"""

from __future__ import annotations

from torch import Tensor


def halves_from_pairs(weight: Tensor, num_heads: int) -> Tensor:
    """Reorder the rows of a query or key matrix (H·E, D) from neighbouring pairs to halves."""
    rows, columns = weight.shape
    return weight.view(num_heads, rows // num_heads // 2, 2, columns).transpose(1, 2).reshape(rows, columns)


def pairs_from_halves(weight: Tensor, num_heads: int) -> Tensor:
    """Undo `halves_from_pairs`."""
    rows, columns = weight.shape
    return weight.view(num_heads, 2, rows // num_heads // 2, columns).transpose(1, 2).reshape(rows, columns)
