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
from lrscope.models.lora import (
    PEFT_PREFIX,
    Adapters,
    LoraSettings,
    adapter_tensors,
    add_adapters,
    load_adapter_tensors,
    require_fitting,
)
from lrscope.models.lora_dropout import LoraDropout
from lrscope.models.packing import Packing
from lrscope.models.shape import LlamaShape
from lrscope.models.trainable import TrainableModel
from lrscope.randomness import StepRows

SAVED_HEAD = f"{PEFT_PREFIX}score.weight"
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
        self._lora_dropout: LoraDropout | None = None

    def forward(self, ids_BT: Tensor, lengths_B: Tensor, rows: StepRows | None = None) -> Tensor:
        """Return float32 logits (B, C); `rows` are given in training only."""
        packing = Packing(lengths_B, self.model.shape, self.compute_dtype)
        if self._lora_dropout is not None:
            self._lora_dropout.begin(rows, packing, packing.last_B)
        hidden_BD = self.model.forward_last(ids_BT, lengths_B, self.compute_dtype, packing)
        return self.score(dropped(hidden_BD, self.dropout, rows))  # type: ignore[no-any-return]

    def add_adapters(self, settings: LoraSettings, seed: int) -> None:
        """Put adapters on the backbone's matrices.

        Raises:
            ConfigError: a target matches nothing, or the rank is larger than that of any matrix.
        """
        self._lora_dropout = add_adapters(self, settings, seed)

    def to_tensors(self) -> dict[str, Tensor]:
        """Return the weights to save: by transformers' names, or adapters and head by PEFT's."""
        if self._lora_dropout is not None:
            return {**adapter_tensors(self), SAVED_HEAD: self.score.weight.detach()}
        return {name: tensor.detach() for name, tensor in self.state_dict().items()}

    @torch.no_grad()
    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Put weights back that `to_tensors` gave.

        Raises:
            CheckpointError: they are of another base or of other classes.
        """
        if self._lora_dropout is None:
            self.load_state_dict(dict(tensors))
            return
        require_fitting({SAVED_HEAD: self.score.weight}, tensors)
        load_adapter_tensors(self, tensors)
        self.score.weight.copy_(tensors[SAVED_HEAD])

    def set_trainable(self, part: str) -> None:
        """Let `full`, `lora` (with the head) or `head` be trained; what is frozen keeps its precision."""
        trained = {"full": ("",), "lora": (".lora_A", ".lora_B", "score.weight"), "head": ("score.weight",)}[part]
        self.train_where(lambda name: name.endswith(trained))

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
    adapters: Adapters | None = None,
) -> LlamaClassifier:
    """Assemble a classifier from a language model's tensors and a fresh head, or from a classifier's own.

    A stored head is kept only if it has `num_classes` rows. No random generator but the head's own is used. With
    `adapters` the backbone's tensors are shared with the caller, which nothing may train then.

    Raises:
        CheckpointError: a tensor is missing.
        ConfigError: the adapters do not fit the model.
    """
    with torch.device("meta"):
        classifier = LlamaClassifier(shape, num_classes, dropout, dtype)
    wanted = {name for name, _ in classifier.named_parameters()}
    copied = wanted if adapters is None else {"score.weight"}
    chosen = {n: tensor.clone() if n in copied else tensor for n, tensor in tensors.items() if n in wanted}
    stored_head = chosen.get("score.weight")
    if stored_head is None or len(stored_head) != num_classes:
        chosen["score.weight"] = initial_head(num_classes, shape.dim, head_seed)
    missing = sorted(wanted - set(chosen))
    if missing:
        raise CheckpointError(f"a LLaMA needs {missing[0]} and {len(missing) - 1} more tensors that these weights lack")
    classifier.load_state_dict(chosen, assign=True)
    if adapters is not None:
        for parameter in classifier.parameters():
            if parameter.ndim == 1:  # norms work in float32
                parameter.data = parameter.data.float()
        classifier.add_adapters(*adapters)
    return classifier
