"""Sentence classifiers: a backbone, dropout, and a linear head that reads the last real token.

Two implementations of one interface, `forward(ids_BT, lengths_B, rows) -> logits (B, C)`: our own LLaMA for
`model_type: llama`, transformers' models for the rest. Both save what
`AutoModelForSequenceClassification.from_pretrained` loads.

Letters: B batch, T positions, D model width, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from lrscope.errors import CheckpointError
from lrscope.models.llama import Backbone
from lrscope.models.shape import LlamaShape
from lrscope.models.trainable import TrainableModel
from lrscope.randomness import StepRows

INITIAL_HEAD_SD = 0.02  # transformers' `initializer_range`


def dropped(x_BD: Tensor, share: float, rows: StepRows | None) -> Tensor:
    """Zero a `share` of the entries and scale the rest by 1 / (1 − share); no rows, no dropout."""
    if rows is None or share == 0.0:
        return x_BD
    generator = torch.Generator().manual_seed(rows.seed)
    kept = torch.rand(rows.num_rows, x_BD.shape[1], generator=generator) >= share
    kept = kept[rows.first_row : rows.first_row + len(x_BD)]
    return x_BD * kept.to(x_BD.device).to(x_BD.dtype).div_(1.0 - share)


def initial_head(num_classes: int, dim: int, seed: int) -> Tensor:
    """Return a fresh head (C, D), normal with standard deviation 0.02, from `seed` alone."""
    generator = torch.Generator().manual_seed(seed)
    return torch.empty(num_classes, dim).normal_(0.0, INITIAL_HEAD_SD, generator=generator)


class LlamaClassifier(TrainableModel):
    """The native classifier. Parameter names are transformers' (`model.…`, `score.weight`)."""

    def __init__(self, shape: LlamaShape, num_classes: int, dropout: float, dtype: torch.dtype) -> None:
        super().__init__()
        self.model = Backbone(shape)
        self.score = nn.Linear(shape.dim, num_classes, bias=False)
        self.dropout = dropout
        self.compute_dtype = dtype

    def forward(self, ids_BT: Tensor, lengths_B: Tensor, rows: StepRows | None = None) -> Tensor:
        """Return float32 logits (B, C); `rows` are given in training only."""
        hidden_BD = self.model.forward_last(ids_BT, lengths_B, self.compute_dtype)
        return self.score(dropped(hidden_BD, self.dropout, rows))  # type: ignore[no-any-return]

    def to_tensors(self) -> dict[str, Tensor]:
        """Return the weights to save, by transformers' names."""
        return {name: tensor.detach() for name, tensor in self.state_dict().items()}

    @torch.no_grad()
    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Put weights back that `to_tensors` gave."""
        self.load_state_dict(dict(tensors))

    def set_trainable(self, part: str) -> None:
        """Let `full` or `head` be trained: freezing a part keeps it in the precision that it came in."""
        for name, parameter in self.named_parameters():
            trained = part == "full" or name.startswith("score.")
            parameter.requires_grad_(trained)
            if trained:
                # Rounding in bfloat16 swallows small updates, and biases exactly the low rates.
                parameter.data = parameter.data.float()

    def set_gradient_checkpointing(self, on: bool) -> None:
        """Recompute each layer in the backward pass rather than keep its activations."""
        self.model.gradient_checkpointing = on


def build_native(
    shape: LlamaShape,
    tensors: Mapping[str, Tensor],
    num_classes: int,
    *,
    dropout: float,
    head_seed: int,
    dtype: torch.dtype,
) -> LlamaClassifier:
    """Assemble a classifier from a language model's tensors and a fresh head, or from a classifier's own.

    A stored head is kept only if it has `num_classes` rows. No random generator but the head's own is used.

    Raises:
        CheckpointError: a tensor is missing.
    """
    with torch.device("meta"):
        classifier = LlamaClassifier(shape, num_classes, dropout, dtype)
    wanted = {name for name, _ in classifier.named_parameters()}
    chosen = {name: tensor.clone() for name, tensor in tensors.items() if name in wanted}
    stored_head = chosen.get("score.weight")
    if stored_head is None or len(stored_head) != num_classes:
        chosen["score.weight"] = initial_head(num_classes, shape.dim, head_seed)
    missing = sorted(wanted - set(chosen))
    if missing:
        raise CheckpointError(f"a LLaMA needs {missing[0]} and {len(missing) - 1} more tensors that these weights lack")
    classifier.load_state_dict(chosen, assign=True)
    return classifier
