"""What a frozen backbone says of every example, computed once a study and kept by fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from lrscope.data.batches import plan_evaluation
from lrscope.files import replacing
from lrscope.models.checkpoints import read_safetensors
from lrscope.tasks.base import LinearHead
from lrscope.training.numerics import apply
from lrscope.training.study_inputs import StudyInputs

FILE = "features.safetensors"
BATCH_SIZE = 64


def features_of(inputs: StudyInputs, folder: Path) -> dict[str, Tensor]:
    """Return float32 features (N, D) of each split's examples, from `folder` where they lie there already.

    Raises:
        StudyError: the folder cannot be written.
    """
    key = _key(inputs)
    path = folder / FILE
    if path.is_file():
        tensors, metadata = read_safetensors(path)
        if metadata.get("lrscope.key") == key:
            return tensors
    from safetensors.torch import save_file

    apply(inputs.numerics)
    model = inputs.build_model(inputs.config.trial).eval()
    head = inputs.task.linear_head(inputs.data)
    assert head is not None, "features are computed where the task knows how"
    tensors = {name: _features(head, model, inputs, name) for name in inputs.encoded}
    with replacing(path) as temporary:
        save_file(tensors, temporary, {"lrscope.key": key})
    return tensors


@torch.inference_mode()
def _features(head: LinearHead, model: nn.Module, inputs: StudyInputs, name: str) -> Tensor:
    split = inputs.encoded[name]
    plan = plan_evaluation(split.lengths, BATCH_SIZE)
    rows = torch.cat([head.features(model, inputs.batch(split, indices)) for indices in plan])
    features = torch.empty_like(rows)
    features[torch.from_numpy(np.concatenate(plan))] = rows
    return features


def _key(inputs: StudyInputs) -> str:
    known: Mapping[str, object] = {
        **inputs.data.fingerprint,
        **inputs.numerics.to_dict(),
        "max_tokens": inputs.config.data.max_tokens,
        "threads": None,
    }
    return hashlib.blake2b(json.dumps(known, sort_keys=True).encode(), digest_size=16).hexdigest()
