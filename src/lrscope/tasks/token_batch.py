"""Examples of a `TokenSplit` as a padded batch.

Letters: B batch, T positions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lrscope.randomness import StepRows
from lrscope.tasks.base import EncodedSplit
from lrscope.tasks.token_split import TokenSplit


@dataclass(frozen=True, eq=False)
class TokenBatch:
    """Padded examples. Padding follows the real tokens; nothing ever looks at it."""

    ids_BT: Tensor
    lengths_B: Tensor
    learned_BT: Tensor
    rows: StepRows | None


def padded_batch(
    split: EncodedSplit, indices: NDArray[np.int64], pad_id: int, device: str, rows: StepRows | None = None
) -> TokenBatch:
    """Return examples padded to the longest of them."""
    assert isinstance(split, TokenSplit)
    lengths = split.lengths[indices]
    width = int(lengths.max())
    ids = np.full((len(indices), width), pad_id, dtype=np.int64)
    learned = np.zeros((len(indices), width), dtype=np.bool_)
    tokens = split.offsets[indices][:, None] + np.arange(width)
    real = np.arange(width) < lengths[:, None]
    ids[real], learned[real] = split.ids[tokens[real]], split.learned[tokens[real]]
    ids_BT, learned_BT, lengths_B = (torch.from_numpy(each).to(device) for each in (ids, learned, lengths))
    return TokenBatch(ids_BT, lengths_B, learned_BT, rows)
