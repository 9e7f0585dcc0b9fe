"""What the processes of a distributed training agree on; alone, everything is as it is."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed


def are_several() -> bool:
    """Return whether this is one process of several that train together."""
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def mean_over_ranks(loss: Tensor) -> Tensor:
    """Return a loss with the value of the mean over all processes, to the bit, and the gradient of this one's own.

    So a loss that is not finite on one of them is so on all, and they go on, or stop, together.
    """
    if not are_several():
        return loss
    mean = loss.detach().clone()
    distributed.all_reduce(mean)
    result: Tensor = _OfValue.apply(loss, mean / distributed.get_world_size())  # type: ignore[no-untyped-call]
    return result


def on_any_rank(holds: bool, device: torch.device) -> bool:
    """Return whether something holds on one of the processes at least."""
    if not are_several():
        return holds
    flag = torch.tensor(float(holds), device=device)
    distributed.all_reduce(flag, distributed.ReduceOp.MAX)
    return bool(flag)


class _OfValue(torch.autograd.Function):
    """The second argument's value with the first one's gradient."""

    @staticmethod
    def forward(ctx: Any, loss: Tensor, value: Tensor) -> Tensor:
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return gradients[0], None
