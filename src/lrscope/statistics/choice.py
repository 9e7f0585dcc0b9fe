"""Which of the contenders to take: a stated rule chooses where the evidence does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lrscope.runs.score_table import Floats
from lrscope.statistics.verdict import Verdict, ranked


@dataclass(frozen=True)
class Choice:
    """A first and a second choice. `is_default`: the evidence does not tell them apart, and a rule has chosen.

    `behind` is by how much the first choice's mean is worse than the best one, never more than `allowance` allows.
    """

    first: int
    second: int | None
    is_default: bool
    behind: float = 0.0


def known_costs(seconds: Sequence[float]) -> Iterator[float]:
    """Yield what arms cost; up to a quarter more than the cheapest is the clock's noise, and the same.

    >>> [*known_costs([10.0, 12.0, 20.0])]
    [0.0, 0.0, 20.0]
    """
    least = min((each for each in seconds if each > 0.0), default=0.0)
    yield from (each if each > 1.25 * least else 0.0 for each in seconds)


def choose(
    verdict: Verdict,
    positions: Sequence[float] | None = None,
    costs: Sequence[float] | None = None,
    centre: float | None = None,
) -> Choice:
    """Choose among the contenders whose mean is close to the best: nearest to `centre`, then cheaper, then better.

    Close is within one standard error, as in the rule of Breiman et al., Classification and Regression Trees, 1984,
    section 3.4.3: see `allowance`. `centre` is where the best is expected; without one it is the middle of those arms.
    `positions` are the arms' own on the axis that they lie along, such as log rates: far from both ends of what may be
    best, a rate is least likely to be far from it. Without positions, the lower cost comes first. The second choice is
    the next by the same rule, then the contender with the next best mean, or, where one arm stands alone, the best of
    the others.
    """
    values = verdict.evidence.values
    left = set(verdict.contenders)
    contenders = [arm for arm in ranked(verdict.evidence) if arm in left]
    order = preferred(contenders or ranked(verdict.evidence), values, allowance(verdict), positions, costs, centre)
    behind = float(values[contenders[0]] - values[order[0]]) if contenders else 0.0
    if len(order) > 1:
        return Choice(order[0], order[1], is_default=True, behind=behind)
    others = [arm for arm in ranked(verdict.evidence) if arm != order[0] and not np.isnan(values[arm])]
    return Choice(order[0], others[0] if others else None, is_default=False, behind=behind)


def allowance(verdict: Verdict) -> float:
    """Return how far below the best mean a first choice may be: one standard error of a difference.

    That of the typical pair of contenders, the median: an arm that is noisier than the others has to come as close as
    they. Where nothing is known of the noise it is the difference that does not matter.
    """
    pairs = verdict.among(verdict.evidence.errors)
    typical = float(np.median(pairs)) if len(pairs) else 0.0
    return typical if np.isfinite(typical) else verdict.margin


def preferred(
    contenders: Sequence[int],
    values: Floats,
    allowed: float,
    positions: Sequence[float] | None,
    costs: Sequence[float] | None,
    centre: float | None = None,
) -> list[int]:
    """Return contenders, given from the best mean to the worst, in the order of preference by the rule of `choose`."""
    rank = {arm: at for at, arm in enumerate(contenders)}
    close = [arm for arm in contenders if not values[contenders[0]] - values[arm] > allowed]
    middle = centre or 0.0
    if positions is not None and centre is None:
        middle = (min(positions[arm] for arm in close) + max(positions[arm] for arm in close)) / 2.0

    def key(arm: int) -> tuple[float, float, int]:
        away = 0.0 if positions is None else round(abs(positions[arm] - middle), 9)
        return away, 0.0 if costs is None else costs[arm], rank[arm]

    return [*sorted(close, key=key), *contenders[len(close) :]]


def chooser(
    verdict: Verdict,
    positions: Sequence[float] | None = None,
    costs: Sequence[float] | None = None,
    centre: Callable[[Floats], float] | None = None,
) -> Callable[[Floats], int]:
    """Return what `choose` would choose, as a function of the arms' values, with their noise as it is known here.

    Nearly: of the arms close to the best mean, those are taken for contenders that no other is shown to be better than.
    """
    allowed = allowance(verdict)

    def chooses(values: Floats) -> int:
        top = float(np.nanmax(values))
        close = np.flatnonzero(values >= top - allowed)
        close = close[np.argsort(-values[close], kind="stable")]
        order = preferred(close.tolist(), values, allowed, positions, costs, centre(values) if centre else None)
        return next((arm for arm in order if verdict.is_unbeaten_at(arm, values)), order[0])

    return chooses
