"""How many examples of one split another one holds too."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence

Overlaps = dict[tuple[str, str], int]


def normalized(text: str) -> str:
    """Return what two texts must share to count as the same: all but case and spacing.

    >>> normalized(" A  treat ")
    'a treat'
    """
    return " ".join(text.split()).casefold()


def count_overlaps(splits: Mapping[str, Sequence[str]]) -> Overlaps:
    """Count, for each pair of splits, the texts of the second that the first one holds too.

    >>> count_overlaps({"train": ["a", "b", "b"], "dev": ["B", "b", "c"]})
    {('train', 'dev'): 2}
    """
    names = list(splits)
    overlaps = {}
    for number, second in enumerate(names):
        # Kept is the later split, the smaller one as a rule; the earlier ones are gone through.
        times = Counter(map(normalized, splits[second])) if number else Counter[str]()
        for first in names[:number]:
            shared = {text for text in map(normalized, splits[first]) if text in times}
            overlaps[first, second] = sum(times[text] for text in shared)
    return {(first, second): overlaps[first, second] for first, second in itertools.combinations(names, 2)}
