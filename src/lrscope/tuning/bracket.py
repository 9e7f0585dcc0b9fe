"""The simple rule, best with few runs: full runs around the prior's centre, and the vertex of a parabola.

With fewer than `FEW` full runs nothing that was compared does better on recorded landscapes (docs/tune.md); from there
on `policy.py` does as well, says how sure it is, and stops early.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

FEW = 8  # full runs
STEP = 0.25  # decades between neighbours


def rates(centre: float, number: int, low: float, high: float) -> list[float]:
    """Return log10 rates to run, a quarter decade apart around the centre, in their order; those outside at the edge.

    >>> rates(-3.5, 4, -5.0, -2.0)
    [-4.0, -3.75, -3.5, -3.25]
    """
    steps = [(place + 1) // 2 * (-1) ** place for place in range(number)]
    return sorted({float(np.clip(centre + STEP * step, low, high)) for step in steps})


def vertex(losses: Mapping[float, float]) -> float:
    """Return log10 of the rate to recommend, given mean losses by log10 rate.

    That of the parabola through log(loss) at the best rate and its neighbours, between these; the best rate itself
    where it is at an edge.

    >>> round(vertex({-4.0: 1.2, -3.5: 1.0, -3.0: 1.1}), 3)
    -3.422
    """
    tried = sorted(losses)
    at = min(range(len(tried)), key=lambda place: losses[tried[place]])
    if not 0 < at < len(tried) - 1:
        return tried[at]
    x = np.array(tried[at - 1 : at + 2])
    a, b, _ = np.polyfit(x - x[1], np.log([losses[rate] for rate in x.tolist()]), 2)
    return float(np.clip(x[1] - b / (2.0 * a), x[0], x[2])) if a > 0.0 else tried[at]
