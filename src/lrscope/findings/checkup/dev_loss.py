"""Overfitting by the loss alone: the dev loss fell to a least value and rose again, beyond how evaluations scatter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

# How far above its least value the last one must be, as a share of it, by how many evaluations lie after the least.
LEAST_RISE = {1: 0.15, 2: 0.08, 3: 0.05}
LEAST_OF_MANY = 0.03
BEYOND = 3.0  # times the largest move against the course


def rise_after_least(points: Sequence[tuple[float, float]]) -> tuple[float, float, float] | None:
    """Return where the dev loss was least, that loss and the last one, where it rose beyond its scatter.

    A loss that overfits falls to one place and rises from there: what moves against that course is scatter. The rise
    must be several times the largest such move, and the larger, as a share, the fewer evaluations show it.

    >>> rise_after_least([(1, 1.6), (2, 1.25), (3, 1.4), (4, 1.7)])
    (2, 1.25, 1.7)
    >>> rise_after_least([(1, 1.6), (2, 1.25), (3, 1.31)]), rise_after_least([(1, 1.0), (2, 1.3), (3, 0.9), (4, 1.2)])
    (None, None)
    """
    values = [value for _, value in points]
    if len(values) < 3 or not all(map(math.isfinite, values)) or min(values) <= 0.0:
        return None
    least = min(range(len(values)), key=values.__getitem__)
    rise, after = values[-1] - values[least], len(values) - 1 - least
    if after == 0 or rise <= LEAST_RISE.get(after, LEAST_OF_MANY) * values[least]:
        return None
    moves = [b - a for a, b in pairwise(values)]
    against = [move for move in moves[:least] if move > 0.0] + [-move for move in moves[least:] if move < 0.0]
    return (points[least][0], values[least], values[-1]) if rise > BEYOND * max(against, default=0.0) else None
