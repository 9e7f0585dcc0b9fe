"""What a run more is expected to save: regret of the recommendation, per full run that it costs.

Now the recommendation costs min_m E[r(m)]. Given what a run would show, y, it would cost min_m E[r(m) | y], and what it
saves is the difference, in the mean over y: the knowledge gradient. A run that changes no decision by itself may still
be one of several that do: for the share that it explains of the variance of the best rate, it is given a part of what
is at stake. All over particles: outcomes are drawn from some of them, each outcome weighs all of them anew. Of a length
whose offset nothing tells, two runs are weighed together, by their difference. Source: Frazier, Powell and Dayanik, A
knowledge-gradient policy for sequential information collection, SIAM J. Control Optim. 47, 2008.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from lrscope.tuning.belief import Belief, variances
from lrscope.tuning.response import BEST, Floats, best_rates, regrets

NUM_PARTICLES, NUM_OUTCOMES = 128, 32
PLACES = 11  # rates that are weighed up, of each length
PAIRED = 5  # of them, where pairs are
GRID = 41  # rates that may be recommended
LEARNING = 0.25  # of what is at stake, for all that there is to learn of where the best rate is
SPREAD, LEAST_SPREAD = 2.0, 0.35  # standard deviations and decades around the best


@dataclass(frozen=True)
class Proposal:
    """Runs of one length at log10 rates: what they cost in full runs, and what they are expected to save."""

    rates: tuple[float, ...]
    halvings: float
    cost: float
    saving: float

    @property
    def worth(self) -> float:
        """Return the saving per full run."""
        return self.saving / self.cost


class Outlook:
    """What the recommendation is expected to cost now, `at_stake` in log(loss), and what runs would save of it."""

    def __init__(self, belief: Belief, low: float, high: float) -> None:
        places = (np.arange(NUM_PARTICLES) + 0.5) / NUM_PARTICLES
        chosen = np.minimum(np.searchsorted(np.cumsum(belief.weights), places), len(belief.weights) - 1)
        self._belief, self._chosen, self._low, self._high = belief, chosen, low, high
        self._parameters = belief.parameters[chosen]
        best = np.clip(self._parameters[:, BEST], low, high)
        grid = np.linspace(best.min(), best.max(), GRID)
        self._regrets = regrets(self._parameters, grid, np.zeros(GRID))
        self._from_mean = best - best.mean()
        self.at_stake = float(self._regrets.mean(0).min())
        self._outcomes = np.random.default_rng(0).permutation(NUM_PARTICLES)[:NUM_OUTCOMES]
        self._normals = np.random.default_rng(1).standard_normal((NUM_OUTCOMES, 1))

    def rates(self, halvings: float, number: int) -> Floats:
        """Return log10 rates that are weighed up for runs of a length."""
        at = np.clip(best_rates(self._parameters, np.array([halvings]))[:, 0], self._low, self._high)
        half = max(LEAST_SPREAD, SPREAD * float(at.std()))
        low, high = max(self._low, float(at.mean()) - half), min(self._high, float(at.mean()) + half)
        return np.linspace(low, high, number)

    def best_proposal(self, halvings: float, cost: float) -> Proposal:
        """Return the run of that length that saves most, or the two where none of that length has been made."""
        offsets = self._belief.offsets(halvings)
        rates = self.rates(halvings, PAIRED if offsets is None else PLACES)
        mean = regrets(self._parameters, rates, np.full(len(rates), halvings))
        variance = variances(self._parameters, mean, np.full(len(rates), halvings))
        if offsets is not None:
            mean = mean + offsets[0][self._chosen, None]
            variance = variance + offsets[1][self._chosen, None]
            saved = self._saved(mean, variance)
            at = int(saved.argmax())
            return Proposal((float(rates[at]),), halvings, cost, float(saved[at]))
        first, second = np.array(list(combinations(range(len(rates)), 2))).T
        saved = self._saved(mean[:, first] - mean[:, second], variance[:, first] + variance[:, second])
        at = int(saved.argmax())
        return Proposal((float(rates[first[at]]), float(rates[second[at]])), halvings, 2.0 * cost, float(saved[at]))

    def _saved(self, mean: Floats, variance: Floats) -> Floats:
        """Return what each outcome of these means and variances would save: (particles, runs) → (runs,)."""
        shown = mean[self._outcomes] + self._normals * np.sqrt(variance[self._outcomes])
        squares = (shown[:, None, :] - mean[None, :, :]) ** 2 / variance
        log_weights = -0.5 * (squares + np.log(variance))
        weights = np.exp(log_weights - log_weights.max(1, keepdims=True))
        weights /= weights.sum(1, keepdims=True)
        after = np.einsum("jkc,kg->jcg", weights, self._regrets, optimize=True).min(2)
        return np.asarray(self.at_stake - after.mean(0) + LEARNING * self.at_stake * self._told(mean, variance))

    def _told(self, mean: Floats, variance: Floats) -> Floats:
        """Return which share of the variance of the best rate such runs explain, linearly."""
        centred = mean - mean.mean(0)
        covariance = self._from_mean @ centred / len(centred)
        total = (centred**2).mean(0) + variance.mean(0)
        return np.asarray(covariance**2 / (total * max(1e-12, float((self._from_mean**2).mean()))))
