"""Cross-entropy of many linear heads at once, with its derivative written out.

Letters: A trials, B sentences of a batch, N of a split, C classes, D features.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lrscope.models.classifier import LlamaClassifier


class ClassificationHead:
    """The head of the native classifier."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Return what `loss` measures besides the loss."""
        return ("accuracy",)

    def features(self, model: nn.Module, batch: Any) -> Tensor:
        """Return the backbone's state at the last token of each sentence, (B, D)."""
        assert isinstance(model, LlamaClassifier)
        return model.model.forward_last(batch.ids_BT, batch.lengths_B, model.compute_dtype).float().cpu()

    def loss(
        self, logits_BAC: Tensor, targets_B: Tensor, settings_A: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return summed cross-entropies (A,), the derivative softmax − target (B, A, C), and summed hits (A,)."""
        C = logits_BAC.shape[-1]
        log_p = torch.log_softmax(logits_BAC, -1)
        smooth_A = settings_A["label_smoothing"][:, None]
        target_BAC = (torch.nn.functional.one_hot(targets_B, C)[:, None] * (1.0 - smooth_A)) + smooth_A / C
        loss_A = -(target_BAC * log_p).sum((0, 2))
        right = log_p.argmax(-1) == targets_B[:, None]
        return loss_A, log_p.exp() - target_BAC, {"accuracy": right.sum(0).double()}

    def outputs(self, logits_NAC: Tensor) -> NDArray[np.float32]:
        """Return log-probabilities (N, A, C)."""
        return torch.log_softmax(logits_NAC, -1).numpy()
