"""What the runs say of every pair of arms: the difference, its standard error, and how well that is known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lrscope.runs.runs import Runs
from lrscope.runs.score_table import Floats, ScoreTable
from lrscope.statistics.components import pair_components
from lrscope.statistics.defaults import SEED_SD
from lrscope.statistics.noise import SeedNoise, assumed, most_telling, rough_noise, shared_noise, total_noise


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
    noise = noise if noise.freedom > 0 else rough_noise(table.means)
    assumes = False
    k = len(table.names)
    values = np.array([float(np.mean(scaled[a, there[a]])) if there[a].any() else np.nan for a in range(k)])
    matrices = np.full((4, k, k), np.nan)
    # Arms that have the same seeds are compared together, with all others that have theirs.
    kinds, kind_of = np.unique(there, axis=0, return_inverse=True)
    members = [np.flatnonzero(kind_of == kind) for kind in range(len(kinds))]
    for one in range(len(kinds)):
        for other in range(one + 1):
            arms = np.union1d(members[one], members[other])
            shared = np.flatnonzero(kinds[one] & kinds[other])
            if len(shared):
                here = most_telling(table.means, table.means[np.ix_(arms, shared)])
                here = here if here.freedom > 0 else noise
                if len(shared) == 1 and here.freedom == 0:
                    here = total_noise(table.means)  # no less than what pairs share
                assumes |= len(shared) == 1 and here.freedom == 0 and len(arms) > 1
                block = _paired(scaled[np.ix_(arms, shared)], here, seed_sd, these_examples=these_examples)
            else:
                total = total_noise(table.means)
                assumes |= total.freedom == 0 and bool(there[members[one]].any() and there[members[other]].any())
                block = _apart(scaled, there, arms, total, seed_sd, these_examples=these_examples)
            where = np.ix_(members[one], members[other])
            inner = np.ix_(np.searchsorted(arms, members[one]), np.searchsorted(arms, members[other]))
            for matrix, part, sign in zip(matrices, block, (-1.0, 1.0, 1.0, 1.0), strict=True):
                matrix[where] = part[inner]
                matrix[where[1].T, where[0].T] = sign * part[inner].T
    known = assumed(seed_sd) if assumes else noise
    seeds = tuple(int(count) for count in there.sum(axis=1))
    differences, errors, shares, freedom = matrices
    return Evidence(table.names, values, differences, errors, shares, freedom, known, seeds, table.num_examples)


def _paired(
    values: Floats, noise: SeedNoise, seed_sd: float, *, these_examples: bool
) -> tuple[Floats, Floats, Floats, Floats]:
    """Compare arms at seeds that all of them have; return differences, errors, shares and degrees of freedom."""
    parts = pair_components(values)
    seeds = parts.num_seeds
    if seeds == 1:
        known = noise if noise.freedom > 0 else assumed(seed_sd)
        variance, freedom = np.full_like(parts.spread, known.variance), np.full_like(parts.spread, known.freedom)
        examples = parts.spread
    else:
        variance, freedom = noise.of_pairs(parts.seeds, seeds - 1.0)
        examples = parts.examples
    return parts.difference, *_total(variance / seeds, examples * (not these_examples) / parts.num_examples), freedom


def _apart(
    scaled: Floats, there: NDArray[np.bool_], arms: NDArray[np.intp], noise: SeedNoise, seed_sd: float,
    *, these_examples: bool,
) -> tuple[Floats, Floats, Floats, Floats]:  # fmt: skip
    """Compare arms that share no seed: their seeds are independent, their examples are shared all the same."""
    means = np.stack([scaled[a, there[a]].mean(axis=0) if there[a].any() else scaled[a, 0] for a in arms])
    numbers = np.maximum(1, there[arms].sum(axis=1))
    known = noise if noise.freedom > 0 else assumed(seed_sd)
    parts = pair_components(means[:, None, :])
    seeds = known.variance / 2.0 * (1.0 / numbers[:, None] + 1.0 / numbers[None, :])
    examples = parts.spread * (not these_examples) / parts.num_examples
    return parts.difference, *_total(seeds, examples), np.full_like(seeds, known.freedom)


def _total(seeds: Floats, examples: Floats) -> tuple[Floats, Floats]:
    """Return the standard errors from two variances, and the shares of the first.

    >>> [float(value) for value in _total(np.array(3.0), np.array(1.0))]
    [2.0, 0.75]
    """
    variance = seeds + examples
    shares = np.divide(seeds, variance, out=np.zeros_like(variance), where=(variance > 0.0) & np.isfinite(variance))
    return np.sqrt(variance), shares


def evidence_of_rates(rates: Mapping[str, Sequence[float]], num_examples: int, *, seed_sd: float = SEED_SD) -> Evidence:
    """Compare arms of which only shares of right answers are known, one a seed.

    Var = p (1 − p) / n for either arm: how often both are right together is not known, and taken to be as if they were
    independent, which is cautious. Arms of one seed have `seed_sd` assumed.
    """
    means = np.array([float(np.mean(values)) if values else np.nan for values in rates.values()])
    own = means * (1.0 - means) / num_examples
    return _unpaired(rates, own[:, None] + own[None, :], num_examples, seed_sd=seed_sd, sign=1.0)


def evidence_of_values(
    values: Mapping[str, Sequence[float]], *, maximize: bool = True, seed_sd: float = SEED_SD
) -> Evidence:
    """Compare arms of which one value a seed is known and no more: a statement about these examples alone."""
    k = len(values)
    return _unpaired(values, np.zeros((k, k)), 0, seed_sd=seed_sd, sign=1.0 if maximize else -1.0)


def _unpaired(
    values: Mapping[str, Sequence[float]], examples: Floats, num_examples: int, *, seed_sd: float, sign: float
) -> Evidence:
    numbers = [len(of_arm) for of_arm in values.values()]
    means = sign * np.array([float(np.mean(of_arm)) if of_arm else np.nan for of_arm in values.values()])
    known = sum(max(0, number - 1) for number in numbers)
    squares = sum(float(np.var(of_arm)) * len(of_arm) for of_arm in values.values() if len(of_arm) > 1)
    # No spread at all among rounded values is none that is known.
    seen = known > 0 and squares > 0.0
    noise = SeedNoise(2.0 * squares / known, known, "pooled over arms") if seen else assumed(seed_sd)
    each = np.array([noise.variance / 2.0 / max(1, number) for number in numbers])
    seeds = each[:, None] + each[None, :]
    errors, shares = _total(seeds, examples)
    np.fill_diagonal(errors, 0.0)
    freedom = np.full_like(errors, noise.freedom)
    names, differences = tuple(values), means[:, None] - means[None, :]
    return Evidence(names, means, differences, errors, shares, freedom, noise, tuple(numbers), num_examples)


def value_error(runs: Runs, arm: str, value: float) -> float:
    """Return the standard error of one run's value from its examples: from their spread, or √(p(1 − p)/n); else NaN."""
    size, table = runs.sizes.get("dev", 0), runs.scores
    if table is not None and arm in table.names:
        number = table.names.index(arm)
        there = table.there[number]
        if there.any() and table.num_examples > 1:
            return float(table.scaled[number, there][0].std(ddof=1) / math.sqrt(table.num_examples))
    if size and runs.metric.direction == "maximize" and 0.0 <= value <= 1.0:
        return math.sqrt(max(value * (1.0 - value), 0.0) / size)
    return math.nan
