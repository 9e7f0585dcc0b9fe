"""A parabola through points, and where it has its least value: how a best rate is read off a few rates' losses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Parabola:
    """y = a (x − m)² + b (x − m) + c, with its middle m at the mean of the points; `root` maps their y to (a, b, c)."""

    a: float
    b: float
    c: float
    middle: float
    root: Floats

    @staticmethod
    def through(x: Sequence[float] | Floats, y: Sequence[float] | Floats) -> Parabola:
        """Return the parabola of least squares through points: through all of them where they are three.

        >>> round(Parabola.through([1.0, 2.0, 3.0], [4.0, 1.0, 0.0]).vertex, 6)
        3.0
        """
        places = np.asarray(x, dtype=float)
        middle = float(places.mean())
        root: Floats = np.asarray(np.linalg.pinv(np.vander(places - middle, 3)), dtype=np.float64)
        a, b, c = (float(each) for each in root @ np.asarray(y, dtype=float))
        return Parabola(a, b, c, middle, root)

    @property
    def vertex(self) -> float:
        """Where it has its least value, m − b / 2a; infinite, on the side it falls to, where it has none."""
        if self.a <= 0.0:
            return -math.inf if self.b > 0.0 else math.inf
        return self.middle - self.b / (2.0 * self.a)

    def vertex_sd(self, noise: float) -> float:
        """Return the vertex's standard deviation where that of each y is `noise`; infinite where there is no vertex.

        By the delta method: the derivative of −b / 2a by (a, b) is (b / 2a², −1 / 2a).
        """
        if self.a <= 0.0:
            return math.inf
        slope = np.array([self.b / (2.0 * self.a * self.a), -1.0 / (2.0 * self.a), 0.0])
        return noise * float(np.linalg.norm(slope @ self.root))

    def at(self, x: Any) -> Any:
        """Return its value at a place, or at each of several."""
        return (self.a * (x - self.middle) + self.b) * (x - self.middle) + self.c
