"""What runs were evaluated on, as far as their records tell: runs of different dev sets cannot be compared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import floor, log10
from pathlib import PurePath

MAX_SIZE = 10**12


@dataclass(frozen=True)
class DevSet:
    """An evaluation set. `name` is its file or data set, empty where it is not named; it has `low` to `high` examples.

    The number of examples may be known to rounding alone; both are None where nothing tells it.
    """

    name: str = ""
    low: int | None = None
    high: int | None = None

    @property
    def size(self) -> int | None:
        """The number of examples where exactly one is possible, else the middle of those that are."""
        return None if self.low is None or self.high is None else (self.low + self.high) // 2

    def __str__(self) -> str:
        """Return the set as people write it.

        >>> str(DevSet("data/sst-dev.txt", 1101, 1101)), str(DevSet("", 231, 234)), str(DevSet())
        ('data/sst-dev.txt (1101 examples)', '231 to 234 examples', 'an unknown dev set')
        """
        if self.low is None or self.high is None:
            return self.name or "an unknown dev set"
        number = f"{self.low} example{'s' if self.low != 1 else ''}"
        size = number if self.low == self.high else f"{self.low} to {self.high} examples"
        return f"{self.name} ({size})" if self.name else size

    def contradicts(self, other: DevSet) -> bool:
        """Whether two sets cannot be the same one.

        Files of one name in different folders may be the same: only the last part of a path counts, unless their sizes
        differ.

        >>> DevSet("data/sst-dev.txt").contradicts(DevSet("sst-dev.txt", 1101, 1101)), DevSet().contradicts(DevSet("a"))
        (False, False)
        >>> DevSet("", 2, 2).contradicts(DevSet("", 3, 3)), DevSet("a.txt").contradicts(DevSet("b.txt"))
        (True, True)
        """
        if self.name and other.name and _base(self.name) != _base(other.name):
            return True
        if self.low is None or self.high is None or other.low is None or other.high is None:
            return False
        return self.high < other.low or other.high < self.low

    def merged(self, other: DevSet) -> DevSet:
        """Return what both tell of one set."""
        lows = [each for each in (self.low, other.low) if each is not None]
        highs = [each for each in (self.high, other.high) if each is not None]
        low, high = max(lows, default=None), min(highs, default=None)
        if low is not None and high is not None and low > high:
            low, high = min(lows), max(highs)
        return DevSet(self.name or other.name, low, high)


UNKNOWN = DevSet()


def _base(name: str) -> str:
    return PurePath(name.replace("\\", "/")).name.lower() or name


def size_of_pace(seconds: float, per_second: float, *, to_four_digits: bool = False) -> tuple[int, int] | None:
    """Return between which numbers of examples an evaluation took, by its seconds and its examples a second.

    Trainer rounds seconds to 4 digits after the point, and examples a second to 3; what transformers 5 prints has four
    digits in all besides.

    >>> size_of_pace(0.7986, 2.504), size_of_pace(2.3678, 1.267), size_of_pace(2869.7096, 0.081)
    ((2, 2), (3, 3), (231, 234))
    >>> size_of_pace(12.35, 1289.0), size_of_pace(12.35, 1289.0, to_four_digits=True)
    ((15919, 15919), (15907, 15932))
    """
    if not (0.0 < seconds < MAX_SIZE and 0.0 < per_second < MAX_SIZE):
        return None
    off = [6e-5, 6e-4]
    if to_four_digits:
        off = [max(o, 0.51 * 10.0 ** (floor(log10(x)) - 3)) for o, x in zip(off, (seconds, per_second), strict=True)]
    low, high = (seconds - off[0]) * (per_second - off[1]), (seconds + off[0]) * (per_second + off[1])
    if high > MAX_SIZE:
        return None
    first, last = -int(-low // 1), int(high)
    nearest = max(round(seconds * per_second), 1)
    return (first, last) if 0 < first <= last else (nearest, nearest)


def seen_sizes(sizes: Iterable[tuple[int, int]]) -> tuple[int, int] | None:
    """Return the numbers of examples that all evaluations of a run allow; None where they contradict one another.

    >>> seen_sizes([(99, 101), (100, 102)]), seen_sizes([(10, 11), (20, 21)])
    ((100, 101), None)
    """
    each = list(sizes)
    if not each:
        return None
    low, high = max(low for low, _ in each), min(high for _, high in each)
    return (low, high) if low <= high else None
