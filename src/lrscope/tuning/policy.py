"""What a search has shown: the rate to take, the interval of the best one, and whether more runs can matter.

Once the best rate has a worse one on both sides it is the vertex of a parabola (`bracket.py`), at an end of the search
the best rate itself. Until then it is the rate of the least expected regret in what the runs leave of the prior
(`belief.py`), at most one step from the best rate that ran. Interval and expected regret are the belief's throughout.
All follows from the runs alone, so that a budget can be gone on with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from lrscope.tuning.belief import Belief, Observed
from lrscope.tuning.bracket import Search, around_best, is_bracketed, means, next_step, vertex
from lrscope.tuning.response import Floats, ResponsePrior
from lrscope.tuning.seeds import Costs

ENOUGH = 1e-4  # in log(loss): a hundredth of a percent of the loss
CONFIRMING = 3  # seeds of the best rate and its neighbours, before it ends with some of a budget left
PLACES = 161
LEVEL = 0.95
INTERVAL_FLOOR = 0.03  # decades to both sides, below which no interval is stated
# Of its sides, and by their own width again after 12 runs: what runs miss, they miss together. No more than after 32,
# the most that were replayed.
STRETCH, STRETCHED_AFTER, MOST_STRETCHED = 1.25, 12, 32


@dataclass(frozen=True)
class Recommendation:
    """A rate, the interval that holds the best one, and by how much its log(loss) is expected to exceed the best's.

    Rates are log10. Interval and regret are nan where costs are no losses: where one is not positive. `is_enough` says
    that more runs cannot matter, as what this rate may still cost is next to nothing.
    """

    rate: float
    low: float
    high: float
    expected_regret: float
    is_bracketed: bool
    is_enough: bool
    num_runs: int


def is_settled(costs: Costs) -> bool:
    """Return whether the best rate has a worse one on both sides, and all three have enough seeds to stop at all."""
    return is_bracketed(costs) and all(len(costs[rate]) >= CONFIRMING for rate in around_best(costs))


def recommend(costs: Costs, search: Search, prior: ResponsePrior, untrained: float | None = None) -> Recommendation:
    """Return what the runs so far say, at least one of them. `untrained` is the log of the loss before training.

    >>> from lrscope.tuning.response_prior import GENERAL, with_best
    >>> search, prior = Search.around(-3.5, 0.4, -6.0, -1.0), with_best(GENERAL, -3.5, 0.4)
    >>> found = recommend({-3.9: [1.10], -3.5: [1.00], -3.1: [1.04]}, search, prior)
    >>> round(found.rate, 2), found.low < found.rate < found.high, found.is_bracketed
    (-3.42, True, True)
    """
    bracketed, best, number = is_bracketed(costs), vertex(costs), sum(map(len, costs.values()))
    if not all(cost > 0.0 for cost in means(costs).values()):
        return Recommendation(best, math.nan, math.nan, math.nan, bracketed, False, number)
    belief = Belief(prior, untrained)
    belief.add(*observed(costs))
    expected, low, high = believed(belief, search)
    goes_on = next_step(costs, search).reason in ("lower", "higher")
    near = min(max(expected, best - search.spacing), best + search.spacing)
    rate = near if goes_on and number > 1 else best
    regret = float(belief.expected_regrets(np.array([rate]))[0])
    enough = is_settled(costs) and regret < ENOUGH
    return Recommendation(rate, min(rate, low), max(rate, high), regret, bracketed, enough, number)


def observed(costs: Costs) -> list[Observed]:
    """Return the runs as a belief takes them, seed by seed: the same whatever their order was."""
    found = []
    for runs in zip_longest(*(costs[rate] for rate in sorted(costs))):
        for rate, cost in zip(sorted(costs), runs, strict=True):
            if cost is not None:
                found.append(Observed(rate, math.log(cost) if math.isfinite(cost) else math.nan))
    return found


def believed(belief: Belief, search: Search) -> tuple[float, float, float]:
    """Return the log10 rate of the least expected regret, and the interval of the best one around it."""
    rates: Floats = np.linspace(search.low, search.high, PLACES)
    at = int((belief.expected_regrets(rates) + belief.correction(rates)).argmin())
    rate, stretch = float(rates[at]), STRETCH + min(len(belief.runs), MOST_STRETCHED) / STRETCHED_AFTER
    low, high = belief.interval(LEVEL)
    low, high = rate - stretch * max(INTERVAL_FLOOR, rate - low), rate + stretch * max(INTERVAL_FLOOR, high - rate)
    return rate, max(low, search.low), min(high, search.high)
