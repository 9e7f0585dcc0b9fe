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

BLOCK_BYTES = 12 * 2**20  # of logits: what a processor's cache holds beside the weights that stream through it
WEIGHT_BLOCK_BYTES = 96 * 2**20  # where the matrix is trained: each block adds to a gradient as large as the matrix


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
        fine = _rows(BLOCK_BYTES, V, h_MD.element_size())
        coarse = _rows(WEIGHT_BLOCK_BYTES, V, h_MD.element_size()) if needs_w else fine
        for first in range(0, M, coarse):
            block = slice(first, min(first + coarse, M))
            grad_z = torch.empty(block.stop - first, V, dtype=h_MD.dtype, device=h_MD.device) if needs_w else None
            for start in range(first, block.stop, fine):
                rows = slice(start, min(start + fine, block.stop))
                z = h_MD[rows] @ low_VD.t()
                losses_M[rows], right_M[rows], probs = _measured(z, targets_M[rows])
                if not (needs_h or needs_w):
                    continue
                probs.scatter_add_(1, targets_M[rows, None], probs.new_full((len(z), 1), -1.0))
                here = z if grad_z is None else grad_z[start - first : rows.stop - first]
                here.copy_(probs)  # the logits are done with: their place takes the gradient
                if grad_h is not None:
                    torch.mm(here, low_VD, out=grad_h[rows])
            if grad_w is not None and grad_z is not None:
                grad_w += grad_z.t() @ h_MD[block]
        ctx.save_for_backward(*(g for g in (grad_h, grad_w) if g is not None))
        ctx.has = (needs_h, needs_w)
        ctx.mark_non_differentiable(losses_M, right_M)
        return losses_M.sum(), losses_M, right_M

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, *_: Any) -> tuple[Tensor | None, Tensor | None, None]:
        saved = iter(ctx.saved_tensors)
        grad_h, grad_w = (next(saved).mul_(grad) if has else None for has in ctx.has)
        return grad_h, grad_w, None


def _rows(num_bytes: int, vocab_size: int, bytes_a_logit: int) -> int:
    return max(1, num_bytes // (vocab_size * bytes_a_logit))


def _measured(z_mV: Tensor, targets_m: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return losses, whether the largest logit is the target's, and probabilities in float32."""
    probs = torch.softmax(z_mV, -1, dtype=torch.float32)
    largest, place = z_mV.max(-1)
    # log Σ exp z = max z − log max p, which never underflows: the largest probability is at least 1 / V.
    log_sum = largest.float() - probs.gather(1, place[:, None])[:, 0].log()
    return log_sum - z_mV.gather(1, targets_m[:, None])[:, 0].float(), place == targets_m, probs


def token_losses(h_MD: Tensor, w_VD: Tensor, targets_M: Tensor) -> TokenLosses:
    """Return the cross-entropies of M tokens whose logits are h · Wᵀ, computed in the precision of `h_MD`.

    >>> h, w = torch.eye(2), torch.zeros(4, 2)
    >>> token_losses(h, w, torch.tensor([0, 3])).losses_M
    tensor([1.3863, 1.3863])
    """
    return TokenLosses(*_BlockwiseCrossEntropy.apply(h_MD, w_VD, targets_M))  # type: ignore[no-untyped-call]
