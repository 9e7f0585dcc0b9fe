"""How the log of the dev loss answers to the rate: one peak in log10 rate, slopes on both sides, a cliff, a ceiling.

With z = x − μ, decades above the best rate, the regret in log(loss) is

    h(z) = 2w² (√(1 + (z/w)²) − 1)
    q(z) = h(z)                                              for z < 0
    q(z) = e^t h(z) + 2v² (exp(z/v) − 1 − z/v − (z/v)²/2)    for z ≥ 0
    r(z) = S (1 − exp(−q(z) / h(D)))

S is how far a model that has learned nothing lies above the best one, D how many decades below the best rate most of
that (1 − 1/e) is lost, w where the parabola at the top becomes a slope, e^t how much steeper the other side is, v how
fast the cliff comes. Units: decades of rate, log(loss).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

(BEST, DEPTH, WIDTH, CLIFF, CEILING, NOISE, SKEW) = range(7)
NUM_PARAMETERS = 7
MOST_EXPONENT = 12.0


@dataclass(frozen=True, eq=False)
class ResponsePrior:
    """A Normal over the parameters: μ, log D, log w, log v, log S, log(noise / S), t."""

    mean: Floats
    covariance: Floats


def regrets(parameters: Floats, rates: Floats) -> Floats:
    """Return the regret in log(loss) at log10 rates: (particles, rates)."""
    z = rates - parameters[:, BEST, None]
    w, v, skew = (np.exp(parameters[:, column, None]) for column in (WIDTH, CLIFF, SKEW))
    scaled = z / w
    q = np.sqrt(1.0 + scaled * scaled) - 1.0
    above = np.minimum(np.maximum(z, 0.0) / v, MOST_EXPONENT)
    q = np.where(z < 0.0, q, skew * q + (v / w) ** 2 * (np.expm1(above) - above - 0.5 * above * above))
    deep = np.exp(parameters[:, DEPTH, None]) / w
    return np.asarray(-ceilings(parameters) * np.expm1(-q / (np.sqrt(1.0 + deep * deep) - 1.0)))


def ceilings(parameters: Floats) -> Floats:
    """Return by how much log(loss) of the untrained model exceeds that of the best run: (particles, 1)."""
    return np.asarray(np.exp(parameters[:, CEILING, None]))
