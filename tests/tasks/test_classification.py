"""Classification: losses against torch, macro-F1 against its definition, collation against the plain way."""

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import lrscope
from lrscope.config import TrialConfig
from lrscope.errors import ConfigError
from lrscope.tasks.base import EncodedSplit
from lrscope.tasks.classification import Classification, macro_f1, padded_batch
from lrscope.tasks.registry import task_named

ROWS = [[1, 5, 2], [1, 2], [1, 7, 8, 9, 2]]
SPLIT = EncodedSplit(
    "dev",
    np.array([token for row in ROWS for token in row], dtype=np.int32),
    np.array([0, 3, 5, 10]),
    np.array([2, 0, 1]),
)
TASK = Classification()
TRIAL = TrialConfig(peak_rate=1e-3)


class Fixed(torch.nn.Module):
    """Logits that depend on each sentence's own tokens."""

    def forward(self, ids_BT: torch.Tensor, lengths_B: torch.Tensor, rows: object = None) -> torch.Tensor:
        last = ids_BT[torch.arange(len(ids_BT)), lengths_B - 2].float()
        return torch.stack([last.sin(), last.cos(), last / 10], -1)


def test_collation_pads_behind_the_real_tokens() -> None:
    batch = padded_batch(SPLIT, np.array([2, 0]), 0, "cpu")
    assert batch.ids_BT.tolist() == [[1, 7, 8, 9, 2], [1, 5, 2, 0, 0]]
    assert batch.lengths_B.tolist() == [5, 3]
    assert batch.labels_B.tolist() == [1, 2]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_a_sum_with_its_count(smoothing: float) -> None:
    batch = padded_batch(SPLIT, np.array([0, 1, 2]), 0, "cpu")
    loss = TASK.loss(Fixed(), batch, replace(TRIAL, label_smoothing=smoothing))
    expected = F.cross_entropy(Fixed()(batch.ids_BT, batch.lengths_B), batch.labels_B, label_smoothing=smoothing)
    assert loss.num_units == 3
    assert math.isclose(loss.total.item() / 3, expected.item(), rel_tol=1e-6)


def test_scores_are_per_example_and_their_means_are_the_metrics() -> None:
    outputs = TASK.outputs(Fixed(), padded_batch(SPLIT, np.array([0, 1, 2]), 0, "cpu")).numpy()
    assert np.allclose(np.exp(outputs).sum(-1), 1.0, atol=1e-6)
    evaluation = TASK.score(outputs, SPLIT)
    right = outputs.argmax(-1) == SPLIT.targets
    assert evaluation.scores["accuracy"].values.tolist() == right.astype(float).tolist()
    assert evaluation.metrics["accuracy"] == right.mean()
    assert evaluation.metrics["loss"] == pytest.approx(-outputs[np.arange(3), SPLIT.targets].mean())


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


def test_no_room_above_the_tasks_names_one() -> None:
    source = Path(lrscope.__file__).parent
    named = re.compile(r"\btasks\.classification|\bClassification\b")
    files = [path for path in sorted(source.rglob("*.py")) if path.parent.name != "tasks"]
    naming = [path.relative_to(source).as_posix() for path in files if named.search(path.read_text("utf-8"))]
    # run-llama speaks the language of one task, as the script that it stands for does.
    assert naming == ["statistics/choice.py", "workflows/minllama.py"], "the former cites a book of that name"


def test_an_unknown_task_is_refused() -> None:
    assert isinstance(task_named("classification"), Classification)
    with pytest.raises(ConfigError, match=r"task is one of classification, .*sft: got 'ranking'"):
        task_named("ranking")
