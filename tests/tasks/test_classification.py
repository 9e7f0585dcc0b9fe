"""Classification: losses against torch, macro-F1 against its definition, collation against the plain way."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lrscope.tasks.base import EncodedSplit
from lrscope.tasks.classification import Classification, macro_f1

ROWS = [[1, 5, 2], [1, 2], [1, 7, 8, 9, 2]]
SPLIT = EncodedSplit(
    "dev",
    np.array([token for row in ROWS for token in row], dtype=np.int32),
    np.array([0, 3, 5, 10]),
    np.array([2, 0, 1]),
)
TASK = Classification(3, pad_id=0, device=torch.device("cpu"))


class Fixed(torch.nn.Module):
    """Logits that depend on each sentence's own tokens."""

    def forward(self, ids_BT: torch.Tensor, lengths_B: torch.Tensor, dropout: object = None) -> torch.Tensor:
        last = ids_BT[torch.arange(len(ids_BT)), lengths_B - 2].float()
        return torch.stack([last.sin(), last.cos(), last / 10], -1)


def test_collation_pads_behind_the_real_tokens() -> None:
    batch = TASK.collate(SPLIT, np.array([2, 0]))
    assert batch.ids_BT.tolist() == [[1, 7, 8, 9, 2], [1, 5, 2, 0, 0]]
    assert batch.lengths_B.tolist() == [5, 3]
    assert batch.labels_B.tolist() == [1, 2]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_a_sum_with_its_count(smoothing: float) -> None:
    task = Classification(3, 0, torch.device("cpu"), smoothing)
    batch = task.collate(SPLIT, np.array([0, 1, 2]))
    loss = task.loss(Fixed(), batch)
    expected = F.cross_entropy(Fixed()(batch.ids_BT, batch.lengths_B), batch.labels_B, label_smoothing=smoothing)
    assert loss.num_units == 3
    assert math.isclose(loss.total.item() / 3, expected.item(), rel_tol=1e-6)


def test_scores_are_per_example_and_their_means_are_the_metrics() -> None:
    outputs = TASK.outputs(Fixed(), TASK.collate(SPLIT, np.array([0, 1, 2]))).numpy()
    assert np.allclose(np.exp(outputs).sum(-1), 1.0, atol=1e-6)
    evaluation = TASK.score(outputs, SPLIT)
    right = outputs.argmax(-1) == SPLIT.labels
    assert evaluation.scores["accuracy"].values.tolist() == right.astype(float).tolist()
    assert evaluation.metrics["accuracy"] == right.mean()
    assert evaluation.metrics["loss"] == pytest.approx(-outputs[np.arange(3), SPLIT.labels].mean())


def test_macro_f1_by_its_definition() -> None:
    generator = np.random.default_rng(0)
    labels, predicted = generator.integers(0, 4, 200), generator.integers(0, 3, 200)
    f1 = []
    for c in range(4):
        hits = ((predicted == c) & (labels == c)).sum()
        precision = hits / (predicted == c).sum() if (predicted == c).any() else 0.0
        recall = hits / (labels == c).sum()
        f1.append(2 * precision * recall / (precision + recall) if hits else 0.0)
    assert macro_f1(predicted, labels) == pytest.approx(np.mean(f1))
    assert macro_f1(labels, labels) == 1.0
