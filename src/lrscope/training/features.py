"""What a frozen backbone says of every sentence, computed once a study and kept by fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from lrscope.data.batches import plan_evaluation
from lrscope.files import replacing
from lrscope.models.checkpoints import read_safetensors
from lrscope.models.classifier import LlamaClassifier
from lrscope.training.numerics import apply
from lrscope.training.study_inputs import StudyInputs

FILE = "features.safetensors"
BATCH_SIZE = 64


def features_of(inputs: StudyInputs, folder: Path) -> dict[str, Tensor]:
    """Return float32 features (N, D) of each split's sentences, from `folder` where they lie there already.

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
    assert isinstance(model, LlamaClassifier)
    tensors = {name: _features(model, inputs, name) for name in inputs.encoded}
    with replacing(path) as temporary:
        save_file(tensors, temporary, {"lrscope.key": key})
    return tensors


@torch.inference_mode()
def _features(model: LlamaClassifier, inputs: StudyInputs, name: str) -> Tensor:
    split, task = inputs.encoded[name], inputs.task()
    found = torch.empty(split.num_examples, model.score.in_features)
    for indices in plan_evaluation(split.lengths, BATCH_SIZE):
        batch = task.collate(split, indices)
        found[torch.from_numpy(indices)] = model.model.forward_last(
            batch.ids_BT, batch.lengths_B, model.compute_dtype
        ).float().cpu()  # fmt: skip
    return found


def _key(inputs: StudyInputs) -> str:
    known: Mapping[str, object] = {
        **inputs.fingerprint,
        **inputs.numerics.to_dict(),
        "max_tokens": inputs.config.data.max_tokens,
        "threads": None,
    }
    return hashlib.blake2b(json.dumps(known, sort_keys=True).encode(), digest_size=16).hexdigest()
