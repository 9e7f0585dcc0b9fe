"""Three operations of a LLaMA layer whose stock backward passes are slow on a CPU, written out by hand.

Each is a `torch.autograd.Function` that keeps only what its backward needs and touches memory as few times as
it can. They compute what the formulas in their docstrings say; `tests/models/test_kernels.py` holds values and
gradients against torch's own operations.

Letters: N tokens of all sentences, b sentences of a group and T its longest, D model width, H query heads, K key/value
heads, G = H / K, E head width, F hidden.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from lrscope.models.fused_attention import fused_attention
from lrscope.models.packing import Block, Group, Packing

LARGEST_PROBABILITIES = 2**23  # bytes a layer that are kept


class _RmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float, out_dtype: torch.dtype) -> Tensor:
        mean_square = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_().div_(x.shape[-1])
        inverse_rms = mean_square.add_(eps).rsqrt_()
        normed = x * inverse_rms
        ctx.save_for_backward(normed, weight, inverse_rms)
        return (normed * weight).to(out_dtype)  # type: ignore[no-any-return]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        normed, weight, inverse_rms = ctx.saved_tensors
        grad = grad.to(normed.dtype)
        product_ND = (grad * normed).flatten(0, -2)
        # dx = (g·w − n · mean(g·w·n)) / rms, with n the normed input
        mean = torch.mv(product_ND, weight).div_(normed.shape[-1]).view(inverse_rms.shape)
        grad_x = torch.mul(grad, weight).addcmul_(normed, mean, value=-1).mul_(inverse_rms)
        return grad_x, product_ND.sum(0) if ctx.needs_input_grad[1] else None, None, None


def rms_norm(x: Tensor, weight_D: Tensor, eps: float, out_dtype: torch.dtype) -> Tensor:
    """y = x / sqrt(mean(x²) + eps) · weight, computed in the precision of `x`, returned as `out_dtype`.

    Source: Zhang and Sennrich, arXiv 1910.07467.
    """
    return _RmsNorm.apply(x, weight_D, eps, out_dtype)  # type: ignore[no-any-return,no-untyped-call]


class _SwiGlu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor) -> Tensor:
        ctx.save_for_backward(gate, up)
        return F.silu(gate).mul_(up)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        gate, up = ctx.saved_tensors
        grad_gate = torch.ops.aten.silu_backward(grad * up, gate)
        return grad_gate, F.silu(gate).mul_(grad)


def swiglu(gate_BTF: Tensor, up_BTF: Tensor) -> Tensor:
    """y = silu(gate) · up (Shazeer, arXiv 2002.05202); the activation is recomputed in the backward pass."""
    return _SwiGlu.apply(gate_BTF, up_BTF)  # type: ignore[no-any-return,no-untyped-call]


def rotate(x_NHE: Tensor, cos_NE: Tensor, signed_sin_NE: Tensor) -> Tensor:
    """Rotary embedding, half-split form: (x1, x2) → (x1·cos − x2·sin, x2·cos + x1·sin) (arXiv 2104.09864).

    `signed_sin_NE` is (−sin, sin) side by side, so that the turn is two passes over memory.
    """
    swapped = torch.roll(x_NHE, x_NHE.shape[-1] // 2, -1)
    return torch.addcmul(x_NHE * cos_NE[:, None], swapped, signed_sin_NE[:, None])


def _probabilities(q: Tensor, k: Tensor, mask: Tensor) -> Tensor:
    return torch.softmax(torch.baddbmm(mask, q, k.transpose(1, 2), alpha=q.shape[-1] ** -0.5), -1)


def _padded(x_NJE: Tensor, group: Group) -> Tensor:
    """Return the group's rows as (b, T, J, E)."""
    b, T = group.index_bT.shape
    if not group.padded:
        return x_NJE[group.start : group.stop].view(b, T, *x_NJE.shape[1:])
    return x_NJE.flatten(1).index_select(0, group.index_bT.flatten()).view(b, T, *x_NJE.shape[1:])


