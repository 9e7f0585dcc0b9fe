"""Cross-entropy of tokens from hidden states, a block of rows at a time: the vocabulary never stands in memory at once.

For a row h with target y and logits z = W·h,

    loss = log Σ exp z − z[y],    dz = softmax(z) − onehot(y),    dh = dz · W,    dW = Σ dzᵀ · h

The gradients are computed with the loss, while a block's logits are there, and scaled in the backward pass. So 1,000
rows of a vocabulary of 49,152 take 12 MB at a time in the place of 600 MB. Source: the idea of Wijmans et al.
(Cut Cross-Entropy, arXiv 2411.09009) and of Liger (arXiv 2410.10989), with blocks for a processor's cache.

Letters: M rows with a target, D model width, V vocabulary.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

BLOCK_BYTES = 48 * 2**20  # of logits: enough rows for a matrix product to run at its full speed
WEIGHT_BLOCK_BYTES = 96 * 2**20  # where the matrix is trained: each block adds to a gradient as large as the matrix
SOFTMAX_BYTES = 8 * 2**20  # of probabilities in float32: what a processor's cache holds
TIMES_ON_A_GPU = 16  # larger blocks: its memory is fast, and its launches are what costs


class TokenLosses(NamedTuple):
    """The sum of M losses, differentiable, each of them, and whether the likeliest token was the right one."""

    total: Tensor
    losses_M: Tensor
    right_M: Tensor


class _BlockwiseCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h_MD: Tensor, w_VD: Tensor, targets_M: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        needs_h, needs_w, _ = ctx.needs_input_grad
        low_VD = w_VD.to(h_MD.dtype)
        M, V = len(h_MD), len(w_VD)
        losses_M = torch.empty(M, dtype=torch.float32, device=h_MD.device)
        right_M = torch.empty(M, dtype=torch.bool, device=h_MD.device)
        grad_h = torch.empty_like(h_MD) if needs_h else None
        grad_w = torch.zeros_like(w_VD) if needs_w else None
        times = TIMES_ON_A_GPU if h_MD.is_cuda else 1
        block = min(M, _rows(times * (WEIGHT_BLOCK_BYTES if needs_w else BLOCK_BYTES), V, h_MD.element_size()))
        logits = torch.empty(block, V, dtype=h_MD.dtype, device=h_MD.device)
        probs = torch.empty(min(block, _rows(times * SOFTMAX_BYTES, V, 4)), V, device=h_MD.device)
        for first in range(0, M, block):
            rows = slice(first, min(first + block, M))
            z_mV = torch.mm(h_MD[rows], low_VD.t(), out=logits[: rows.stop - first])
            losses_M[rows], right_M[rows] = _measure(z_mV, targets_M[rows], probs, to_gradient=needs_h or needs_w)
            if grad_h is not None:
                torch.mm(z_mV, low_VD, out=grad_h[rows])
            if grad_w is not None:
                grad_w += z_mV.t() @ h_MD[rows]
        ctx.save_for_backward(*(g for g in (grad_h, grad_w) if g is not None))
        ctx.has = (needs_h, needs_w)
        ctx.mark_non_differentiable(losses_M, right_M)
        return losses_M.sum(), losses_M, right_M

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, *_: Any) -> tuple[Tensor | None, Tensor | None, None]:
        saved = iter(ctx.saved_tensors)
        grad_h, grad_w = (next(saved) * grad if has else None for has in ctx.has)
        return grad_h, grad_w, None


def _rows(num_bytes: int, vocab_size: int, bytes_a_logit: int) -> int:
    return max(1, num_bytes // (vocab_size * bytes_a_logit))


def _measure(z_mV: Tensor, targets_m: Tensor, probs: Tensor, *, to_gradient: bool) -> tuple[Tensor, Tensor]:
    """Return losses, and whether the largest logit is the target's; the gradient takes the place of the logits.

    `probs` is room for the probabilities of a few rows.
    """
    largest_m, place_m = z_mV.max(-1)
    of_target_m = z_mV.gather(1, targets_m[:, None])[:, 0].float()
    of_largest_m = torch.empty_like(of_target_m)
    for first in range(0, len(z_mV), len(probs)):
        rows = slice(first, min(first + len(probs), len(z_mV)))
        p = torch.softmax(z_mV[rows], -1, dtype=torch.float32, out=probs[: rows.stop - first])
        of_largest_m[rows] = p.gather(1, place_m[rows, None])[:, 0]
        if to_gradient:
            p.scatter_add_(1, targets_m[rows, None], p.new_full((len(p), 1), -1.0))
            z_mV[rows] = p
    # log Σ exp z = max z − log max p, which never underflows: the largest probability is at least 1 / V.
    return largest_m.float() - of_largest_m.log() - of_target_m, place_m == targets_m


def token_losses(h_MD: Tensor, w_VD: Tensor, targets_M: Tensor) -> TokenLosses:
    """Return the cross-entropies of M tokens whose logits are h · Wᵀ, computed in the precision of `h_MD`.

    >>> h, w = torch.eye(2), torch.zeros(4, 2)
    >>> token_losses(h, w, torch.tensor([0, 3])).losses_M
    tensor([1.3863, 1.3863])
    """
    return TokenLosses(*_BlockwiseCrossEntropy.apply(h_MD, w_VD, targets_M))  # type: ignore[no-untyped-call]
