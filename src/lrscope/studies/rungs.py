"""Cheap comparisons first: rungs of complete, shorter runs, from each of which an interval of rates goes on.

Under a decaying schedule an unfinished run is not comparable with a finished one, and low rates look worse early. So
every rung runs a complete schedule of its own length. As the best rate tends to fall with the horizon, what goes on is
a contiguous interval of rates around the best, extended one grid step down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lrscope.config import AnyTrial
from lrscope.config.read import built_in_trial
from lrscope.records import FINISHED
from lrscope.store.study import StudyStore
from lrscope.store.trials import TrialRow
from lrscope.studies.plan import arms

FACTOR = 3  # each rung is so many times as long as the one before
MARGIN = 2.0  # standard errors; with one, the best rate was lost in one case of three (docs/benchmarks.md)


def lengths(epochs: int) -> list[int]:
    """Return the rungs' lengths in epochs, the complete one last.

    >>> lengths(4), lengths(1), lengths(27)
    ([1, 4], [1], [1, 3, 9, 27])
    """
    rungs = [epochs]
    while rungs[0] > 1:
        rungs.insert(0, max(1, rungs[0] // FACTOR))
    return rungs


def next_rung(store: StudyStore) -> list[AnyTrial]:
    """Return all trials that the study needs so far: every rung's that is due, the first one's from the start on."""
    sweep = store.config.sweep
    assert sweep is not None
    rows = {row.config: row for row in store.trials()}
    due: list[AnyTrial] = []
    for family in families([arm.config for arm in arms(store.config)]):
        rates = family
        rungs = lengths(built_in_trial(family[0]).epochs)
        for epochs in rungs:
            trials = [arm.with_values({"epochs": epochs, "seed": seed}) for seed in range(sweep.seeds) for arm in rates]
            due += trials
            known = [rows.get(trial) for trial in trials]
            if epochs == rungs[-1] or not all(
                row and (row.status in FINISHED or row.status == "failed") for row in known
            ):
                break
            rates = survivors(store, rates, epochs, rows)
            if not rates:
                break
    return due


def families(configs: Sequence[AnyTrial]) -> list[list[AnyTrial]]:
    """Return arms that differ in their rate alone, rates rising."""
    groups: dict[AnyTrial, list[AnyTrial]] = {}
    for config in configs:
        groups.setdefault(config.with_values({"peak_rate": 1.0}), []).append(config)
    return [sorted(group, key=lambda config: config.peak_rate) for group in groups.values()]


def survivors(
    store: StudyStore, family: Sequence[AnyTrial], epochs: int, rows: Mapping[AnyTrial, TrialRow]
) -> list[AnyTrial]:
    """Return the arms of a family that go on after a rung; none where all diverged."""
    sweep = store.config.sweep
    assert sweep is not None
    costs: list[NDArray[np.float64] | None] = []
    for arm in family:
        by_seed = [
            cost_of(store, rows.get(arm.with_values({"epochs": epochs, "seed": seed}))) for seed in range(sweep.seeds)
        ]
        whole = [cost for cost in by_seed if cost is not None]
        costs.append(np.mean(whole, axis=0) if len(whole) == len(by_seed) else None)
    return [family[place] for place in interval(costs)]


def cost_of(store: StudyStore, row: TrialRow | None) -> NDArray[np.float64] | None:
    """Return the per-example cost at a trial's endpoint, lower being better; None where it did not finish."""
    if row is None or row.status not in ("completed", "stopped"):
        return None
    last = store.evaluations(row.id, "dev")[-1]
    scores = store.scores(row.id, last.step, "dev")
    # The loss tells rates apart sooner than what it stands for; it is there for every task.
    name = "loss" if "loss" in scores else store.metric.name
    sign = -store.metric.sign if name == store.metric.name else 1.0
    weights = scores[name].weights.astype(np.float64)
    values = sign * scores[name].values.astype(np.float64) * weights / weights.mean()  # whose mean is the metric
    return values if np.isfinite(values).all() else None


def interval(costs: Sequence[NDArray[np.float64] | None], margin: float = MARGIN) -> list[int]:
    """Return the places, rates rising, that go on: the best, its neighbours within `margin` standard errors, one down.

    The standard error is of the mean paired difference over examples: with one seed it is all that is known. None
    stands for an arm that diverged or failed.

    >>> flat = [np.array([1.0, 1.1]), np.array([0.5, 0.6]), np.array([0.9, 1.0]), None]
    >>> interval(flat)
    [0, 1]
    """
    means = [np.inf if cost is None else float(cost.mean()) for cost in costs]
    best = int(np.argmin(means))
    centre = costs[best]
    if centre is None:
        return []

    def near(place: int) -> bool:
        cost = costs[place]
        if cost is None:
            return False
        difference = cost - centre
        error = float(difference.std(ddof=1)) / len(difference) ** 0.5 if len(difference) > 1 else 0.0
        return float(difference.mean()) <= margin * error

    low = high = best
    while low > 0 and near(low - 1):
        low -= 1
    while high + 1 < len(costs) and near(high + 1):
        high += 1
    low = max(0, low - 1)
    return [place for place in range(low, high + 1) if costs[place] is not None]
