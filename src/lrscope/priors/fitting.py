"""The variances of the model, fitted to landscapes, and how well families that were left out are foretold."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import astuple, replace
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from lrscope.priors.evidence import Evidence, HeldOutScore, Landscape, Regime, Variances
from lrscope.priors.model import GROUPS, design, of_coefficients, same_group
from lrscope.priors.prior import LEVEL, Prior, predict
from lrscope.priors.question import METHODS, Method
from lrscope.priors.regret import excess_at

REGIME_METHODS: dict[Regime, Method] = {"weights": "lora", "head": "head"}  # one of each regime
# What differences between groups are like, in decades. A variance of a few groups is badly known, and is never 0.
USUAL = Variances(family=0.2, model=0.1, data=0.2, setting=0.1, residual=0.05)


def fitted(evidence: Evidence) -> Evidence:
    """Return evidence with the variances that fit it."""
    return replace(evidence, variances={method: fit_variances(evidence, method) for method in METHODS})


def fit_variances(evidence: Evidence, method: Method = "lora") -> Variances:
    r"""Return the variances of the largest restricted likelihood of a method's landscapes, coefficients integrated out.

    Each τ has a Rayleigh prior around its `USUAL` value, p(τ) ∝ τ exp(-τ²/2s²), which keeps it off 0 where groups are
    few. Source: Chung et al., "A nondegenerate penalized likelihood estimator for variance parameters in multilevel
    models", Psychometrika 78, 2013.
    """
    from scipy.optimize import minimize

    landscapes = [each for each in evidence.landscapes if each.at.method == method]
    if not landscapes:
        return USUAL
    at = [each.at for each in landscapes]
    x, mean, sd = design(at, evidence.rules)
    same = [same_group(at, at, group) for group in GROUPS]
    coefficients = of_coefficients(x, x, sd, same[GROUPS.index("family")])
    deviation = np.array([each.best for each in landscapes]) - x @ mean
    own = np.array([each.se**2 for each in landscapes])
    usual = np.array(astuple(USUAL))

    def loss(logs: np.ndarray) -> float:
        tau = np.exp(logs)
        covariance = coefficients + sum(t * t * each for t, each in zip(tau, same, strict=False))
        factor = np.linalg.cholesky(covariance + np.diag(own + tau[-1] ** 2))
        white = np.linalg.solve(factor, deviation)
        likelihood = float(np.log(np.diag(factor)).sum() + white @ white / 2.0)
        return likelihood + float((tau**2 / (2.0 * usual**2)).sum() - logs.sum())

    options = {"maxiter": 2000, "xatol": 1e-3, "fatol": 1e-4}
    found = minimize(loss, np.log(usual), method="Nelder-Mead", options=options)
    return Variances(*(float(f"{value:.4g}") for value in np.exp(found.x)))


class HeldOut(NamedTuple):
    """A landscape, and what was said of it without its family."""

    landscape: Landscape
    prior: Prior

    @property
    def is_covered(self) -> bool:
        """Whether the interval that was stated holds its best rate."""
        half = self.prior.sd * NormalDist().inv_cdf((1.0 + LEVEL) / 2.0)
        return abs(self.landscape.best - self.prior.center_log10) <= half


def held_out(evidence: Evidence, *, refit: bool = True) -> Iterator[HeldOut]:
    """Yield every landscape with the prior of its question, asked as of new data, from the other families alone."""
    for family in sorted({each.at.family for each in evidence.landscapes}):
        rest = evidence.without_family(family)
        rest = fitted(rest) if refit else rest
        for each in evidence.landscapes:
            if each.at.family == family and any(other.at.method == each.at.method for other in rest.landscapes):
                yield HeldOut(each, predict(replace(each.at, family="", model="", data=""), rest))


def coverage(found: Sequence[HeldOut]) -> float:
    """Return the share of landscapes with a known best rate that lies in the interval stated of it."""
    known = [each.is_covered for each in found if not each.landscape.edge]
    return sum(known) / len(known) if known else math.nan


def scores(found: Sequence[HeldOut]) -> dict[str, HeldOutScore]:
    """Return by method and task how landscapes with a known best rate were foretold; none of a single family."""
    kinds: dict[str, list[HeldOut]] = {}
    for each in found:
        if not each.landscape.edge:
            kinds.setdefault(f"{each.landscape.at.method} {each.landscape.at.task}", []).append(each)
    told = {}
    for kind, some in kinds.items():
        families = len({each.landscape.at.family for each in some})
        regrets = [float(excess_at(each.landscape, np.array([each.prior.start_log10]))[0]) for each in some]
        if families > 1:
            told[kind] = HeldOutScore(
                coverage=round(coverage(some), 4), landscapes=len(some), families=families,
                regret=round(float(np.mean(regrets)), 5),
            )  # fmt: skip
    return told
