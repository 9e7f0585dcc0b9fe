"""When a rising rate has become too large: not a number, far above the best loss, or clearly above where it began."""

from __future__ import annotations

import math

RELATIVE = 4.0
ABSOLUTE_SHARE = 0.25
BEGINNING = 5
SMOOTHING = 0.8


class RiseWatch:
    """Watches the losses of a range test, step by step; `why` says what fired.

    The running mean m is bias-corrected, β = 0.8: about five steps. Stops where

        the loss is NaN or infinite; or
        m > 4 · min m, for losses that are positive (the usual rule); or
        m > m₀ + max(¼ |m₀|, 4 s), with m₀ and s the mean and the standard deviation of the first five losses.

    The last fires where the usual rule never does: with five classes a head that knows nothing is at ln 5 = 1.61, and
    four times the best is out of reach.

    >>> watch = RiseWatch()
    >>> [watch(loss) for loss in [1.6, 1.61, 1.59, 1.6, 1.6, 1.5, 1.5, 2.9, 3.0]]
    [False, False, False, False, False, False, False, False, True]
    >>> watch.why
    'the loss rose from 1.60 at the beginning to 2.14'
    """

    def __init__(self) -> None:
        self._first: list[float] = []
        self._sum = self._weight = 0.0
        self._least = math.inf
        self.why = ""

    def __call__(self, loss: float) -> bool:
        """Take in one step's loss, and return whether the test is over."""
        if not math.isfinite(loss):
            self.why = f"the loss became {loss}"
            return True
        self._sum = SMOOTHING * self._sum + (1 - SMOOTHING) * loss
        self._weight = SMOOTHING * self._weight + (1 - SMOOTHING)
        mean = self._sum / self._weight
        if len(self._first) < BEGINNING:
            self._first.append(loss)
            return False
        self._least = min(self._least, mean)
        start = sum(self._first) / BEGINNING
        spread = math.sqrt(sum((value - start) ** 2 for value in self._first) / (BEGINNING - 1))
        if self._least > 0 and mean > RELATIVE * self._least:
            self.why = f"the loss rose to {mean / self._least:.1f} times its least"
        elif mean > start + max(ABSOLUTE_SHARE * abs(start), 4 * spread):
            self.why = f"the loss rose from {start:.2f} at the beginning to {mean:.2f}"
        return bool(self.why)
