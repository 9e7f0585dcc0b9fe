"""What every model is that lrscope trains: it freezes parts, and gives and takes weights by transformers' names."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

from torch import Tensor, nn


class TrainableModel(nn.Module):
    """A torch model with what a trial asks of it beside its forward pass."""

    @abstractmethod
    def to_tensors(self) -> dict[str, Tensor]:
        """Return the weights to save, by transformers' names."""

    @abstractmethod
    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Put weights back that `to_tensors` gave."""

    @abstractmethod
    def set_trainable(self, part: str) -> None:
        """Let `full` or `head` be trained, in float32; what is frozen keeps its precision."""

    @abstractmethod
    def set_gradient_checkpointing(self, on: bool) -> None:
        """Recompute each layer in the backward pass rather than keep its activations."""
