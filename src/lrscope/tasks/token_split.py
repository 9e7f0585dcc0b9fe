"""A split whose targets are tokens: which of them are learned, and how many bytes of text those stand for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lrscope.tasks.base import EncodedSplit


@dataclass(frozen=True, eq=False, kw_only=True)
class TokenSplit(EncodedSplit):
    """Token ids laid end to end, as `EncodedSplit`, with what is learned of them.

    `learned[t]` says that the model is trained to predict token t from those before it in its example; the first token
    of an example is never learned. `num_bytes` are the UTF-8 bytes of each example's learned text. `targets` are 0, as
    every example brings its own targets.
    """

    learned: NDArray[np.bool_]
    num_bytes: NDArray[np.int64]

    def take(self, indices: NDArray[np.int64]) -> TokenSplit:
        """Return these examples as a split of their own."""
        plain = super().take(indices)
        rows = [self.learned[self.offsets[i] : self.offsets[i + 1]] for i in indices]
        learned = np.concatenate(rows) if rows else self.learned[:0]
        return TokenSplit(
            plain.name,
            plain.ids,
            plain.offsets,
            plain.targets,
            plain.num_cut,
            learned=learned,
            num_bytes=self.num_bytes[indices],
        )
