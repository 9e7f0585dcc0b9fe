"""Which examples make up which batch: a plan for an epoch, drawn from (seed, epoch) alone.

Sentences differ in length, and a batch is as wide as its longest: random batches of 80 SST sentences are 56% padding.
Bucketed ones are drawn from large shuffled chunks that are sorted by length inside, which leaves 4%.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lrscope.randomness import derive_seed

Plan = list[NDArray[np.int64]]

# Chunks of so many batches are sorted by length: more leaves less padding, fewer leaves batches more random.
BATCHES_A_CHUNK = 32


def plan_epoch(
    lengths: NDArray[np.int64], batch_size: int, *, seed: int, epoch: int, batching: str = "bucketed"
) -> Plan:
    """Return the batches of an epoch as arrays of example numbers: every example once, ceil(N / batch_size) batches.

    The examples that do not fill a batch are drawn at random, and their smaller batch stands at a random place.

    >>> plan = plan_epoch(np.array([3, 9, 4, 8, 5]), 2, seed=0, epoch=0)
    >>> sorted(len(batch) for batch in plan), sorted(int(i) for batch in plan for i in batch)
    ([1, 2, 2], [0, 1, 2, 3, 4])
    """
    generator = np.random.Generator(np.random.PCG64(derive_seed(seed, "order", epoch)))
    order = generator.permutation(len(lengths))
    if batching == "random":
        return _cut(order, batch_size)
    num_full = len(order) // batch_size * batch_size
    size = BATCHES_A_CHUNK * batch_size
    chunks = [order[first : min(first + size, num_full)] for first in range(0, num_full, size)]
    ranked = [chunk[np.argsort(lengths[chunk], kind="stable")] for chunk in chunks]
    plan = [batch for chunk in ranked for batch in _cut(chunk, batch_size)] + _cut(order[num_full:], batch_size)
    return [plan[place] for place in generator.permutation(len(plan))]


def plan_evaluation(lengths: NDArray[np.int64], batch_size: int, most_tokens: int | None = None) -> Plan:
    """Return all examples in batches of like length, the longest first, so that memory runs out at once or never.

    A batch has at most `most_tokens`, or one example.

    >>> [batch.tolist() for batch in plan_evaluation(np.array([2, 9, 8, 3]), 3, most_tokens=12)]
    [[1], [2, 3], [0]]
    """
    order = np.argsort(-lengths, kind="stable")
    if most_tokens is None:
        return _cut(order, batch_size)
    plan: Plan = []
    first = tokens = 0
    for place, length in enumerate(lengths[order]):
        if place > first and (place - first == batch_size or tokens + length > most_tokens):
            plan.append(order[first:place])
            first, tokens = place, 0
        tokens += int(length)
    return [*plan, order[first:]]


def padding_share(lengths: NDArray[np.int64], plan: Sequence[NDArray[np.int64]]) -> float:
    """Return the share of a plan's positions that are padding.

    >>> padding_share(np.array([2, 4]), [np.array([0, 1])])
    0.25
    """
    positions = sum(int(lengths[batch].max()) * len(batch) for batch in plan)
    return 1.0 - sum(int(lengths[batch].sum()) for batch in plan) / positions


def _cut(order: NDArray[np.int64], size: int) -> Plan:
    return [order[first : first + size] for first in range(0, len(order), size)]
