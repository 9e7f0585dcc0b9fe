"""How responses look, fitted to recorded landscapes: a Normal over the parameters of `lrscope.tuning.response`.

Empirical Bayes by EM: given the Normal, each landscape has a posterior (all its runs, by `Belief`); given the
posteriors, the Normal has their mean and their covariance, shrunk toward the general prior as if by a few landscapes
more. Drifts come from landscapes with shorter runs alone. The place of the best rate is not fitted here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from world import Floats, World

from lrscope.tuning.belief import Belief, Observed
from lrscope.tuning.response import BEST, DRIFT_1, DRIFT_3, GROWTH, NUM_PARAMETERS, ResponsePrior
from lrscope.tuning.response_prior import GENERAL, with_best

ROUNDS = 5
PARTICLES, MOVES = 600, 8
AS_MANY_AS = 5.0  # landscapes that the prior before counts for
SEEDS = 3  # of each landscape, at most
WIDE = 1.0  # decades: how little is said of the best rate while fitting


@dataclass(frozen=True, eq=False)
class Fitted:
    """A landscape's posterior as draws of its parameters, and which of them its runs inform."""

    draws: Floats
    informed: NDArray[np.bool_]

    def moments(self, before: ResponsePrior, prior: ResponsePrior) -> tuple[Floats, Floats]:
        """Return mean and covariance with another prior than the draws were made with."""
        weights = np.exp(_clipped(_log_density(self.draws, prior) - _log_density(self.draws, before)))
        weights /= weights.sum()
        mean = weights @ self.draws
        centred = self.draws - mean
        return mean, (centred.T * weights) @ centred


def _log_density(draws: Floats, prior: ResponsePrior) -> Floats:
    rest = np.arange(NUM_PARAMETERS) != BEST
    centred = draws[:, rest] - prior.mean[rest]
    return np.asarray(-0.5 * (centred * np.linalg.solve(prior.covariance[np.ix_(rest, rest)], centred.T).T).sum(1))


def _clipped(log_ratio: Floats) -> Floats:
    return np.asarray(np.minimum(log_ratio - np.median(log_ratio), 3.0))


def fitted(world: World, prior: ResponsePrior = GENERAL) -> Fitted:
    """Return the posterior of a world's parameters, given all runs that were recorded."""
    full = world.curves[0.0]
    centred_on = with_best(prior, float(full.x[full.log_mean.argmin()]), WIDE)
    belief = Belief(centred_on, world.untrained, num=PARTICLES, moves=MOVES)
    for halvings, curves in sorted(world.curves.items()):
        logs = curves.logs[:, :SEEDS]
        points = zip(np.repeat(curves.x, logs.shape[1]), logs.ravel(), strict=True)
        belief.add(*(Observed(float(x), halvings, float(value)) for x, value in points))
    draws = np.random.default_rng(0).choice(len(belief.weights), size=PARTICLES, p=belief.weights)
    informed = np.ones(NUM_PARAMETERS, dtype=bool)
    if len(world.curves) < 2:
        informed[DRIFT_1 : DRIFT_3 + 1] = informed[GROWTH] = False
    informed[BEST] = False
    return Fitted(belief.parameters[draws], informed)


def pooled(landscapes: list[Fitted], before: ResponsePrior, drawn_with: ResponsePrior = GENERAL) -> ResponsePrior:
    """Return the Normal of landscapes' parameters, shrunk toward the one before."""
    prior = before
    informed = np.array([each.informed for each in landscapes], dtype=float).reshape(len(landscapes), NUM_PARAMETERS)
    many, both = informed.sum(0), informed.T @ informed
    for _ in range(ROUNDS if landscapes else 0):
        moments = [each.moments(drawn_with, prior) for each in landscapes]
        means = np.array([each[0] for each in moments])
        mean = ((informed * means).sum(0) + AS_MANY_AS * before.mean) / (many + AS_MANY_AS)
        off = informed * (means - mean)
        within = sum((each[1] * np.outer(row, row) for each, row in zip(moments, informed, strict=True)), np.zeros(()))
        shift = before.mean - mean
        pulled = AS_MANY_AS * (before.covariance + np.outer(shift, shift))
        covariance = (off.T @ off + within + pulled) / (both + AS_MANY_AS)
        values, vectors = np.linalg.eigh((covariance + covariance.T) / 2.0)
        prior = ResponsePrior(mean, np.asarray((vectors * np.maximum(values, 1e-4)) @ vectors.T))
    return prior
