"""The precision of matrix products, by its name in a configuration."""

from __future__ import annotations

import torch


def dtype_named(precision: str) -> torch.dtype:
    """Return the type that matrix products are computed in; trained weights are float32 whatever it is.

    >>> dtype_named("bfloat16")
    torch.bfloat16
    """
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]
