"""The training loop: one generator, which a fine-tune, a range test and a sweep all drive.

It knows no task, config or store. It yields a record after every optimizer update, and at every yield the model
and the optimizer stand at a step boundary: whoever drives it may store, draw, evaluate, take a snapshot, or close
it and go on later from the next step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from lrscope.records import StepRecord
from lrscope.training.optimizer import applied_rate, set_rate

LossFunction = Callable[[nn.Module, Any], tuple[Tensor, float]]


def steps(
    model: nn.Module,
    optimizer: Optimizer,
    batches: Iterable[Iterable[Any]],
    loss_fn: LossFunction,
    rate_at: Callable[[int], float] | LRScheduler,
    *,
    start: int = 0,
    clip_norm: float | None = None,
) -> Iterator[StepRecord]:
    """Train, one optimizer update a record.

    Args:
        model: any torch model.
        optimizer: its rate is set before each update, in every parameter group.
        batches: for each step, its micro-batches: their gradients are accumulated into one update.
        loss_fn: (model, micro-batch) → the loss as (sum, count of units); the step's loss is Σ sums / Σ counts.
        rate_at: step → learning rate, or a torch scheduler on this optimizer, which is stepped after every update.
        start: number of the first step, when a run goes on.
        clip_norm: largest gradient norm, in the units of the mean loss; None for no clipping.

    Yields:
        A record a step. A loss or gradient that is not finite makes no update: its record says `diverged`, and
        is the last.
    """
    for step, micro_batches in enumerate(batches, start):
        began = perf_counter()
        if not model.training:  # whoever drove us may have evaluated
            model.train()
        if not isinstance(rate_at, LRScheduler):
            set_rate(optimizer, rate_at(step))
        rate = applied_rate(optimizer)
        optimizer.zero_grad(set_to_none=True)
        totals: list[tuple[Tensor, float]] = []
        unit = 0.0
        for micro_batch in micro_batches:
            total, micro_count = loss_fn(model, micro_batch)
            # With one micro-batch, `unit` is the count, and the gradient needs no second pass to become a mean.
            unit = unit or micro_count
            totals.append((total.detach(), micro_count))
            (total / unit).backward()  # type: ignore[no-untyped-call]
        gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        total_norm = torch.nn.utils.get_total_norm(gradients)
        # Here the loop waits for the device, once an update: all of its work was queued before the loss is fetched.
        loss, count = _summed(totals)
        norm = float("nan")
        if math.isfinite(loss):
            to_mean = unit / count
            norm = total_norm.item() * to_mean
            if math.isfinite(norm):
                scale = to_mean * (clip_norm / norm if clip_norm is not None and norm > clip_norm else 1.0)
                if scale != 1.0:
                    torch._foreach_mul_(gradients, scale)
                optimizer.step()
                if isinstance(rate_at, LRScheduler):
                    rate_at.step()
        mean = loss / count if count else float("nan")
        diverged = not (math.isfinite(mean) and math.isfinite(norm))
        yield StepRecord(step, rate, mean, count, norm, perf_counter() - began, diverged)
        if diverged:
            return


def _summed(totals: list[tuple[Tensor, float]]) -> tuple[float, float]:
    """Return the sum of losses and of their counts, up to the first that is not finite."""
    loss, count = 0.0, 0.0
    for total, micro_count in totals:
        loss, count = loss + total.item(), count + micro_count
        if not math.isfinite(loss):
            break
    return loss, count
