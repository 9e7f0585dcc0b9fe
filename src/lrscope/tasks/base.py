"""What a task is to the rest of lrscope: how examples become batches, a loss, and scores that arms are compared by.

Nothing above this seam knows whether a metric is an accuracy or a perplexity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from lrscope.models.classifier import DropoutPlace
from lrscope.records import Metric, Scores


class Loss(NamedTuple):
    """A micro-batch's loss as sum and count, so that accumulation and averaging are exact.

    `scores` are per-example (values, weights) by metric name, detached: the training pass's own measurements.
    """

    total: Tensor
    num_units: float
    scores: Mapping[str, tuple[Tensor, Tensor]]


@dataclass(frozen=True, eq=False)
class EncodedSplit:
    """A split as token ids, laid end to end: example i is `ids[offsets[i] : offsets[i + 1]]`."""

    name: str
    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]
    labels: NDArray[np.int64]
    num_cut: int = 0

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Return the number of tokens of each example."""
        return np.diff(self.offsets)

    @property
    def num_examples(self) -> int:
        """Return how many examples there are."""
        return len(self.offsets) - 1

    @property
    def labelled(self) -> bool:
        """Return whether every example has its target."""
        return bool((self.labels >= 0).all())

    def take(self, indices: NDArray[np.int64]) -> EncodedSplit:
        """Return these examples as a split of their own."""
        rows = [self.ids[self.offsets[i] : self.offsets[i + 1]] for i in indices]
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows], dtype=np.int64)]).astype(np.int64)
        ids = np.concatenate(rows) if rows else self.ids[:0]
        return EncodedSplit(self.name, ids, offsets, self.labels[indices])


class Evaluation(NamedTuple):
    """What a split's outputs amount to: metrics by name, and per-example scores of those that are means."""

    metrics: dict[str, float]
    scores: dict[str, Scores]


class Task(Protocol):
    """One kind of fine-tuning. `batch` values are the task's own; the loop only hands them back."""

    metric: Metric

    def baseline(self, split: EncodedSplit) -> dict[str, float]:
        """Return the metrics of the best answer that does not look at the examples, by name; none where unknown."""
        ...

    def collate(self, split: EncodedSplit, indices: NDArray[np.int64], dropout: DropoutPlace | None = None) -> Any:
        """Return a padded batch of these examples."""
        ...

    def loss(self, model: nn.Module, batch: Any) -> Loss:
        """Return the training loss of a batch, differentiable."""
        ...

    def outputs(self, model: nn.Module, batch: Any) -> Tensor:
        """Return what the model says of each example: one float32 row an example, unscored."""
        ...

    def score(self, outputs: NDArray[np.float32], split: EncodedSplit) -> Evaluation:
        """Compare outputs with the targets of `split`."""
        ...
