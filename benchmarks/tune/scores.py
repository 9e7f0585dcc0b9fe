"""Tables of scores: means over settings, with bootstrap intervals over settings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Scores = dict[str, dict[str, Floats]]  # policy → setting → (budget, measure)
LOSS, RELATIVE, METRIC, SPENT, HELD, WIDTH = range(6)
DRAWS = 4000
OF_OUR_PRIOR = "prior's"  # so the names begin of policies that begin where our prior does


def interval(values: Floats) -> tuple[float, float]:
    """Return the 95% bootstrap interval of the mean over settings."""
    rng = np.random.default_rng(0)
    means = values[rng.integers(len(values), size=(DRAWS, len(values)))].mean(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def of(scores: Scores, policy: str, settings: list[str], measure: int) -> Floats:
    """Return a measure of a policy: (settings, budgets)."""
    return np.array([scores[policy][name][:, measure] for name in settings])


def tables(scores: Scores, settings: list[str], budgets: tuple[int, ...], ours: str) -> None:
    """Print regret in log-loss, relative and in the metric; ours against the best peers; spent, held and width.

    Policies that were not replayed on all of these settings are left out.
    """
    scores = {name: by for name, by in scores.items() if set(settings) <= set(by)}
    head = "| policy | " + " | ".join(f"{budget} run{'s' * (budget > 1)}" for budget in budgets) + " |"
    rule = "| --- |" + " --- |" * len(budgets)
    for measure, title, factor in (
        (LOSS, "Mean regret in dev log-loss, thousandths, with its 95% bootstrap interval over settings", 1e3),
        (RELATIVE, "Relative to the best rate's log-loss, %", 1e2),
        (METRIC, "In the metric, percentage points (minus the log-loss where no accuracy was recorded)", 1e2),
    ):
        print(f"\n{title}:\n\n{head}\n{rule}")
        for policy in scores:
            found = factor * of(scores, policy, settings, measure)
            cells = []
            for values in found.T:
                low, high = interval(values)
                around = f" ({low:.1f}–{high:.1f})" if measure == LOSS else ""
                cells.append(f"{values.mean():.{1 if measure == LOSS else 2}f}{around}")
            print(f"| {policy} | {' | '.join(cells)} |")
        if ours in scores:
            for who, peers in {
                "best peer": [name for name in scores if name != ours],
                "best peer that does not begin at our prior": [
                    name for name in scores if name != ours and not name.startswith(OF_OUR_PRIOR)
                ],
            }.items():
                if peers:
                    _against(scores, settings, measure, ours, who, peers)
    if ours in scores:
        print(f"\nWhat {ours} spends and says:\n\n{head.replace('policy', 'measure')}\n{rule}")
        for name, measure in (("full runs spent", SPENT), ("interval holds the best", HELD), ("decades wide", WIDTH)):
            found = of(scores, ours, settings, measure).mean(0)
            print(f"| {name} | {' | '.join(f'{value:.2f}' for value in found)} |")


def _against(scores: Scores, settings: list[str], measure: int, ours: str, who: str, peers: list[str]) -> None:
    mine = of(scores, ours, settings, measure).mean(0)
    theirs = {name: of(scores, name, settings, measure).mean(0) for name in peers}
    cells = []
    for budget, value in enumerate(mine):
        best = min(theirs, key=lambda name: theirs[name][budget])
        cells.append(f"{100 * value / max(theirs[best][budget], 1e-12):.0f}% of {best}'s")
    print(f"| **{ours} / {who}** | {' | '.join(cells)} |")
