"""Per-example scores of arms at seeds, as tables, and the means that all comparisons start from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lrscope.errors import StudyError

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ExampleValues:
    """One run's values of one metric [n], example by example, their weights [n], and what the examples are called."""

    examples: tuple[str, ...]
    values: Floats
    weights: Floats

    @property
    def mean(self) -> float:
        """The run's value: the weighted mean.

        >>> ExampleValues(("a", "b"), np.array([1.0, 4.0]), np.array([2.0, 1.0])).mean
        2.0
        """
        return float(np.average(self.values, weights=self.weights))


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """Scores of K arms at S seeds on n shared examples: `values` [K, S, n], NaN for a trial that is not there.

    `weights` [n] are the examples' own; a trial's value is the weighted mean Σ wᵢ xᵢ / Σ wᵢ. `names` are the arms'.
    """

    names: tuple[str, ...]
    values: Floats
    weights: Floats

    @staticmethod
    def of(scores: Mapping[str, Mapping[int, Floats]], weights: Floats | None = None) -> ScoreTable:
        """Make a table of scores by arm and seed.

        Raises:
            StudyError: the trials were not scored on the same examples.

        >>> ScoreTable.of({"a": {0: np.array([1.0, 0.0])}, "b": {0: np.array([1.0, 1.0])}}).means.tolist()
        [[0.5], [1.0]]
        """
        seeds = sorted({seed for by_seed in scores.values() for seed in by_seed})
        sizes = {len(values) for by_seed in scores.values() for values in by_seed.values()}
        if len(sizes) != 1:
            raise StudyError(
                f"arms are compared on the same examples: got trials with {' and '.join(map(str, sorted(sizes)))}"
            )
        (size,) = sizes
        values = np.full((len(scores), len(seeds), size), np.nan)
        for a, by_seed in enumerate(scores.values()):
            for seed, row in by_seed.items():
                values[a, seeds.index(seed)] = row
        return ScoreTable(tuple(scores), values, np.ones(size) if weights is None else weights)

    def in_order(self, names: Sequence[str]) -> ScoreTable:
        """Return the table with its arms in this order."""
        if tuple(names) == self.names:
            return self
        return ScoreTable(tuple(names), self.values[[self.names.index(name) for name in names]], self.weights)

    @property
    def num_examples(self) -> int:
        """How many examples every trial was scored on."""
        return int(self.values.shape[2])

    @cached_property
    def scaled(self) -> Floats:
        """The scores times their weights over the mean weight: their plain mean is a trial's value."""
        return np.asarray(self.values * (self.weights / self.weights.mean()))

    @cached_property
    def means(self) -> Floats:
        """Each trial's value [K, S]; NaN for a trial that is not there."""
        return np.asarray(self.scaled.mean(axis=2))

    @property
    def there(self) -> NDArray[np.bool_]:
        """Which trials there are [K, S]."""
        return ~np.isnan(self.means)
