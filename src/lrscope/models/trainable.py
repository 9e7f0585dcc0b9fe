"""What every model is that lrscope trains: it freezes parts, and gives and takes weights by transformers' names."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping

from torch import Tensor, nn

# Modules of a classifier that its language model does not have.
HEADS = ("score", "classifier", "classification_head", "pooler", "pre_classifier")


class TrainableModel(nn.Module):
    """A torch model with what a trial asks of it beside its forward pass."""

    @abstractmethod
    def to_tensors(self) -> dict[str, Tensor]:
        """Return the weights to save: by transformers' names, or what was trained beside a frozen model by PEFT's."""

    @abstractmethod
    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Put weights back that `to_tensors` gave."""

    @abstractmethod
    def set_trainable(self, part: str) -> None:
        """Let `full`, `lora` or `head` be trained, in float32; what is frozen keeps its precision."""

    @abstractmethod
    def set_gradient_checkpointing(self, on: bool) -> None:
        """Recompute each layer in the backward pass rather than keep its activations."""

    def train_where(self, is_trained: Callable[[str], bool]) -> None:
        """Let the parameters be trained that `is_trained` names, in float32; freeze the others."""
        for name, parameter in self.named_parameters():
            trained = is_trained(name)
            parameter.requires_grad_(trained)
            if trained:
                # Rounding in bfloat16 swallows small updates, and biases exactly the low rates.
                parameter.data = parameter.data.float()
