"""The native language model as it is trained: examples laid end to end, logits only where there is a loss.

Letters: B examples, T positions, N rows of the packing, M learned tokens, D model width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lrscope.errors import CheckpointError
from lrscope.models.generation import likeliest_tokens
from lrscope.models.llama import Backbone
from lrscope.models.lora import LoraSettings, adapter_tensors, add_adapters, load_adapter_tensors
from lrscope.models.lora_dropout import LoraDropout
from lrscope.models.packing import Packing
from lrscope.models.shape import LlamaShape
from lrscope.models.token_loss import token_losses
from lrscope.models.trainable import TrainableModel
from lrscope.randomness import StepRows


class ExampleLosses(NamedTuple):
    """The summed loss of a batch, differentiable, and of each example its loss, learned tokens and right ones."""

    total: Tensor
    loss_B: Tensor
    count_B: Tensor
    right_B: Tensor


class LlamaLearner(TrainableModel):
    """A LLaMA that learns tokens. Parameter names are transformers'; of tied weights there is one."""

    def __init__(self, shape: LlamaShape, dtype: torch.dtype) -> None:
        super().__init__()
        self.model = Backbone(shape)
        self.lm_head = nn.Linear(shape.dim, shape.vocab_size, bias=False)
        if shape.tied:
            self.lm_head.weight = self.model.embed_tokens.weight
        self.compute_dtype = dtype
        self._lora_dropout: LoraDropout | None = None

    @property
    def has_adapters(self) -> bool:
        """Return whether the model is frozen and has adapters."""
        return self._lora_dropout is not None

    def forward(
        self, ids_BT: Tensor, lengths_B: Tensor, learned_BT: Tensor, rows: StepRows | None = None
    ) -> ExampleLosses:
        """Return the losses of the tokens that `learned_BT` marks, each from the tokens before it in its example."""
        packing = Packing(lengths_B, self.model.shape, self.compute_dtype)
        ids_N, place_M = packing.pack(ids_BT), packing.pack(learned_BT).nonzero()[:, 0]
        if self._lora_dropout is not None:
            self._lora_dropout.begin(rows, packing, place_M - 1)
        # Row t − 1 is of the same example: the first token of an example is never learned.
        hidden_MD = self.model.forward_rows(ids_N, packing, place_M - 1, self.compute_dtype)
        losses = token_losses(hidden_MD, self.lm_head.weight, ids_N[place_M])
        example_M = packing.example_N()[place_M]
        loss_B, count_B, right_B = (torch.zeros(len(lengths_B), device=ids_BT.device) for _ in range(3))
        loss_B.index_add_(0, example_M, losses.losses_M)
        count_B.index_add_(0, example_M, torch.ones_like(losses.losses_M))
        right_B.index_add_(0, example_M, losses.right_M.float())
        return ExampleLosses(losses.total, loss_B, count_B, right_B)

    def logits(self, hidden_ND: Tensor) -> Tensor:
        """Return float32 logits (N, V) of the token after each, from normed hidden states, to generate by."""
        return self.lm_head(hidden_ND.to(self.lm_head.weight.dtype)).float()  # type: ignore[no-any-return]

    def generate_tokens(
        self, prompts: Sequence[Sequence[int]], max_new_tokens: Sequence[int], stop_ids: frozenset[int]
    ) -> Iterator[tuple[int, int | None]]:
        """Yield (number of the prompt, its next most likely token) as they come, and None for one that has ended."""
        return likeliest_tokens(self, prompts, max_new_tokens, stop_ids)

    def add_adapters(self, settings: LoraSettings, seed: int) -> None:
        """Put adapters on the backbone's matrices; everything else is frozen by `set_trainable("lora")`.

        Raises:
            ConfigError: a target matches nothing.
        """
        self._lora_dropout = add_adapters(self, settings, seed)

    def to_tensors(self) -> dict[str, Tensor]:
        """Return the weights to save: by transformers' names, or adapters by PEFT's."""
        if self.has_adapters:
            return adapter_tensors(self)
        tied = {"lm_head.weight"} if self.model.shape.tied else set()
        return {name: tensor.detach() for name, tensor in self.state_dict().items() if name not in tied}

    @torch.no_grad()
    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Put weights back that `to_tensors` gave."""
        if self.has_adapters:
            load_adapter_tensors(self, tensors)
        else:
            self.load_state_dict(dict(tensors), strict=not self.model.shape.tied)

    def set_trainable(self, part: str) -> None:
        """Let all weights be trained, in float32, or the adapters alone."""
        for name, parameter in self.named_parameters():
            trained = part == "full" or name.endswith((".lora_A", ".lora_B"))
            parameter.requires_grad_(trained)
            if trained:  # rounding in bfloat16 swallows small updates
                parameter.data = parameter.data.float()

    def set_gradient_checkpointing(self, on: bool) -> None:
        """Recompute each layer in the backward pass rather than keep its activations."""
        self.model.gradient_checkpointing = on


def build_learner(
    shape: LlamaShape, tensors: Mapping[str, Tensor], dtype: torch.dtype, *, copies: bool = True
) -> LlamaLearner:
    """Assemble a language model from tensors in transformers' naming.

    With `copies` false it shares its tensors with the caller, which nothing may train then.

    Raises:
        CheckpointError: a tensor is missing.
    """
    with torch.device("meta"):
        learner = LlamaLearner(shape, dtype)
    wanted = {name for name, _ in learner.named_parameters()}
    chosen = {name: tensor.clone() if copies else tensor for name, tensor in tensors.items() if name in wanted}
    missing = sorted(wanted - set(chosen))
    if missing:
        raise CheckpointError(
            f"a language model needs {missing[0]}, which these weights lack; name the language model, not a classifier"
        )
    if shape.tied:
        chosen["lm_head.weight"] = chosen["model.embed_tokens.weight"]
    learner.load_state_dict(chosen, assign=True)
    if shape.tied:
        learner.lm_head.weight = learner.model.embed_tokens.weight
    for parameter in learner.parameters():
        if parameter.ndim == 1:  # norms work in float32
            parameter.data = parameter.data.float()
        parameter.requires_grad_(False)
    return learner
