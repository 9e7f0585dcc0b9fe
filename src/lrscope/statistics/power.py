"""What it would cost to know: seeds and examples until a difference that matters can be told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lrscope.statistics.distributions import normal_critical
from lrscope.statistics.evidence import Evidence
from lrscope.statistics.multiplicity import best_critical

POWER = 0.8
MAX_SEEDS = 200


@dataclass(frozen=True)
class Need:
    """What telling a difference takes. `seeds` an arm is None where no number does: the examples are too few.

    `examples` is how many would do at `at_seeds` seeds.
    """

    difference: float
    seeds: int | None
    examples: int | None
    at_seeds: int


def needed(
    difference: float, *, seed_variance: float, example_variance: float, num_examples: int, num_arms: int,
    at_seeds: int, error: float = 0.05, power: float = POWER,
) -> Need:  # fmt: skip
    """Return what telling this difference from the best takes, in `power` of studies.

    `seed_variance` is the variance over seeds of a difference between two arms, `example_variance` that over examples
    of an example's difference: δ ≥ (c + z_power) √(v/S + e/n), c for comparisons with the best of so many arms.

    >>> needed(0.04, seed_variance=4e-4, example_variance=0.05, num_examples=1100, num_arms=6, at_seeds=3).seeds
    4
    """
    z = normal_critical(1.0 - power)

    def enough(seeds: int, examples: float) -> bool:
        c = best_critical(num_arms, math.inf, error)
        return difference >= (c + z) * math.sqrt(seed_variance / seeds + example_variance / examples)

    seeds = next((s for s in range(1, MAX_SEEDS + 1) if enough(s, num_examples)), None)
    # Where no number of seeds does, the seeds take half of the variance that is left, and the examples the rest.
    budget = (difference / (best_critical(num_arms, math.inf, error) + z)) ** 2
    if seeds is None:
        at_seeds = max(at_seeds, math.ceil(2.0 * seed_variance / budget))
    room = budget - seed_variance / max(1, at_seeds)
    examples = math.ceil(example_variance / room) if room > 0.0 else None
    if seeds is None and (at_seeds > MAX_SEEDS or not examples):
        return Need(difference, None, None, MAX_SEEDS)
    return Need(difference, seeds, examples, at_seeds)


def needed_among(evidence: Evidence, arms: Sequence[int], difference: float, error: float) -> Need:
    """Return what telling this difference takes among these arms, from what is typical of their pairs: the medians."""
    e = evidence
    inner, pairs = np.ix_(arms, arms), np.triu_indices(len(arms), 1)
    own = np.asarray(e.num_seeds)[list(arms)]
    seeds = np.maximum(1, np.minimum.outer(own, own))[pairs]
    squares, shares = e.errors[inner][pairs] ** 2, e.shares[inner][pairs]
    by_seed, rest = seeds * squares * shares, e.num_examples * squares * (1.0 - shares)
    return needed(
        difference, seed_variance=float(np.median(by_seed)), example_variance=float(np.median(rest)),
        num_examples=max(1, e.num_examples), num_arms=len(arms), at_seeds=max(8, int(seeds.max())), error=error,
    )  # fmt: skip
