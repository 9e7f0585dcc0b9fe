"""Which of the contenders to take: a stated rule chooses where the evidence does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lrscope.runs.score_table import Floats
from lrscope.statistics.verdict import Verdict, ranked


@dataclass(frozen=True)
class Choice:
    """A first and a second choice. `is_default`: the evidence does not tell them apart, and a rule has chosen."""

    first: int
    second: int | None
    is_default: bool


def choose(
    verdict: Verdict,
    positions: Sequence[float] | None = None,
    costs: Sequence[float] | None = None,
    centre: float | None = None,
) -> Choice:
    """Choose among the contenders: nearest to `centre`, then the lower cost, then the better mean.

    `centre` is where the best is expected; without one it is the middle of the contenders' positions.

    `positions` are the arms' own on the axis that they lie along, such as log rates: far from both ends of what may be
    best, a rate is least likely to be far from it. Without positions, the lower cost comes first. The second choice is
    the next contender, or, where one arm stands alone, the best of the others.
    """
    order = ranked(verdict.evidence)
    left = preferred([arm for arm in order if arm in verdict.contenders] or order, order, positions, costs, centre)
    if len(left) > 1:
        return Choice(left[0], left[1], is_default=True)
    others = [arm for arm in order if arm != left[0] and not np.isnan(verdict.evidence.values[arm])]
    return Choice(left[0], others[0] if others else None, is_default=False)


def preferred(
    left: Sequence[int],
    order: Sequence[int],
    positions: Sequence[float] | None,
    costs: Sequence[float] | None,
    centre: float | None = None,
) -> list[int]:
    """Return the arms that are left from the most to the least preferred, by the rule of `choose`."""
    rank = {arm: at for at, arm in enumerate(order)}
    middle = centre or 0.0
    if positions is not None and centre is None:
        middle = (min(positions[arm] for arm in left) + max(positions[arm] for arm in left)) / 2.0

    def key(arm: int) -> tuple[float, float, int]:
        away = 0.0 if positions is None else round(abs(positions[arm] - middle), 9)
        return away, 0.0 if costs is None else costs[arm], rank[arm]

    return sorted(left, key=key)


def chooser(
    verdict: Verdict,
    positions: Sequence[float] | None = None,
    costs: Sequence[float] | None = None,
    centre: Callable[[Floats], float] | None = None,
) -> Callable[[Floats], int]:
    """Return what `choose` would choose, as a function of the arms' values, with their noise as it is known here."""

    def chooses(values: Floats) -> int:
        left = verdict.contenders_at(values)
        order = np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable")
        return preferred(left, order.tolist(), positions, costs, centre(values) if centre else None)[0]

    return chooses