def _queries(x_bTHE: Tensor, block: Block, num_kv_heads: int) -> Tensor:
    """Return (b·K, G·t, E): queries that share a key/value head lie below one another, so that no key is repeated."""
    x = x_bTHE[:, block.start : block.stop]
    b, t, H, E = x.shape
    K = num_kv_heads
    return x.view(b, t, K, H // K, E).permute(0, 2, 3, 1, 4).reshape(b * K, H // K * t, E)


def _put_queries(target_bTHE: Tensor, rows: Tensor, block: Block, num_kv_heads: int) -> None:
    """Write (b·K, G·t, E) back to their places."""
    b, _, H, E = target_bTHE.shape
    K, t = num_kv_heads, block.num_rows
    place = target_bTHE[:, block.start : block.stop].view(b, t, K, H // K, E)
    place.copy_(rows.view(b, K, H // K, t, E).permute(0, 3, 1, 2, 4))


def _keys(x_NKE: Tensor, group: Group) -> Tensor:
    """Return (b·K, T, E)."""
    x = _padded(x_NKE, group)
    return x.transpose(1, 2).reshape(-1, x.shape[1], x.shape[3])


def _put(target_NJE: Tensor, x_bTJE: Tensor, group: Group) -> None:
    """Write a padded group's real rows back to their places."""
    rows = x_bTJE.reshape(-1, x_bTJE.shape[2] * x_bTJE.shape[3])
    out = target_NJE[group.start : group.stop].flatten(1)
    if group.padded:
        torch.index_select(rows, 0, group.real_n, out=out)
    else:
        out.copy_(rows)


class _CausalAttention(torch.autograd.Function):
    """Rotation, scores, softmax and mixing in one node, a group of examples and a block of positions at a time.

    The probabilities are kept for the backward where they are few in all. Where they are not, they are made again:
    those of a batch of long examples would be most of what a fine-tune holds in memory.
    """

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, packing: Packing) -> Tensor:
        q, k = rotate(q, packing.cos_NE, packing.sin_NE), rotate(k, packing.cos_NE, packing.sin_NE)
        v = v.contiguous()
        N, H, E = q.shape
        K = k.shape[1]
        mixed = torch.empty_like(q)
        mixed[packing.num_tokens :] = 0.0
        size = sum(len(g.index_bT) * b.mask_GtxS.numel() for g in packing.groups for b in g.blocks)
        keeps = size * K * q.element_size() <= LARGEST_PROBABILITIES
        kept = []
        for group in packing.groups:
            queries, keys, values = _padded(q, group), _keys(k, group), _keys(v, group)
            out_bTHE = torch.empty_like(queries)
            for block in group.blocks:
                probs = _probabilities(_queries(queries, block, K), keys[:, : block.stop], block.mask_GtxS)
                if keeps:
                    kept.append(probs)
                _put_queries(out_bTHE, torch.bmm(probs, values[:, : block.stop]), block, K)
            _put(mixed, out_bTHE, group)
        ctx.save_for_backward(q, k, v, *kept)
        ctx.packing = packing
        return mixed.view(N, H * E)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        q, k, v, *kept = ctx.saved_tensors
        packing: Packing = ctx.packing
        N, H, E = q.shape
        K = k.shape[1]
        grad = grad.contiguous().view(N, H, E)
        grad_q, grad_k, grad_v = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
        for rows in (grad_q, grad_k, grad_v):
            rows[packing.num_tokens :] = 0.0
        probabilities = iter(kept)
        for group in packing.groups:
            queries, keys, values = _padded(q, group), _keys(k, group), _keys(v, group)
            flows = _padded(grad, group)
            if group.padded:  # what padding would have done has no effect
                flows = flows * group.real_bT[:, :, None, None]
            grad_queries = torch.empty_like(queries)
            grad_keys, grad_values = torch.zeros_like(keys), torch.zeros_like(values)
            for block in group.blocks:
                asked, flow = _queries(queries, block, K), _queries(flows, block, K)
                seen = slice(0, block.stop)
                probs = next(probabilities) if kept else _probabilities(asked, keys[:, seen], block.mask_GtxS)
                grad_values[:, seen].baddbmm_(probs.transpose(1, 2), flow)
                grad_probs = torch.bmm(flow, values[:, seen].transpose(1, 2))
                grad_scores = torch.ops.aten._softmax_backward_data(grad_probs, probs, -1, probs.dtype)
                _put_queries(grad_queries, torch.bmm(grad_scores, keys[:, seen]), block, K)
                grad_keys[:, seen].baddbmm_(grad_scores.transpose(1, 2), asked)
            b, T = group.index_bT.shape
            _put(grad_q, grad_queries, group)
            _put(grad_k, grad_keys.view(b, K, T, E).transpose(1, 2), group)
            _put(grad_v, grad_values.view(b, K, T, E).transpose(1, 2), group)
        # The inverse of a rotation is the rotation by the opposite angle.
        cos, sin, scale = packing.cos_NE, -packing.sin_NE, E**-0.5
        return rotate(grad_q.mul_(scale), cos, sin), rotate(grad_k.mul_(scale), cos, sin), grad_v, None


def causal_attention(q_NHE: Tensor, k_NKE: Tensor, v_NKE: Tensor, packing: Packing) -> Tensor:
    """softmax(rotate(q) · rotate(k)ᵀ / √E + mask) · v within each sentence, heads side by side: shape (N, H·E)."""
    if q_NHE.is_cuda:
        cos, sin = packing.cos_NE, packing.sin_NE
        return fused_attention(rotate(q_NHE, cos, sin), rotate(k_NKE, cos, sin), v_NKE, packing)
    return _CausalAttention.apply(q_NHE, k_NKE, v_NKE, packing)  # type: ignore[no-any-return,no-untyped-call]
