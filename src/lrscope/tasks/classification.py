"""Sentence classification: cross-entropy, accuracy (what arms are compared by), macro-F1.

Letters: B batch, T positions, C classes, N examples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from lrscope.data.guessing import guessing
from lrscope.models.classifier import DropoutPlace
from lrscope.records import Metric, Scores
from lrscope.tasks.base import EncodedSplit, Evaluation, Loss


@dataclass(frozen=True, eq=False)
class SentenceBatch:
    """Padded sentences. Padding follows the real tokens; nothing ever looks at it."""

    ids_BT: Tensor
    lengths_B: Tensor
    labels_B: Tensor
    dropout: DropoutPlace | None


class Classification:
    """The task of naming one of C classes a sentence."""

    metric = Metric("accuracy", "maximize")

    def __init__(self, num_classes: int, pad_id: int, device: torch.device, label_smoothing: float = 0.0) -> None:
        self.num_classes = num_classes
        self.pad_id = pad_id
        self.device = device
        self.label_smoothing = label_smoothing

    def baseline(self, split: EncodedSplit) -> dict[str, float]:
        """Return the metrics of guessing on a split: of its commonest class, and of its classes' shares."""
        return guessing(split.labels)

    def collate(
        self, split: EncodedSplit, indices: NDArray[np.int64], dropout: DropoutPlace | None = None
    ) -> SentenceBatch:
        """Return these examples padded to the longest of them."""
        lengths = split.lengths[indices]
        width = int(lengths.max())
        ids = np.full((len(indices), width), self.pad_id, dtype=np.int64)
        places = split.offsets[indices][:, None] + np.arange(width)
        real = np.arange(width) < lengths[:, None]
        ids[real] = split.ids[places[real]]
        return SentenceBatch(
            torch.from_numpy(ids).to(self.device),
            torch.from_numpy(lengths).to(self.device),
            torch.from_numpy(split.labels[indices]).to(self.device),
            dropout,
        )

    def loss(self, model: nn.Module, batch: SentenceBatch) -> Loss:
        """Return the summed cross-entropy (label smoothing included), and how often the largest logit was right."""
        logits_BC = model(batch.ids_BT, batch.lengths_B, batch.dropout)
        total = F.cross_entropy(logits_BC, batch.labels_B, reduction="sum", label_smoothing=self.label_smoothing)
        right = (logits_BC.detach().argmax(-1) == batch.labels_B).float()
        return Loss(total, float(len(right)), {"accuracy": (right, torch.ones_like(right))})

    def outputs(self, model: nn.Module, batch: SentenceBatch) -> Tensor:
        """Return log-probabilities (B, C) in float32."""
        return F.log_softmax(model(batch.ids_BT, batch.lengths_B, None).float(), -1)

    def score(self, outputs: NDArray[np.float32], split: EncodedSplit) -> Evaluation:
        """Return loss (cross-entropy without smoothing), accuracy and macro-F1, with per-example losses and hits."""
        weights = np.ones(len(outputs), dtype=np.float32)
        predicted = outputs.argmax(-1)
        scores = {
            "loss": Scores(-outputs[np.arange(len(outputs)), split.labels], weights),
            "accuracy": Scores((predicted == split.labels).astype(np.float32), weights),
        }
        metrics = {name: score.mean() for name, score in scores.items()}
        metrics["macro_f1"] = macro_f1(predicted, split.labels)
        return Evaluation(metrics, scores)


def macro_f1(predicted: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
    """Return the mean over classes of F1 = 2·hits / (predicted + true).

    Over the classes that are predicted or true somewhere, as scikit-learn's `f1_score(average="macro")` does.

    >>> macro_f1(np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0]))
    0.7333333333333334
    """
    classes = np.union1d(predicted, labels)
    f1 = [
        2 * int(((predicted == c) & (labels == c)).sum()) / (int((predicted == c).sum()) + int((labels == c).sum()))
        for c in classes
    ]
    return float(np.mean(f1))
