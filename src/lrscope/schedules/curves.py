"""Schedules laid out over a run: curves of whole steps, read one at a time or all at once.

A formula is written once and reads a step with `math` or an array of steps with `numpy`: both are passed in as
`xp`, and both know `cos`, `sin` and `sqrt`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

from lrscope.schedules.runs import Grid

# (step, metric) at each evaluation: `step` updates had been made when the metric was measured.
History = Sequence[tuple[int, float]]
Formula = Callable[[Any, Any], Any]


class Curve:
    """Factors for the steps from `start` up to, but without, `stop`; `end` is where the next phase starts."""

    def __init__(self, start: int, stop: int, end: float) -> None:
        self.start = start
        self.stop = stop
        self.end = end

    def at(self, step: int, history: History) -> float:
        """Return the factor at one step; `end` from `stop` on."""
        raise NotImplementedError

    def over(self, start: int, stop: int, history: History) -> Any:
        """Return the factors of the steps from `start` to `stop`, which lie inside the curve, as an array."""
        raise NotImplementedError

    def limit(self, step: int) -> float:
        """Return the value that the curve reaches as `step` begins, where it is cut off there."""
        raise NotImplementedError


class FormulaCurve(Curve):
    """A closed form. `held` says that it moves by jumps, so that it ends at the value of its last step.

    With `grid` the formula is read once a block: at the block's first step, or, for a warmup (`rises`), at its last,
    so that blocks of one step change nothing.
    """

    def __init__(
        self, start: int, stop: int, end: float, formula: Formula, grid: Grid | None = None, *,
        rises: bool = False, held: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(start, stop, end)
        self.formula = formula
        self.grid = grid
        self.rises = rises
        self.held = held or grid is not None

    def at(self, step: int, history: History) -> float:
        if step >= self.stop:
            return self.end
        return float(self.formula(self._snapped(step), math))

    def over(self, start: int, stop: int, history: History) -> Any:
        import numpy as np

        steps = np.arange(start, stop, dtype=np.int64)
        if self.grid is not None and len(steps):
            blocks = self.grid.counts(steps)
            if self.rises:
                steps = np.minimum(self.grid.boundaries(blocks + 1), self.stop) - 1
            else:
                steps = np.maximum(self.grid.boundaries(blocks), self.start)
        values = self.formula(steps, np)
        return values if isinstance(values, np.ndarray) else np.full(len(steps), values, dtype=np.float64)

    def limit(self, step: int) -> float:
        if step >= self.stop:
            return self.end
        if self.held:
            return self.at(max(step - 1, self.start), ())
        return float(self.formula(step - 1 if self.rises else step, math))

    def _snapped(self, step: int) -> int:
        if self.grid is None:
            return step
        block = self.grid.count(step)
        if self.rises:
            return min(self.grid.boundary(block + 1), self.stop) - 1
        return max(self.grid.boundary(block), self.start)


class ChainCurve(Curve):
    """Curves one after another, without gaps."""

    def __init__(self, parts: Sequence[Curve]) -> None:
        super().__init__(parts[0].start, parts[-1].stop, parts[-1].end)
        self.parts = tuple(part for part in parts if part.stop > part.start)
        self.starts = [part.start for part in self.parts]

    def at(self, step: int, history: History) -> float:
        if step >= self.stop:
            return self.end
        return self.parts[bisect_right(self.starts, step) - 1].at(step, history)

    def over(self, start: int, stop: int, history: History) -> Any:
        import numpy as np

        pieces = [
            part.over(max(start, part.start), min(stop, part.stop), history)
            for part in self.parts
            if part.start < stop and part.stop > start
        ]
        return np.concatenate(pieces) if pieces else np.empty(0)

    def limit(self, step: int) -> float:
        if step >= self.stop:
            return self.end
        return self.parts[max(bisect_right(self.starts, step - 1) - 1, 0)].limit(step)


class ProductCurve(Curve):
    """Curves over the same steps, multiplied."""

    def __init__(self, parts: Sequence[Curve]) -> None:
        super().__init__(parts[0].start, parts[0].stop, math.prod(part.end for part in parts))
        self.parts = tuple(parts)

    def at(self, step: int, history: History) -> float:
        return math.prod(part.at(step, history) for part in self.parts)

    def over(self, start: int, stop: int, history: History) -> Any:
        values = self.parts[0].over(start, stop, history)
        for part in self.parts[1:]:
            values = values * part.over(start, stop, history)
        return values

    def limit(self, step: int) -> float:
        return math.prod(part.limit(step) for part in self.parts)
