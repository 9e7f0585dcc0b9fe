"""What the runs say of every pair of arms: the difference, its standard error, and how well that is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lrscope.analysis.components import components
from lrscope.analysis.noise import SeedNoise, assumed, shared_noise
from lrscope.analysis.tables import Floats, ScoreTable

SEED_SD = 0.014
SEED_SD_SOURCE = "the spread over seeds of 42M models on SST-5 at equal rates"


@dataclass(frozen=True, eq=False)
class Evidence:
    """K arms compared in pairs. Larger is better: where a metric is minimized, its sign has been turned.

    `values` [K] are means over seeds; `differences` [K, K] hold row minus column, `errors` the standard errors of that.
    `shares` [K, K] is how much of an error's square is due to seeds, `freedom` with how many degrees of freedom that is
    known. `noise` is what the seeds are taken to do; `num_seeds` [K] and `num_examples`.
    """

    names: tuple[str, ...]
    values: Floats
    differences: Floats
    errors: Floats
    shares: Floats
    freedom: Floats
    noise: SeedNoise
    num_seeds: tuple[int, ...]
    num_examples: int

    @property
    def num_arms(self) -> int:
        """How many arms there are."""
        return len(self.names)


def evidence_of(
    table: ScoreTable, *, maximize: bool = True, seed_sd: float = SEED_SD, these_examples: bool = False
) -> Evidence:
    """Compare all pairs on per-example scores.

    `seed_sd` is assumed where no two seeds are shared. With `these_examples` the statement is about these examples
    alone, not about new ones.
    """
    scaled = table.scaled if maximize else -table.scaled
    there = table.there
    noise = shared_noise(table.means)
    k = len(table.names)
    values = np.array([float(np.mean(scaled[a, there[a]])) if there[a].any() else np.nan for a in range(k)])
    matrices = np.zeros((4, k, k))
    for a in range(k):
        for b in range(a):
            found = _pair(scaled, there, a, b, noise, seed_sd, these_examples=these_examples)
            matrices[:, a, b] = matrices[:, b, a] = found
            matrices[0, b, a] = -found[0]
    known = noise if table.means.shape[1] > 1 else assumed(seed_sd)
    seeds = tuple(int(count) for count in there.sum(axis=1))
    differences, errors, shares, freedom = matrices
    return Evidence(table.names, values, differences, errors, shares, freedom, known, seeds, table.num_examples)


def _pair(
    scaled: Floats, there: NDArray[np.bool_], a: int, b: int, noise: SeedNoise, seed_sd: float, *, these_examples: bool
) -> tuple[float, float, float, float]:
    shared = np.flatnonzero(there[a] & there[b])
    if not len(shared):
        return _apart(scaled[a, there[a]], scaled[b, there[b]], noise, seed_sd, these_examples=these_examples)
    found = components(scaled[a, shared] - scaled[b, shared])
    seeds, n = found.num_seeds, found.num_examples
    if seeds == 1:
        variance, freedom, examples = 2.0 * seed_sd**2, np.inf, found.spread
    else:
        arms = len(scaled)
        variance, freedom = noise.of_pair(found.seeds, seeds - 1.0, max(1.0, arms - 1.0) * (seeds - 1.0))
        examples = found.examples
    return found.difference, *total(variance / seeds, 0.0 if these_examples else examples / n), freedom


def _apart(
    first: Floats, second: Floats, noise: SeedNoise, seed_sd: float, *, these_examples: bool
) -> tuple[float, float, float, float]:
    """Compare two arms that share no seed: their seeds are independent, their examples are shared all the same."""
    if not len(first) or not len(second):
        return np.nan, np.inf, 0.0, np.inf
    d = first.mean(axis=0) - second.mean(axis=0)
    known = noise.freedom > 0
    variance, freedom = (noise.variance, noise.freedom) if known else (2.0 * seed_sd**2, np.inf)
    seeds = variance / 2.0 * (1.0 / len(first) + 1.0 / len(second))
    n = len(d)
    examples = 0.0 if these_examples or n < 2 else float(d.var(ddof=1)) / n
    return float(d.mean()), *total(seeds, examples), freedom


def total(seeds: float, examples: float) -> tuple[float, float]:
    """Return the standard error from two variances, and the share of the first.

    >>> total(3.0, 1.0)
    (2.0, 0.75)
    """
    variance = seeds + examples
    return float(np.sqrt(variance)), float(seeds / variance) if variance > 0.0 else 0.0


def evidence_of_rates(rates: Mapping[str, Sequence[float]], num_examples: int, *, seed_sd: float = SEED_SD) -> Evidence:
    """Compare arms of which only shares of right answers are known, one a seed.

    Var = p (1 − p) / n for either arm: how often both are right together is not known, and taken to be as if they were
    independent, which is cautious. Arms of one seed have `seed_sd` assumed.
    """
    names = tuple(rates)
    numbers = [len(values) for values in rates.values()]
    means = np.array([float(np.mean(values)) for values in rates.values()])
    spreads = [np.var(values, ddof=1) * (len(values) - 1) for values in rates.values() if len(values) > 1]
    known = sum(number - 1 for number in numbers)
    noise = SeedNoise(2.0 * float(sum(spreads)) / known, known, "pooled over arms") if known else assumed(seed_sd)
    k = len(names)
    differences = means[:, None] - means[None, :]
    errors, shares = np.zeros((k, k)), np.zeros((k, k))
    for a in range(k):
        for b in range(k):
            if a != b:
                seeds = noise.variance / 2.0 * (1.0 / numbers[a] + 1.0 / numbers[b])
                examples = sum(float(p * (1.0 - p)) for p in (means[a], means[b])) / num_examples
                errors[a, b], shares[a, b] = total(seeds, examples)
    freedom = np.full((k, k), noise.freedom)
    return Evidence(names, means, differences, errors, shares, freedom, noise, tuple(numbers), num_examples)
