"""Causal attention of a packing on a GPU: padded to its longest example, for torch's fused kernels.

A GPU has launches to lose where a processor has padding: one call for the whole batch in the place of `kernels`' groups
and blocks of positions. Padding follows an example's tokens, so a causal mask alone keeps every token from it.

Letters: N rows of the packing, B examples, T positions of the longest, H query heads, K key/value heads, E head width.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from lrscope.models.packing import Group, Packing


def fused_attention(q_NHE: Tensor, k_NKE: Tensor, v_NKE: Tensor, packing: Packing) -> Tensor:
    """softmax(q · kᵀ / √E + mask) · v within each example, of rotated queries and keys: shape (N, H·E)."""
    N, H, E = q_NHE.shape
    G = H // k_NKE.shape[1]
    group = packing.whole
    q, k, v = (_padded(x, group) for x in (q_NHE, k_NKE, v_NKE))
    if G > 1:
        k, v = k.repeat_interleave(G, 1), v.repeat_interleave(G, 1)
    mixed_BHTE = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    rows = mixed_BHTE.transpose(1, 2).reshape(-1, H * E)
    return torch.cat((rows.index_select(0, group.real_n), rows.new_zeros(N - packing.num_tokens, H * E)))


def _padded(x_NJE: Tensor, group: Group) -> Tensor:
    rows = x_NJE.flatten(1).index_select(0, group.index_bT.flatten())
    return rows.view(*group.index_bT.shape, *x_NJE.shape[1:]).transpose(1, 2)
