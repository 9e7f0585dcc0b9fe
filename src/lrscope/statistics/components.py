"""How much of a difference between two arms is due to seeds, how much to examples: variance components.

Arms share seeds and examples, so all is done on paired per-example differences d[s, i], seed by example:

    d[s, i] = δ + seed[s] + example[i] + rest[s, i]        Var(d̄) = σ²_seed / S + σ²_example / n + σ²_rest / (S n)

Source: Dorfman, Berbaum and Metz, Receiver operating characteristic rating analysis, 1992; Hillis, A comparison of
denominator degrees of freedom methods for multiple observer ROC analysis, Statistics in Medicine, 2007.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lrscope.runs.score_table import Floats


@dataclass(frozen=True)
class Components:
    """Variance components of differences, each an array over pairs, or one number.

    `seeds` is the variance over seeds of a seed's mean: σ²_seed + σ²_rest/n. `examples` is σ²_example, zero where its
    estimate is below it; both are NaN where there was one seed. `spread` is the variance of an example's mean over
    seeds: σ²_example + σ²_rest/S.
    """

    difference: Floats
    seeds: Floats
    examples: Floats
    spread: Floats
    num_seeds: int
    num_examples: int


def components(differences: Floats) -> Components:
    """Return the components of differences [S, n].

    With mean squares MS_S = n·var of seeds' means, MS_E = S·var of examples' means and MS_R of the rest:
    σ²_example = (MS_E − MS_R) / S.

    >>> parts = components(np.array([[0.0, 1.0], [0.0, 1.0]]))
    >>> float(parts.difference), float(parts.seeds), float(parts.examples)
    (0.5, 0.0, 0.5)
    """
    parts = pair_components(np.stack([differences, np.zeros_like(differences)]))
    pair = (0, 1)
    return Components(
        parts.difference[pair], parts.seeds[pair], parts.examples[pair], parts.spread[pair],
        parts.num_seeds, parts.num_examples,
    )  # fmt: skip


def pair_components(values: Floats) -> Components:
    """Return the components of all pairs of arms, each a matrix [K, K] of row minus column; `values` is [K, S, n].

    Sums of squares of differences are read off three matrices of products: of seeds' means, of examples' means, of all.
    """
    k, num_seeds, num_examples = values.shape
    whole = values.mean(axis=(1, 2))
    apart = values - whole[:, None, None]
    difference = whole[:, None] - whole[None, :]
    squares = _squares(apart.reshape(k, -1))
    by_seed, by_example = _squares(apart.mean(axis=2)), _squares(apart.mean(axis=1))
    spread = by_example / max(1, num_examples - 1) if num_examples > 1 else np.full((k, k), np.nan)
    if num_seeds < 2 or num_examples < 2:
        unknown = np.full((k, k), np.nan)
        return Components(difference, unknown, unknown, spread, num_seeds, num_examples)
    rest = squares - num_examples * by_seed - num_seeds * by_example
    mean_rest = np.maximum(rest, 0.0) / ((num_seeds - 1) * (num_examples - 1))
    examples = np.maximum(0.0, spread - mean_rest / num_seeds)
    return Components(difference, by_seed / (num_seeds - 1), examples, spread, num_seeds, num_examples)


def _squares(rows: Floats) -> Floats:
    """Return the squared distances between all rows."""
    products = rows @ rows.T
    own = np.diag(products)
    return np.asarray(np.maximum(0.0, own[:, None] + own[None, :] - 2.0 * products))
