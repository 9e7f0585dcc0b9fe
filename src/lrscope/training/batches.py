"""What each step of a trial computes on: a function of (configuration, step), so that a resumed run sees the same."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrscope.config import TrialConfig
from lrscope.data.batches import plan_epoch
from lrscope.randomness import StepRows, derive_seed
from lrscope.schedules.horizon import count_steps_per_epoch
from lrscope.training.study_inputs import StudyInputs


def step_batches(
    inputs: StudyInputs,
    config: TrialConfig,
    *,
    start: int = 0,
    order_seed: int | None = None,
    endless: bool = False,
) -> Iterator[Iterator[Any]]:
    """Yield each step's micro-batches from step `start` on; the plan of an epoch depends on (seed, epoch) alone.

    `order_seed` is the trial's own where it is None. Where `endless`, epochs follow without end.
    """
    train = inputs.encoded["train"]
    steps_per_epoch = count_steps_per_epoch(train.num_examples, config.batch_size)
    seed = config.seed if order_seed is None else order_seed
    for epoch in itertools.count(start // steps_per_epoch):
        if epoch >= config.epochs and not endless:
            return
        plan = plan_epoch(train.lengths, config.batch_size, seed=seed, epoch=epoch, batching=inputs.numerics.batching)
        first = epoch * steps_per_epoch
        for step in range(max(start, first), first + steps_per_epoch):
            yield _micro_batches(inputs, config, plan[step - first], step)


def _micro_batches(inputs: StudyInputs, config: TrialConfig, indices: NDArray[np.int64], step: int) -> Iterator[Any]:
    seed = derive_seed(config.seed, "dropout", step)
    size = config.micro_batch or len(indices)
    for first in range(0, len(indices), size):
        rows = StepRows(seed, first, len(indices))
        yield inputs.batch(inputs.encoded["train"], indices[first : first + size], rows)
