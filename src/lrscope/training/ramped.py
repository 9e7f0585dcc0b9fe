"""The loop under a rising rate: what a range test does to a model, whatever the model is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from torch import nn
from torch.optim import Optimizer

from lrscope.records import StepRecord
from lrscope.schedules.ramp import RAMP_ENDED, Ramp
from lrscope.training.divergence import RiseWatch
from lrscope.training.loop import LossFunction, steps


class RampStep(NamedTuple):
    """One step of a range test; `probe` is the probe's loss after it, and `end_reason` says why it was the last."""

    record: StepRecord
    probe: float | None
    end_reason: str


def ramped_steps(
    model: nn.Module,
    optimizer: Optimizer,
    batches: Iterable[Iterable[Any]],
    loss_fn: LossFunction,
    ramp: Ramp,
    *,
    widen_to: float | None = None,
    clip_norm: float | None = None,
    probe: Callable[[], float] | None = None,
) -> Iterator[RampStep]:
    """Train under a ramp until it ends, or until the loss says that the rate is too large.

    Args:
        model: any torch model.
        optimizer: every group's rate is the ramp's times its `multiplier`; one of None is held.
        batches: as for the loop, without end.
        loss_fn: as for the loop.
        ramp: the rate of each step.
        widen_to: where the loss has not risen by the ramp's end, go on at its pace up to this rate; None: stop there.
        clip_norm: as for the loop.
        probe: measured after every step, in place of the step's own loss, to decide whether the test is over.

    Yields:
        Each step; the last one says why.
    """
    watch = RiseWatch()
    for record in steps(model, optimizer, batches, loss_fn, ramp, clip_norm=clip_norm):
        probed = probe() if probe is not None and not record.diverged else None
        over = watch(record.loss if probed is None else probed)
        why = watch.why if over else record.divergence_reason if record.diverged else ""
        following = record.step + 1
        if not why and following >= ramp.steps and (widen_to is None or ramp(following) > widen_to * (1 + 1e-9)):
            why = RAMP_ENDED
        yield RampStep(record, probed, why)
        if why:
            return
