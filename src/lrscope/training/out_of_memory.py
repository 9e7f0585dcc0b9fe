"""Memory that does not hold a batch: the batch stays what it is, and is computed in smaller parts."""

from __future__ import annotations

from dataclasses import replace

import torch

from lrscope.config import TrialConfig


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory ran out; torch's allocator for the processor says so in words only."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "allocate memory" in str(error)


def halved(config: TrialConfig) -> TrialConfig | None:
    """Return the same trial with its batch computed in parts half as large; None where a part is one example.

    >>> halved(TrialConfig(peak_rate=1e-3, batch_size=80)).micro_batch
    40
    """
    part = config.micro_batch or config.batch_size
    return replace(config, micro_batch=-(-part // 2)) if part > 1 else None
