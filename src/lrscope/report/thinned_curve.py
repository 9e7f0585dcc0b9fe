"""A curve of very many points, drawn with fewer that look the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lrscope.report.chart import Points

MAX_POINTS = 1000  # a chart is 760 pixels wide

Spread = Sequence[tuple[float, float]]


def thinned(points: Points, spread: Spread = (), most: int = MAX_POINTS) -> tuple[Points, Spread]:
    """Return about `most` points of a curve, in order of x, and their spread: all of them where they are no more.

    x is cut into equal parts. Of each part the points stay that have the least and the largest value, those with the
    spread's ends furthest out, and one that is no number; and the curve's first and last point. No spike is lost.

    More parts look more like the whole curve than the first and the last point of each part would make it, as M4 (Jugel
    et al., VLDB 2014) keeps them: that is exact where parts are a pixel wide, and needs four points each.

    >>> points, _ = thinned([(x, 5.0 if x == 4321 else 0.0) for x in range(10000)], most=100)
    >>> len(points), max(points, key=lambda point: point[1])
    (52, (4321, 5.0))
    """
    if len(points) <= most:
        return points, spread
    xs, ys = np.asarray(points, dtype=float).T
    # What is looked for in a part: the least of each of these.
    sought = [ys, -ys, *(np.asarray(spread, dtype=float).T * [[1.0], [-1.0]] if len(spread) else ())]
    num_parts = max(1, most // len(sought))
    part = np.minimum((xs - xs[0]) / ((xs[-1] - xs[0]) or 1.0) * num_parts, num_parts - 1).astype(int)
    starts = np.flatnonzero(np.diff(part, prepend=-1))
    kept = {0, len(xs) - 1}
    for start, end in zip(starts, [*starts[1:], len(xs)], strict=True):
        for values in sought:
            finite = np.isfinite(values[start:end])
            kept.add(int(start + np.where(finite, values[start:end], np.inf).argmin()))
            if not finite.all():
                kept.add(int(start + finite.argmin()))
    places = sorted(kept)
    return tuple(points[place] for place in places), tuple(spread[place] for place in places if len(spread))
