"""Weights that are never trained, once a process: in the precision of matrix products, shared by models."""

from __future__ import annotations

import weakref
from collections.abc import Mapping

import torch
from torch import Tensor

from lrscope.models.checkpoints import Checkpoint

_SHARED: weakref.WeakKeyDictionary[Checkpoint, dict[torch.dtype, Mapping[str, Tensor]]] = weakref.WeakKeyDictionary()


def shared_tensors(checkpoint: Checkpoint, dtype: torch.dtype) -> Mapping[str, Tensor]:
    """Return a checkpoint's tensors as `dtype`, the same ones at every call: nobody may write to them.

    Those that have this type already stay as they were read: of a safetensors file they are mapped from the disk, so
    that processes share them.
    """
    kept = _SHARED.setdefault(checkpoint, {})
    if dtype not in kept:
        kept[dtype] = {name: tensor.to(dtype) for name, tensor in checkpoint.tensors.items()}
    return kept[dtype]
