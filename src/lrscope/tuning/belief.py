"""What runs have shown of the response: weighted particles of its parameters, moved as runs come in.

A run's log(loss) is offset + r(x) + noise. The offset has a flat prior and is integrated out; the untrained model, if
its loss is known, lies S above. The noise is Student's t with variance σ² + (κ r)²: what runs differ by between
seeds, and what the shape misses far from the best. A run that diverged shows that its regret is large.

Particles are reweighted by each run; where few of them carry the weight, they are drawn anew by their weights and moved
by Metropolis steps along differences of others, in stages where a run says much. Sources: Del Moral, Doucet and Jasra,
Sequential Monte Carlo samplers, JRSS B 68, 2006; ter Braak, Differential evolution Markov chain, Statistics and
Computing 16, 2006. The same runs in the same order give the same particles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from lrscope.tuning.response import BEST, CEILING, NOISE, NUM_PARAMETERS, Floats, ResponsePrior, ceilings, regrets

NUM_PARTICLES = 500
MOVES = 4
STRIDE = 2.38 / np.sqrt(2 * NUM_PARAMETERS)
DEGREES = 5.0
MISFIT = 0.15  # of a regret, what the shape does not tell
LOCAL, LOCAL_LENGTH = 0.03, 0.15  # of S, in decades: how far and how fast losses stray from the shape at the top
DIVERGED_REGRET, DIVERGED_WIDTH = 0.3, 0.06  # in log(loss)
FEWEST_EFFECTIVE = 0.5  # of the particles


@dataclass(frozen=True)
class Observed:
    """A run that ended: log10 of its rate, log(loss); nan where it diverged."""

    rate: float
    value: float


@dataclass(frozen=True, eq=False)
class _Runs:
    rates: Floats
    values: Floats

    @staticmethod
    def of(runs: Sequence[Observed]) -> _Runs:
        table = np.array([(run.rate, run.value) for run in runs], dtype=float).reshape(len(runs), 2)
        return _Runs(table[:, 0], table[:, 1])


class Belief:
    """The posterior given the runs so far; `add` takes more. `untrained` is log(loss) before any training."""

    def __init__(
        self, prior: ResponsePrior, untrained: float | None = None, *, num: int = NUM_PARTICLES, moves: int = MOVES
    ) -> None:
        self._prior, self._untrained, self._moves = prior, untrained, moves
        normals = np.random.default_rng(0).standard_normal((num // 2, NUM_PARAMETERS))
        root = np.linalg.cholesky(prior.covariance)
        self._inverse_root = np.linalg.inv(root)
        self.parameters: Floats = prior.mean + np.concatenate([normals, -normals]) @ root.T
        self.runs: tuple[Observed, ...] = ()
        self._log_weights = np.zeros(len(self.parameters))
        self._settle(_Runs.of(()))

    def add(self, *runs: Observed) -> None:
        """Take in runs that ended."""
        before, self.runs = _Runs.of(self.runs), (*self.runs, *runs)
        after, rng = _Runs.of(self.runs), np.random.default_rng(len(self.runs))
        old, new = self._log_likelihood(self.parameters, before), self._log_likelihood(self.parameters, after)
        reached = 0.0
        while reached < 1.0:
            step = self._step(new - old, 1.0 - reached)
            reached = 1.0 if step == 1.0 - reached else reached + step
            self._log_weights = self._log_weights + step * (new - old)
            if _effective(self._log_weights) >= FEWEST_EFFECTIVE * len(self.parameters) + 1.0:
                continue
            self._redraw(rng)
            self._move(rng, partial(self._log_density, before=before, after=after, reached=reached))
            if reached < 1.0:
                old, new = self._log_likelihood(self.parameters, before), self._log_likelihood(self.parameters, after)
        self._settle(after)

    def _step(self, gain: Floats, most: float) -> float:
        """Return how much of the gain leaves half of the particles effective."""
        enough = FEWEST_EFFECTIVE * len(self.parameters)
        if _effective(self._log_weights + most * gain) >= 0.5 * enough:
            return most
        low, high = 0.0, most
        for _ in range(20):
            middle = (low + high) / 2.0
            low, high = (middle, high) if _effective(self._log_weights + middle * gain) >= enough else (low, middle)
        return max(low, 1e-6 * most)

    def _redraw(self, rng: np.random.Generator) -> None:
        weights = _normalised(self._log_weights)
        places = (np.arange(len(weights)) + rng.random()) / len(weights)
        chosen = np.minimum(np.searchsorted(np.cumsum(weights), places), len(weights) - 1)
        self.parameters, self._log_weights = self.parameters[chosen], np.zeros(len(weights))

    def _move(self, rng: np.random.Generator, density: Callable[[Floats], Floats]) -> None:
        """Move each particle along the difference of two others, or leave it, by the Metropolis rule; a few times."""
        num, here = len(self.parameters), density(self.parameters)
        for _ in range(self._moves):
            now = self.parameters
            first, second = rng.integers(num, size=(2, num))
            stride = STRIDE * rng.uniform(0.6, 1.2, (num, 1))
            proposed = now + stride * (now[first] - now[second]) + 1e-4 * rng.standard_normal(now.shape)
            there = density(proposed)
            taken = np.log(rng.random(num)) < there - here
            self.parameters, here = np.where(taken[:, None], proposed, now), np.where(taken, there, here)

    def _log_density(self, parameters: Floats, before: _Runs, after: _Runs, reached: float) -> Floats:
        standard = (parameters - self._prior.mean) @ self._inverse_root.T
        density = -0.5 * (standard * standard).sum(1) + reached * self._log_likelihood(parameters, after)
        if reached < 1.0:
            density += (1.0 - reached) * self._log_likelihood(parameters, before)
        return np.asarray(density)

    def _settle(self, runs: _Runs) -> None:
        self.weights = _normalised(self._log_weights)
        self.offset: Floats = np.full(len(self.parameters), np.nan)
        self._log_likelihood(self.parameters, runs, keep=True)

    def _log_likelihood(self, parameters: Floats, runs: _Runs, *, keep: bool = False) -> Floats:
        total = np.zeros(len(parameters))
        if not len(runs.values):
            return total
        regret, values = regrets(parameters, runs.rates), runs.values
        diverged = np.isnan(values)
        if diverged.any():
            excess = (regret[:, diverged] - DIVERGED_REGRET) / DIVERGED_WIDTH
            total -= np.logaddexp(0.0, -excess).sum(1)
        if diverged.all():
            return total
        regret, values = regret[:, ~diverged], values[~diverged]
        if self._untrained is not None:
            regret = np.concatenate([regret, ceilings(parameters)], axis=1)
            values = np.append(values, self._untrained)
        variance = variances(parameters, regret)
        above = values - regret
        weight = 1.0 / variance
        for _ in range(2):
            offset = (weight * above).sum(1) / weight.sum(1)
            squares = (above - offset[:, None]) ** 2 / variance
            weight = (DEGREES + 1.0) / (DEGREES + squares) / variance
        total -= 0.5 * ((DEGREES + 1.0) * np.log1p(squares / DEGREES) + np.log(variance)).sum(1)
        if keep:
            self.offset = offset
        return np.asarray(total - 0.5 * np.log(weight.sum(1)))

    def expected_regrets(self, rates: Floats) -> Floats:
        """Return the expected regret in log(loss) at log10 rates."""
        return np.asarray(self.weights @ regrets(self.parameters, rates))

    def correction(self, rates: Floats) -> Floats:
        """Return what runs say of log(loss) beyond the shape: a Gaussian process through their residuals."""
        runs = [run for run in self.runs if np.isfinite(run.value)]
        if not runs:
            return np.zeros(len(rates))
        x, y = np.array([run.rate for run in runs]), np.array([run.value for run in runs])
        shape, at = self.expected_regrets(x), self.expected_regrets(rates)
        residuals = y - float(self.weights @ self.offset) - shape
        depth = float(np.exp(self.weights @ self.parameters[:, CEILING]))
        noise = depth * float(np.exp(self.weights @ self.parameters[:, NOISE]))
        size, size_at = (np.hypot(LOCAL * depth, MISFIT * each) for each in (shape, at))
        between = np.exp(-0.5 * ((x[:, None] - x) / LOCAL_LENGTH) ** 2) * size[:, None] * size
        to = np.exp(-0.5 * ((rates[:, None] - x) / LOCAL_LENGTH) ** 2) * size_at[:, None] * size
        nugget = noise**2 + 1e-9 * float(size @ size) / len(x) + 1e-18  # so that equal rates are no singular matrix
        return np.asarray(to @ np.linalg.solve(between + nugget * np.eye(len(x)), residuals))

    def interval(self, level: float) -> tuple[float, float]:
        """Return the equal-tailed interval of log10 of the best rate."""
        order = np.argsort(self.parameters[:, BEST])
        cumulated = np.cumsum(self.weights[order])
        at = self.parameters[order, BEST]
        low, high = np.interp([(1 - level) / 2, (1 + level) / 2], cumulated - self.weights[order] / 2, at)
        return float(low), float(high)


def variances(parameters: Floats, regret: Floats) -> Floats:
    """Return σ² + (κ r)², σ being what runs differ by between seeds: (particles, runs)."""
    depth: Floats = np.exp(parameters[:, CEILING, None])
    noise: Floats = np.exp(parameters[:, NOISE, None])
    return np.asarray((depth * noise) ** 2 + (MISFIT * regret) ** 2)


def _normalised(log_weights: Floats) -> Floats:
    weights = np.exp(log_weights - log_weights.max())
    return np.asarray(weights / weights.sum())


def _effective(log_weights: Floats) -> float:
    weights = _normalised(log_weights)
    return float(1.0 / (weights @ weights))
