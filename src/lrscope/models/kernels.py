"""Three operations of a LLaMA layer whose stock backward passes are slow on a CPU, written out by hand.

Each is a `torch.autograd.Function` that keeps only what its backward needs and touches memory as few times as
it can. They compute what the formulas in their docstrings say; `tests/models/test_kernels.py` holds values and
gradients against torch's own operations.

Letters: B batch, T positions, D model width, H query heads, K key/value heads, G = H / K, E head width, F hidden.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

LARGEST_PROBABILITIES = 2**22  # bytes at a time


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
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        normed, weight, inverse_rms = ctx.saved_tensors
        grad = grad.to(normed.dtype)
        product_ND = (grad * normed).flatten(0, -2)
        # dx = (g·w − n · mean(g·w·n)) / rms, with n the normed input
        mean = torch.mv(product_ND, weight).div_(normed.shape[-1]).view(inverse_rms.shape)
        grad_x = torch.mul(grad, weight).addcmul_(normed, mean, value=-1).mul_(inverse_rms)
        return grad_x, product_ND.sum(0), None, None


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


def rotate(x_BTHE: Tensor, cos_TE: Tensor, signed_sin_TE: Tensor) -> Tensor:
    """Rotary embedding, half-split form: (x1, x2) → (x1·cos − x2·sin, x2·cos + x1·sin) (arXiv 2104.09864).

    `signed_sin_TE` is (−sin, sin) side by side, so that the turn is two passes over memory.
    """
    swapped = torch.roll(x_BTHE, x_BTHE.shape[-1] // 2, -1)
    return torch.addcmul(x_BTHE * cos_TE[:, None], swapped, signed_sin_TE[:, None])


def _probabilities(q: Tensor, k: Tensor, mask: Tensor) -> Tensor:
    return torch.softmax(torch.baddbmm(mask, q, k.transpose(1, 2), alpha=q.shape[-1] ** -0.5), -1)


def _slices(num_heads: int, mask: Tensor) -> list[slice]:
    """Return stretches of (sentence, head) pairs whose probabilities are at most `LARGEST_PROBABILITIES` bytes."""
    size = max(1, LARGEST_PROBABILITIES // (mask.numel() * mask.element_size()))
    return [slice(first, first + size) for first in range(0, num_heads, size)]


class _CausalAttention(torch.autograd.Function):
    """Rotation, scores, softmax and mixing in one node.

    The T × T probabilities are kept for the backward where they are small. Where they are not, they are made a few
    sentences at a time, and again in the backward: all at once, those of a batch of long sentences would be most of
    what a fine-tune holds in memory, and would not fit the processor's cache.
    """

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, cos: Tensor, sin: Tensor, mask: Tensor) -> Tensor:
        B, T, H, E = q.shape
        K = k.shape[2]
        # Queries that share a key/value head lie below one another, so that no key is ever repeated.
        q = rotate(q, cos, sin).view(B, T, K, H // K, E).permute(0, 2, 3, 1, 4).reshape(B * K, H // K * T, E)
        k = rotate(k, cos, sin).transpose(1, 2).reshape(B * K, T, E)
        v = v.transpose(1, 2).reshape(B * K, T, E)
        slices, kept = _slices(B * K, mask), None
        if len(slices) == 1:
            kept = _probabilities(q, k, mask)
            mixed = torch.bmm(kept, v)
        else:
            mixed = torch.empty_like(q)
            for part in slices:
                torch.bmm(_probabilities(q[part], k[part], mask), v[part], out=mixed[part])
        ctx.save_for_backward(q, k, v, kept, mask, cos, sin)
        ctx.num_heads = H
        return mixed.view(B, K, H // K, T, E).permute(0, 3, 1, 2, 4).reshape(B, T, H * E)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None, None]:
        q, k, v, kept, mask, cos, sin = ctx.saved_tensors
        H, (B, T, _), E = ctx.num_heads, grad.shape, q.shape[-1]
        K = k.shape[0] // B
        grad = grad.view(B, T, K, H // K, E).permute(0, 2, 3, 1, 4).reshape(q.shape)
        grad_q, grad_k, grad_v = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
        for part in _slices(B * K, mask):
            probs = _probabilities(q[part], k[part], mask) if kept is None else kept
            torch.bmm(probs.transpose(1, 2), grad[part], out=grad_v[part])
            grad_probs = torch.bmm(grad[part], v[part].transpose(1, 2))
            grad_scores = torch.ops.aten._softmax_backward_data(grad_probs, probs, -1, probs.dtype)
            torch.bmm(grad_scores, k[part], out=grad_q[part])
            torch.bmm(grad_scores.transpose(1, 2), q[part], out=grad_k[part])
        grad_q.mul_(E**-0.5)
        grad_k.mul_(E**-0.5)
        # The inverse of a rotation is the rotation by the opposite angle.
        grad_q = rotate(grad_q.view(B, H, T, E).transpose(1, 2), cos, -sin)
        grad_k = rotate(grad_k.view(B, K, T, E).transpose(1, 2), cos, -sin)
        return grad_q, grad_k, grad_v.view(B, K, T, E).transpose(1, 2), None, None, None


def causal_attention(
    q_BTHE: Tensor, k_BTKE: Tensor, v_BTKE: Tensor, cos_TE: Tensor, sin_TE: Tensor, mask_GTxT: Tensor
) -> Tensor:
    """softmax(rotate(q) · rotate(k)ᵀ / √E + mask) · v, heads side by side: shape (B, T, H·E)."""
    return _CausalAttention.apply(q_BTHE, k_BTKE, v_BTKE, cos_TE, sin_TE, mask_GTxT)  # type: ignore[no-any-return,no-untyped-call]
