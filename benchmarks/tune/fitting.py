"""How responses look, fitted to recorded landscapes: a Normal over the parameters of `lrscope.tuning.response`.

Empirical Bayes by EM: given the Normal, each landscape has a posterior (all its runs, by `Belief`); given the
posteriors, the Normal has their mean and their covariance, shrunk toward the general prior as if by a few landscapes
more, by full runs. The place of the best rate is not fitted here.
"""

from __future__ import annotations

import numpy as np
from world import Floats, World

from lrscope.tuning.belief import Belief, Observed
from lrscope.tuning.response import BEST, NUM_PARAMETERS, ResponsePrior
from lrscope.tuning.response_prior import GENERAL, with_best

ROUNDS = 5
PARTICLES, MOVES = 600, 8
AS_MANY_AS = 5.0  # landscapes that the prior before counts for
SEEDS = 3  # of each landscape, at most
WIDE = 1.0  # decades: how little is said of the best rate while fitting


def moments(draws: Floats, before: ResponsePrior, prior: ResponsePrior) -> tuple[Floats, Floats]:
    """Return mean and covariance of a posterior's draws with another prior than they were made with."""
    weights = np.exp(_clipped(_log_density(draws, prior) - _log_density(draws, before)))
    weights /= weights.sum()
    mean = weights @ draws
    centred = draws - mean
    return mean, (centred.T * weights) @ centred


def _log_density(draws: Floats, prior: ResponsePrior) -> Floats:
    rest = np.arange(NUM_PARAMETERS) != BEST
    centred = draws[:, rest] - prior.mean[rest]
    return np.asarray(-0.5 * (centred * np.linalg.solve(prior.covariance[np.ix_(rest, rest)], centred.T).T).sum(1))


def _clipped(log_ratio: Floats) -> Floats:
    return np.asarray(np.minimum(log_ratio - np.median(log_ratio), 3.0))


def fitted(world: World, prior: ResponsePrior = GENERAL) -> Floats:
    """Return draws of a world's parameters, given its recorded runs of the whole length."""
    full = world.curves[0.0]
    centred_on = with_best(prior, float(full.x[full.log_mean.argmin()]), WIDE)
    belief = Belief(centred_on, world.untrained, num=PARTICLES, moves=MOVES)
    logs = full.logs[:, :SEEDS]
    points = zip(np.repeat(full.x, logs.shape[1]), logs.ravel(), strict=True)
    belief.add(*(Observed(float(x), float(value)) for x, value in points))
    return belief.parameters[np.random.default_rng(0).choice(len(belief.weights), size=PARTICLES, p=belief.weights)]


def pooled(landscapes: list[Floats], before: ResponsePrior, drawn_with: ResponsePrior = GENERAL) -> ResponsePrior:
    """Return the Normal of landscapes' parameters, shrunk toward the one before; not that of the best rate."""
    prior, number = before, len(landscapes) + AS_MANY_AS
    for _ in range(ROUNDS if landscapes else 0):
        each = [moments(draws, drawn_with, prior) for draws in landscapes]
        means = np.array([mean for mean, _ in each])
        mean = (means.sum(0) + AS_MANY_AS * before.mean) / number
        off, shift = means - mean, before.mean - mean
        within = sum((covariance for _, covariance in each), np.zeros((NUM_PARAMETERS, NUM_PARAMETERS)))
        pulled = AS_MANY_AS * (before.covariance + np.outer(shift, shift))
        covariance = (off.T @ off + within + pulled) / number
        values, vectors = np.linalg.eigh((covariance + covariance.T) / 2.0)
        found = ResponsePrior(mean, np.asarray((vectors * np.maximum(values, 1e-4)) @ vectors.T))
        prior = with_best(found, float(before.mean[BEST]), float(before.covariance[BEST, BEST]) ** 0.5)
    return prior
