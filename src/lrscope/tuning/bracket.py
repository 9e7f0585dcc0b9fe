"""Where the next full run goes: outward until the best rate has a worse one on both sides, then between, then seeds.

The search begins in the middle of where a prior or a range test expects the best rate. While the best one so far is the
lowest or the highest that ran, the next lies beyond it; then a rate between it and a neighbour runs, if these are far
apart; then it and its neighbours get more seeds. The rate of the least log(loss) is the vertex of a parabola through
the best one and its neighbours.
Every step follows from the runs so far, whatever the budget: it can be spent in parts. Nothing that was compared on
recorded landscapes does better with four to sixteen runs (docs/tune.md). Source of the outward steps: Press et al.,
Numerical Recipes, 3rd edition, 2007, section 10.1, "Initially bracketing a minimum".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

import numpy as np

from lrscope.parabola import Parabola
from lrscope.tuning.seeds import Costs, without_seeds

SPACING = 0.7  # between neighbours, in standard deviations of what is known of the best rate before
LEAST_SPACING, MOST_SPACING = 0.2, 0.4  # decades
DIVERGED = 1.0  # above the worst run that did not
FINEST = 0.15  # decades between neighbours, below which seeds are added instead

Reason = Literal["start", "lower", "higher", "seed", "between"]


@dataclass(frozen=True)
class Search:
    """Where the search begins and how far neighbours lie apart; it stays within `low` and `high`. All log10 of rates.

    `upward` says that the second rate lies above the first, not below: where the first is below the middle of what is
    known.

    >>> Search.around(-3.5, sd=0.5, low=-6.0, high=-1.0).spacing
    0.35
    """

    start: float
    spacing: float
    low: float
    high: float
    upward: bool = False

    @staticmethod
    def around(start: float, sd: float, low: float, high: float) -> Search:
        """Return the search around a rate that is known with this standard deviation."""
        return Search(start, min(max(SPACING * sd, LEAST_SPACING), MOST_SPACING), low, high)


@dataclass(frozen=True)
class Step:
    """The log10 rate to run next, and why: the `start`, beyond the best one, one `seed` more, or `between` two."""

    rate: float
    reason: Reason


def means(costs: Costs) -> dict[float, float]:
    """Return the mean cost of each log10 rate, rates rising, seeds' effects taken off; infinite where a run diverged.

    >>> means({-4.0: [1.0, 1.2], -3.5: [1.1, 1.3], -3.0: [1.15]})[-3.0] > 1.15
    True
    """
    level = without_seeds(costs)
    return {rate: fmean(level[rate]) for rate in sorted(level)}


def is_bracketed(costs: Costs) -> bool:
    """Return whether the best rate so far has a worse one on both sides.

    >>> is_bracketed({-4.0: [1.2], -3.5: [1.0]}), is_bracketed({-4.0: [1.2], -3.5: [1.0], -3.0: [math.inf]})
    (False, True)
    """
    mean = means(costs)
    tried = list(mean)
    return bool(tried) and mean[tried[0]] > min(mean.values()) < mean[tried[-1]]


def around_best(costs: Costs) -> tuple[float, ...]:
    """Return the best log10 rate so far and its neighbours, rates rising; without those that diverged."""
    mean = means(costs)
    tried = list(mean)
    at = min(range(len(tried)), key=lambda place: mean[tried[place]])
    return tuple(rate for rate in tried[max(0, at - 1) : at + 2] if math.isfinite(mean[rate]))


def next_step(costs: Costs, search: Search) -> Step:
    """Return the run to make next. `costs` are what runs of each log10 rate came to: less is better, inf diverged.

    >>> search = Search(start=-3.5, spacing=0.4, low=-6.0, high=-1.0)
    >>> next_step({}, search)
    Step(rate=-3.5, reason='start')
    >>> next_step({-3.9: [1.1], -3.5: [1.0]}, search)
    Step(rate=-3.1, reason='higher')
    >>> next_step({-3.9: [1.1], -3.5: [1.0], -3.1: [1.3]}, search)
    Step(rate=-3.7, reason='between')
    >>> next_step({-3.9: [1.1], -3.7: [1.0], -3.5: [1.0], -3.3: [1.3]}, search)
    Step(rate=-3.7, reason='seed')
    """
    mean = means(costs)
    if not mean:
        return Step(search.start, "start")
    tried, seeds = list(mean), {rate: len(runs) for rate, runs in costs.items()}
    at = min(range(len(tried)), key=lambda place: mean[tried[place]])
    best = tried[at]
    if not math.isfinite(mean[best]):
        return _outward(tried[0], -search.spacing, search) or Step(tried[0], "seed")
    if len(tried) == 1 and search.upward and (step := _outward(best, search.spacing, search)):
        return step
    if at == 0 and (step := _outward(best, -search.spacing, search)):
        return step
    if at == len(tried) - 1 and (step := _outward(best, search.spacing, search)):
        return step
    near = around_best(costs)
    if between := _between(mean, tried, at):
        return between
    return Step(min(near, key=lambda rate: (seeds[rate], mean[rate])), "seed")


def next_steps(costs: Costs, search: Search, number: int) -> list[Step]:
    """Return so many runs to make at once: each is chosen as if those before had come to nothing better.

    >>> search = Search(start=-3.5, spacing=0.4, low=-6.0, high=-1.0)
    >>> [round(step.rate, 2) for step in next_steps({}, search, 3)]
    [-3.5, -3.9, -3.1]
    """
    assumed = {rate: list(runs) for rate, runs in costs.items()}
    steps: list[Step] = []
    for _ in range(number):
        step = next_step(assumed, search)
        steps.append(step)
        finite = [each for each in means(assumed).values() if math.isfinite(each)]
        known = assumed.setdefault(step.rate, [])
        known.append(fmean(known) if known else max(finite, default=0.0) + 1.0)
    return steps


def _outward(best: float, by: float, search: Search) -> Step | None:
    """Return the step beyond the best rate; None where that is at the end of the search."""
    rate = round(min(max(best + by, search.low), search.high), 6)
    return None if abs(rate - best) < FINEST / 2.0 else Step(rate, "lower" if by < 0.0 else "higher")


def _between(mean: Mapping[float, float], tried: Sequence[float], at: int) -> Step | None:
    """Return the middle of the wider gap beside the best rate, where both are alike on the side of the vertex."""
    if not 0 < at < len(tried) - 1:
        return None
    below, above = tried[at] - tried[at - 1], tried[at + 1] - tried[at]
    if max(below, above) < 2.0 * FINEST:
        return None
    goes_down = below > above if abs(below - above) > 1e-6 else _vertex(mean) < tried[at]
    other = tried[at - 1] if goes_down else tried[at + 1]
    return Step(round((tried[at] + other) / 2.0, 6), "between")


def vertex(costs: Costs) -> float:
    """Return log10 of the rate where the cost is least: the vertex of a parabola through the best rate's neighbours.

    Through log(cost), where all costs are positive; through the costs otherwise. The best rate itself where it is at an
    edge. What diverged counts as worse by 1 than the worst run that did not.

    >>> round(vertex({-4.0: [1.2], -3.5: [1.0], -3.0: [1.1]}), 3)
    -3.422
    """
    return _vertex(means(costs))


def _vertex(mean: Mapping[float, float]) -> float:
    tried = sorted(mean)
    at = min(range(len(tried)), key=lambda place: mean[tried[place]])
    if not 0 < at < len(tried) - 1:
        return tried[at]
    x, cost = np.array(tried[at - 1 : at + 2]), np.array([mean[rate] for rate in tried[at - 1 : at + 2]])
    y = np.log(cost) if cost.min() > 0.0 else cost
    if not np.isfinite(y[1]):
        return tried[at]
    y = np.where(np.isfinite(y), y, y[np.isfinite(y)].max() + DIVERGED)
    parabola = Parabola.through(x, y)
    return float(np.clip(parabola.vertex, x[0], x[2])) if parabola.a > 0.0 else tried[at]
