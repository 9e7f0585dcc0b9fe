"""What a GPU computes attention by, held against the processor's kernel on the processor."""

import pytest
import torch

from lrscope.models.fused_attention import fused_attention
from lrscope.models.kernels import causal_attention, rotate
from lrscope.models.packing import Packing
from lrscope.models.shape import LlamaShape

SHAPE = LlamaShape(
    vocab_size=10, dim=32, num_layers=1, num_heads=4, num_kv_heads=2, head_dim=8, hidden_dim=16, max_positions=512,
    norm_eps=1e-5, rope_theta=1e4, tied=True, rope_scaling=None,
)  # fmt: skip


@pytest.mark.parametrize("lengths", [[5, 3, 9, 1], [7], [4, 4, 4], [200, 3, 150]])
def test_it_equals_the_processors_kernel(lengths: list[int]) -> None:
    torch.manual_seed(0)
    packing = Packing(torch.tensor(lengths), SHAPE, torch.float64)
    N, found = packing.num_rows, []
    q, k, v = (torch.randn(N, heads, 8, dtype=torch.float64) for heads in (4, 2, 2))
    weight = torch.randn(N, 32, dtype=torch.float64)
    weight[packing.num_tokens :] = 0.0
    for fused in (False, True):
        leaves = [x.clone().requires_grad_() for x in (q, k, v)]
        if fused:
            cos, sin = packing.cos_NE, packing.sin_NE
            mixed = fused_attention(rotate(leaves[0], cos, sin), rotate(leaves[1], cos, sin), leaves[2], packing)
        else:
            mixed = causal_attention(*leaves, packing)
        (mixed * weight).sum().backward()
        found.append([mixed.detach()[: packing.num_tokens], *(leaf.grad[: packing.num_tokens] for leaf in leaves)])
        assert mixed.shape == (N, 32)
        assert not mixed[packing.num_tokens :].any()
    for mine, other in zip(*found, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-9)
