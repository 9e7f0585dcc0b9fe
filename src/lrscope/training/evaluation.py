"""Measuring a model on a split, without gradients and without randomness."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lrscope.data.batches import plan_evaluation
from lrscope.tasks.base import EncodedSplit
from lrscope.training.study_inputs import StudyInputs

BATCH_SIZE = 64
MOST_TOKENS = 8192  # of a batch: what a training step of long examples holds, and no more
Told = Callable[[str, int, int], None]  # what is measured or written, how many are done, of how many


def tell_nothing(what: str, number: int, total: int) -> None:
    """Tell nobody."""


@torch.inference_mode()
def outputs_of(
    model: nn.Module, inputs: StudyInputs, split: EncodedSplit, tell: Told = tell_nothing
) -> NDArray[np.float32]:
    """Return the model's outputs, one row an example, in the split's own order; `tell` hears of every batch."""
    model.eval()
    rows: list[NDArray[np.float32]] = []
    order: list[NDArray[np.int64]] = []
    done = 0
    for indices, output in _each_batch(model, inputs, split):
        order.append(indices)
        rows.append(output)
        done += len(indices)
        tell("examples", done, split.num_examples)
    stacked = np.concatenate(rows)
    in_order = np.empty_like(stacked)
    in_order[np.concatenate(order)] = stacked
    return in_order


def _each_batch(
    model: nn.Module, inputs: StudyInputs, split: EncodedSplit
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    for indices in plan_evaluation(split.lengths, BATCH_SIZE, MOST_TOKENS):
        yield indices, inputs.task.outputs(model, inputs.batch(split, indices)).float().cpu().numpy()
