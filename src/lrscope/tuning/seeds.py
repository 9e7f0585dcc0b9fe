"""What a seed adds to every rate alike, taken off: rates with one seed beside rates with many.

Runs at one seed share their order of data and their first weights, and go well or badly together. Where one rate ran at
seed 0 and another at seeds 0 to 2, their means would be compared over different seeds: a lucky seed 0 would make every
new rate look better than the best one. With c(r, s) a cost, or its log where all are positive,

    c(r, s) = m(r) + e(s) + noise,    e(s) ~ Normal(0, variance of the noise / p)

so that e solves A e = sum over rates of (c - mean c), A = p I + sum over rates of (I - 1 1' / n), over the n seeds of a
rate. It is averaged over the penalties p by their restricted likelihood, whose logarithm is, for N runs of R rates and
S seeds, and Q the least penalised sum of squares,

    -((N - R) log Q + log det A - S log p) / 2

A rate with one seed says nothing of e. Sources: Henderson, Best linear unbiased estimation and prediction under a
selection model, Biometrics 31, 1975; Harville, Maximum likelihood approaches to variance component estimation, JASA 72,
1977.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from lrscope.tuning.response import Floats

PENALTIES = (0.1, 0.3, 1.0, 3.0, 10.0)  # how far rates differ at one seed, over how far seeds differ in common
LEAST = 1e-30  # of a sum of squares, below which nothing scatters

Costs = Mapping[float, Sequence[float]]  # of each log10 rate what its runs came to, seed by seed from 0 on


def without_seeds(costs: Costs) -> dict[float, list[float]]:
    """Return the costs less what their seeds add to all rates; one that is infinite stays so.

    >>> level = without_seeds({-4.0: [1.0, 1.1], -3.5: [1.0, 1.1]})
    >>> bool(level[-4.0][1] - level[-4.0][0] < 0.04)
    True
    """
    finite = [cost for runs in costs.values() for cost in runs if math.isfinite(cost)]
    logs = min(finite, default=0.0) > 0.0
    rows = {rate: np.log(runs) if logs else np.array(runs, dtype=float) for rate, runs in costs.items()}
    told = [row - row.mean() for row in rows.values() if len(row) > 1 and np.isfinite(row).all()]
    if not told:
        return {rate: list(runs) for rate, runs in costs.items()}
    effects = _effects(told)
    effects = np.append(effects, np.zeros(max(map(len, rows.values())) - len(effects)))
    level = {rate: row - effects[: len(row)] for rate, row in rows.items()}
    return {rate: [float(value) for value in (np.exp(row) if logs else row)] for rate, row in level.items()}


def _effects(rows: Sequence[Floats]) -> Floats:
    """Return what each seed adds, from rows of two seeds or more, each less its mean."""
    number, degrees = max(map(len, rows)), sum(len(row) - 1 for row in rows)
    shared, total = np.zeros((number, number)), np.zeros(number)
    for row in rows:
        n = len(row)
        shared[:n, :n] += np.eye(n) - 1.0 / n
        total[:n] += row
    squares = sum(float(row @ row) for row in rows)
    found, scores = [], []
    for penalty in PENALTIES:
        matrix = shared + penalty * np.eye(number)
        effects = np.linalg.solve(matrix, total)
        least = max(squares - float(total @ effects), LEAST)
        found.append(effects)
        scores.append(-0.5 * (degrees * math.log(least) + np.linalg.slogdet(matrix)[1] - number * math.log(penalty)))
    weights = np.exp(np.array(scores) - max(scores))
    averaged: Floats = weights @ np.array(found) / weights.sum()
    return averaged
