"""The policy: which run a budget is spent on next, when to stop, and what to recommend.

It begins at the prior, spends each run where it is expected to save most regret per update (`savings.py`), at whatever
length, and recommends the rate of the least expected regret. What it decides follows from the runs alone, so that a
budget can be gone on with.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lrscope.tuning.belief import Belief
from lrscope.tuning.response import Floats
from lrscope.tuning.savings import Outlook, Proposal

ENOUGH = 1e-4  # in log(loss): a hundredth of a percent of the loss
CONFIRMING = 3  # runs of the whole length, before it stops with some left
PLACES = 161
LEVEL = 0.95
INTERVAL_FLOOR = 0.03  # decades to both sides, below which no interval is stated
STRETCHED_AFTER = 12  # runs, for each of which intervals widen by their own width: what runs miss, they miss together


@dataclass(frozen=True)
class Search:
    """What is to be decided: log10 of the least and largest rate, and what runs of each length cost in full runs.

    `lengths` has halvings of the horizon → cost; runs of the whole horizon are 0.0 → 1.0.
    """

    low: float
    high: float
    lengths: dict[float, float]


@dataclass(frozen=True)
class Recommendation:
    """A rate, the interval that holds the best one, and by how much its log(loss) is expected to exceed the best's."""

    rate: float
    low: float
    high: float
    expected_regret: float


def next_runs(belief: Belief, search: Search, left: float) -> Proposal | None:
    """Return what to run next with so many full runs left; None where no run fits, or more cannot matter."""
    outlook = Outlook(belief, search.low, search.high)
    confirmed = sum(run.halvings == 0.0 for run in belief.runs) >= CONFIRMING
    if outlook.at_stake < ENOUGH and (confirmed or left < 1.0):
        return None
    lengths = {length: cost for length, cost in search.lengths.items() if cost <= left * (1 + 1e-9)}
    if outlook.at_stake < ENOUGH:
        lengths = {0.0: 1.0}
    proposals = [outlook.best_proposal(length, cost) for length, cost in lengths.items()]
    affordable = [each for each in proposals if each.cost <= left * (1 + 1e-9)]
    return max(affordable, key=lambda each: each.worth, default=None)


def recommend(belief: Belief, search: Search) -> Recommendation:
    """Return the rate of the least expected regret, and the interval of the best one."""
    rates: Floats = np.linspace(search.low, search.high, PLACES)
    shape = belief.expected_regrets(rates)
    at = int((shape + belief.correction(rates)).argmin())
    rate, stretch = float(rates[at]), 1.0 + len(belief.runs) / STRETCHED_AFTER
    low, high = belief.interval(LEVEL)
    low, high = rate - stretch * max(INTERVAL_FLOOR, rate - low), rate + stretch * max(INTERVAL_FLOOR, high - rate)
    return Recommendation(rate, max(low, search.low), min(high, search.high), float(shape[at]))
