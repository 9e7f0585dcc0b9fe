"""Supervised fine-tuning as a task: what is learned, and what outputs amount to."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.sft import SftToy
from transformers import AutoModelForCausalLM

from lrscope.tasks.sft import SupervisedFineTuning
from lrscope.tasks.token_split import TokenSplit
from lrscope.training.evaluation import outputs_of
from lrscope.training.study_inputs import load_inputs

TASK = SupervisedFineTuning()


def split_of(num_bytes: list[int]) -> TokenSplit:
    empty = np.zeros(len(num_bytes) + 1, dtype=np.int64)
    return TokenSplit(
        "dev", np.empty(0, dtype=np.int32), empty, empty[1:], learned=np.empty(0, dtype=np.bool_),
        num_bytes=np.array(num_bytes),
    )  # fmt: skip


def test_scores_weigh_examples_by_their_tokens() -> None:
    outputs = np.array([[2.0, 3, 1.0], [1.0, 1, 0.0]], dtype=np.float32)
    metrics, scores = TASK.score(outputs, split_of([10, 4]))
    assert metrics["loss"] == pytest.approx((2.0 * 3 + 1.0) / 4)
    assert metrics["perplexity"] == pytest.approx(math.exp(7 / 4))
    assert metrics["bits_per_byte"] == pytest.approx(7 / math.log(2) / 14)
    assert metrics["token_accuracy"] == pytest.approx(3 / 4)
    assert scores["loss"].values.tolist() == [2.0, 1.0]
    assert scores["loss"].weights.tolist() == [3, 1]


def test_outputs_of_a_model_that_broke_are_numbers_still() -> None:
    metrics, _ = TASK.score(np.array([[math.nan, 2, 0.5]], dtype=np.float32), split_of([3]))
    assert math.isnan(metrics["loss"])
    assert math.isnan(metrics["perplexity"])
    metrics, _ = TASK.score(np.array([[1e30, 2, 0.5]], dtype=np.float32), split_of([3]))
    assert math.isfinite(metrics["perplexity"])


@pytest.mark.parametrize("implementation", ["native", "transformers"])
def test_loss_and_accuracy_are_transformers(sft_toy: SftToy, implementation: str) -> None:
    config = sft_toy.config(implementation=implementation)
    inputs = load_inputs(config)
    dev = inputs.encoded["dev"]
    assert isinstance(dev, TokenSplit)
    network = AutoModelForCausalLM.from_pretrained(sft_toy.model).eval()
    losses, right, counts = [], [], []
    for place in range(dev.num_examples):
        rows = slice(dev.offsets[place], dev.offsets[place + 1])
        ids, learned = torch.from_numpy(dev.ids[rows].astype(np.int64)), torch.from_numpy(dev.learned[rows])[1:]
        with torch.no_grad():
            logits = network(ids[None]).logits[0, :-1]
        losses.append(F.cross_entropy(logits, ids[1:], reduction="none")[learned].mean().item())
        right.append((logits.argmax(-1) == ids[1:])[learned].float().mean().item())
        counts.append(int(learned.sum()))
    outputs = outputs_of(inputs.build_model(config.trial), inputs, dev)
    assert np.allclose(outputs, np.stack([losses, counts, right], 1), atol=1e-5)
    batch = inputs.batch(dev, np.arange(4))
    loss = TASK.loss(inputs.build_model(config.trial), batch, config.trial)
    assert loss.num_units == sum(counts[:4])
    assert loss.total.item() == pytest.approx(np.dot(losses[:4], counts[:4]), rel=1e-5)
