"""What having been chosen is worth: the largest of several noisy values is too large, and by how much."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from lrscope.runs.score_table import Floats
from lrscope.statistics.evidence import Evidence

DRAWS = 2000
Chooser = Callable[[Floats], int]


def largest(values: Floats) -> int:
    """Choose the arm with the largest value.

    >>> largest(np.array([0.1, 0.3, 0.2]))
    1
    """
    return int(np.nanargmax(values))


def optimism(evidence: Evidence, choose: Chooser = largest, *, draws: int = DRAWS, seed: int = 0) -> float:
    """Return by how much the chosen arm's value is expected to be too large, for having been chosen.

    E[x̂_c − μ_c] over repetitions of the study, where c is what `choose` takes: drawn from the arms' own noise around
    means that are shrunk towards each other as far as the noise explains their spread (James and Stein, 1961, positive
    part). Noise that all arms share does not choose among them, and is left out. Source: Efron, Tweedie's formula and
    selection bias, JASA 106, 2011, for the problem; the parametric bootstrap for the answer.
    """
    known = np.flatnonzero(~np.isnan(evidence.values))
    if len(known) < 2:
        return 0.0
    values = evidence.values[known]
    variances = own_variances(evidence.errors[np.ix_(known, known)])
    means = shrunk(values, variances)
    generator = np.random.default_rng(seed)
    noise = generator.standard_normal((draws, len(known))) * np.sqrt(variances)
    everywhere = np.full((draws, evidence.num_arms), np.nan)
    everywhere[:, known] = means + noise
    apart = np.zeros((draws, evidence.num_arms))
    apart[:, known] = noise
    return float(np.mean([apart[draw, choose(row)] for draw, row in enumerate(everywhere)]))


def flattery(values: Floats, chosen: int) -> float:
    """Return the most that having been chosen can have flattered an arm: nothing bounds that of the best mean.

    One that a rule chose below it is not shrunk beyond the mean of all, and one without a value by nothing.

    >>> flattery(np.array([0.8, 0.7, 0.6]), 0), round(flattery(np.array([0.8, 0.72, 0.55]), 1), 2)
    (inf, 0.03)
    """
    if math.isnan(values[chosen]):
        return 0.0
    return math.inf if values[chosen] >= np.nanmax(values) else max(0.0, float(values[chosen] - np.nanmean(values)))


def corrected(value: float, correction: float, num_examples: int) -> float:
    """Return a share less a correction, on the scale of log odds: for a small one the difference, never outside 0 to 1.

    logit p − c / (p (1 − p)). A share of 0 or 1 of n examples is taken for one half of an example from there.

    >>> round(corrected(0.4, 0.01, 1000), 3), round(corrected(0.05, 0.06, 1000), 3)
    (0.39, 0.015)
    """
    least = 0.5 / (max(1, num_examples) + 1.0)
    p = min(max(value, least), 1.0 - least)
    spread = p * (1.0 - p)
    odds = math.log(p / (1.0 - p)) - correction / spread
    return 1.0 / (1.0 + math.exp(-odds)) if odds > 0.0 else math.exp(odds) / (1.0 + math.exp(odds))


def expecting(
    evidence: Evidence, positions: Sequence[float], *, draws: int = 400, seed: int = 0
) -> Callable[[Floats], float]:
    """Return where the best arm is expected along `positions`, as a function of the arms' values.

    The mean position of the best when the study is repeated: values are drawn from the arms' own noise. On a plateau
    that is its middle, on a peak the peak, and beside a cliff it is not drawn over the edge by arms that are only too
    noisy to be out.

    >>> two = Evidence(("a", "b"), np.array([0.0, 1.0]), *[np.full((2, 2), 0.1)] * 4, None, (1, 1), 0)
    >>> expecting(two, [-4.0, -3.0])(two.values)
    -3.0
    """
    known = np.flatnonzero(~np.isnan(evidence.values))
    spread = np.sqrt(own_variances(evidence.errors[np.ix_(known, known)])) if len(known) > 1 else np.zeros(len(known))
    noise = spread * np.random.default_rng(seed).standard_normal((draws, len(known)))
    along = np.asarray(positions)[known]
    return lambda values: float(along[(values[known] + noise).argmax(axis=1)].mean())


def own_variances(errors: Floats) -> Floats:
    """Split the variances of differences into one of each arm: uₐ + u_b ≈ error²ₐ_b, by least squares, none negative.

    >>> own_variances(np.sqrt(np.array([[0.0, 3.0, 4.0], [3.0, 0.0, 5.0], [4.0, 5.0, 0.0]]))).round(6).tolist()
    [1.0, 2.0, 3.0]
    """
    k = len(errors)
    squares = errors**2
    sums = squares.sum(axis=1)
    if k == 2:
        return np.full(2, squares[0, 1] / 2.0)
    return np.asarray(np.maximum(0.0, (sums - squares.sum() / (2.0 * (k - 1))) / (k - 2)))


def shrunk(values: Floats, variances: Floats) -> Floats:
    """Return means shrunk towards their common one by the share of their spread that noise explains."""
    centre = float(values.mean())
    spread = float(np.sum((values - centre) ** 2))
    if spread <= 0.0:
        return np.full_like(values, centre)
    keep = max(0.0, 1.0 - max(1, len(values) - 3) * float(variances.mean()) / spread)
    return np.asarray(centre + keep * (values - centre))


def epoch_noise(courses: Sequence[Sequence[float]]) -> float:
    """Return the standard deviation of what an epoch's value has to itself, from how courses zigzag; NaN if too short.

    √(mean of (x₋ − 2x + x₊)² / 6): a straight course has none, and a bent one little. Source: von Neumann, Distribution
    of the ratio of the mean square successive difference to the variance, 1941, for differences of the second order.

    >>> round(epoch_noise([[0.1, 0.2, 0.3, 0.4]]), 6), epoch_noise([[0.1, 0.2]])
    (0.0, nan)
    """
    bends = [np.diff(np.asarray(course, dtype=np.float64), 2) for course in courses if len(course) > 2]
    bent = np.concatenate(bends) if bends else np.empty(0)
    bent = bent[np.isfinite(bent)]
    return float(np.sqrt(np.mean(bent**2) / 6.0)) if len(bent) > 1 else float("nan")


def bounded_noise(rough: float, least: float, most: float) -> float:
    """Return an epoch's own noise within what examples say of it, each NaN where not known.

    No less than what two epochs' answers to the same examples show, `least`; no more than if every epoch had had
    examples of its own, `most`.

    >>> bounded_noise(0.01, 0.02, float("nan")), bounded_noise(0.05, 0.0, 0.03)
    (0.02, 0.03)
    """
    least = 0.0 if np.isnan(least) else least
    noise = least if np.isnan(rough) else max(least, rough)
    return noise if np.isnan(most) else max(least, min(noise, most))


def over_epochs(series: Sequence[float], noise: float, seed: int = 0) -> float:
    """Return by how much the best of several epochs' values is expected to be too large.

    As for arms, with each epoch's noise of this standard deviation taken to be its own: cautious, since neighbouring
    epochs share most of theirs.
    """
    values = np.asarray([value for value in series if not np.isnan(value)])
    if len(values) < 2 or not noise > 0.0:
        return 0.0
    means = shrunk(values, np.full(len(values), noise**2))
    draws = np.random.default_rng(seed).standard_normal((DRAWS, len(values))) * noise
    chosen = (means + draws).argmax(axis=1)
    return float(np.mean(draws[np.arange(DRAWS), chosen]))


def over_best_epochs(courses: Sequence[Sequence[float]], noises: Sequence[float], most: float) -> float:
    """Return by how much the best of each run's epochs is expected to be too large, on the mean over runs.

    `noises` are what examples show of each run's own noise of an epoch, at least, and `most` the most that it can be.

    >>> over_best_epochs([], [], 0.01)
    0.0
    """
    rough = epoch_noise(courses)
    each = [
        over_epochs(course, bounded_noise(rough, least, most)) for course, least in zip(courses, noises, strict=True)
    ]
    return sum(each) / len(each) if each else 0.0
