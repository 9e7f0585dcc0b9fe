"""How much of a difference between two arms is due to seeds, how much to examples: variance components.

Arms share seeds and examples, so all is done on paired per-example differences d[s, i], seed by example:

    d[s, i] = δ + seed[s] + example[i] + rest[s, i]        Var(d̄) = σ²_seed / S + σ²_example / n + σ²_rest / (S n)

Source: Dorfman, Berbaum and Metz, Receiver operating characteristic rating analysis, 1992; Hillis, A comparison of
denominator degrees of freedom methods for multiple observer ROC analysis, Statistics in Medicine, 2007.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lrscope.analysis.tables import Floats


@dataclass(frozen=True)
class Components:
    """Variance components of one difference. `seeds` is the variance over seeds of a seed's mean: σ²_seed + σ²_rest/n.

    `examples` is σ²_example, zero where its estimate is below it; NaN where there was one seed, and it cannot be told
    from the rest. `spread` is the variance of an example's mean over seeds: σ²_example + σ²_rest/S.
    """

    difference: float
    seeds: float
    examples: float
    spread: float
    num_seeds: int
    num_examples: int


def components(differences: Floats) -> Components:
    """Return the components of differences [S, n].

    With mean squares MS_S = n·var of seeds' means, MS_E = S·var of examples' means and MS_R of the rest:
    σ²_example = (MS_E − MS_R) / S.

    >>> found = components(np.array([[0.0, 1.0], [0.0, 1.0]]))
    >>> found.difference, found.seeds, found.examples
    (0.5, 0.0, 0.5)
    """
    num_seeds, num_examples = differences.shape
    by_seed, by_example = differences.mean(axis=1), differences.mean(axis=0)
    whole = float(by_seed.mean())
    spread = float(by_example.var(ddof=1)) if num_examples > 1 else np.nan
    if num_seeds < 2 or num_examples < 2:
        return Components(whole, np.nan, np.nan, spread, num_seeds, num_examples)
    seeds = float(by_seed.var(ddof=1))
    total = float(np.square(differences - whole).sum())
    rest = total - num_examples * (num_seeds - 1) * seeds - num_seeds * (num_examples - 1) * spread
    mean_rest = max(rest, 0.0) / ((num_seeds - 1) * (num_examples - 1))
    examples = max(0.0, spread - mean_rest / num_seeds)
    return Components(whole, seeds, examples, spread, num_seeds, num_examples)
