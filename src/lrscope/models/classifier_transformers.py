"""The classifier for every architecture that the native LLaMA does not cover: transformers' own model.

transformers is imported here and nowhere else on the training path, and only when this path is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lrscope.errors import CheckpointError
from lrscope.models.classifier import dropped, initial_head
from lrscope.models.lora import Adapters, LoraSettings
from lrscope.models.peft_adapters import (
    add_peft_adapters,
    is_trained,
    load_peft_tensors,
    matrix_sizes,
    merge,
    peft_tensors,
)
from lrscope.models.trainable import HEADS, TrainableModel
from lrscope.models.transformers_loading import (
    empty_network,
    load_network,
    plain_names,
    read_configuration,
    recompute_layers,
)
from lrscope.randomness import StepRows


class TransformersClassifier(TrainableModel):
    """`AutoModelForSequenceClassification` behind the interface of `LlamaClassifier`.

    Models with a `score` head (all decoders) are read at their last real token with our dropout before the head;
    others (BERT's kind) run with the head and the dropout that they bring.
    """

    def __init__(self, network: Any, dropout: float, dtype: torch.dtype) -> None:
        super().__init__()
        self.network = network
        self.dropout = dropout
        self.compute_dtype = dtype
        self.has_adapters = False
        self.reads_last_token = isinstance(getattr(network, "score", None), nn.Linear)

    @property
    def _inner(self) -> Any:
        return self.network.get_base_model() if self.has_adapters else self.network

    def forward(self, ids_BT: Tensor, lengths_B: Tensor, rows: StepRows | None = None) -> Tensor:
        """Return float32 logits (B, C)."""
        mask_BT = (torch.arange(ids_BT.shape[1], device=ids_BT.device) < lengths_B[:, None]).long()
        device, inner = ids_BT.device.type, self._inner
        autocast = torch.autocast(device, self.compute_dtype, enabled=self.compute_dtype != torch.float32)
        # These models draw their own dropout from torch's global generator, for the rows that they are given: what they
        # draw depends on the micro-batch (`own_dropout` says where that is so).
        with torch.random.fork_rng(enabled=rows is not None), autocast:
            if rows is not None:
                torch.manual_seed(rows.seed + rows.first_row)
            if not self.reads_last_token:
                return inner(input_ids=ids_BT, attention_mask=mask_BT).logits.float()  # type: ignore[no-any-return]
            backbone = getattr(inner, inner.base_model_prefix)
            states_BTD = backbone(input_ids=ids_BT, attention_mask=mask_BT, use_cache=False).last_hidden_state
        hidden_BD = states_BTD[torch.arange(len(ids_BT), device=ids_BT.device), lengths_B - 1].float()
        return inner.score(dropped(hidden_BD, self.dropout, rows))  # type: ignore[no-any-return]

    def add_adapters(self, settings: LoraSettings, seed: int, *, fresh: Sequence[str] = ()) -> None:
        """Put adapters on all but the head, which is trained as a whole with what else is `fresh` of it.

        Raises:
            ConfigError: they do not fit the model.
        """
        saved = {self._head_name(), *(part for name in fresh for part in name.split(".") if part in HEADS)}
        self.network = add_peft_adapters(self.network, settings, seed, kind="SEQ_CLS", saved=sorted(saved))
        self.has_adapters = True

    def to_tensors(self) -> dict[str, Tensor]:
        """Return the weights to save: by transformers' names, or adapters and head by PEFT's."""
        if self.has_adapters:
            return peft_tensors(self.network)
        return {name: tensor.detach() for name, tensor in self.network.state_dict().items()}

    def merged_tensors(self) -> dict[str, Tensor]:
        """Return the weights of the whole model with its adapters in it, in float32. The model is given up."""
        return merge(self.network)

    @torch.no_grad()
    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Put weights back that `to_tensors` gave."""
        if self.has_adapters:
            load_peft_tensors(self.network, tensors)
        else:
            self.network.load_state_dict(dict(tensors))

    def set_trainable(self, part: str) -> None:
        """Let `full`, `lora` (with the head) or `head` be trained, in float32; what is frozen keeps its precision."""
        if self.has_adapters:
            self.train_where(lambda name: is_trained(name) and (part == "lora" or ".lora_" not in name))
            return
        head = getattr(self.network, self._head_name())
        heads = {name for name, parameter in self.named_parameters() if any(parameter is p for p in head.parameters())}
        self.train_where(lambda name: part == "full" or name in heads)

    def set_gradient_checkpointing(self, on: bool) -> None:
        """Recompute each layer in the backward pass rather than keep its activations."""
        if on:
            recompute_layers(self._inner)

    def _head_name(self) -> str:
        for name in ("score", "classifier", "classification_head"):
            if isinstance(getattr(self.network, name, None), nn.Module):
                return name
        raise CheckpointError(
            f"training a head needs a model whose head lrscope knows: got {type(self.network).__name__}; train the "
            "full model"
        )


def classifier_matrices(folder: Path) -> dict[str, tuple[int, int]]:
    """Return the matrices of a folder's model that may have an adapter, as (rows, columns) by name.

    Raises:
        CheckpointError: transformers has no classifier of this architecture.
    """
    from transformers import AutoModelForSequenceClassification

    return matrix_sizes(empty_network(folder, AutoModelForSequenceClassification, read_configuration(folder)))


def build_transformers(
    folder: Path, num_classes: int, pad_id: int, *, dropout: float, head_seed: int, dtype: torch.dtype,
    adapters: Adapters | None = None,
) -> TransformersClassifier:  # fmt: skip
    """Load a folder through `AutoModelForSequenceClassification`, with a fresh head of our own where it has a `score`.

    With `adapters` the model is frozen but for those and its head. No code of the folder's own is run, whatever its
    configuration names.

    Raises:
        CheckpointError: transformers cannot load it, or its weights are another model's.
        ConfigError: the adapters do not fit it.
    """
    from transformers import AutoModelForSequenceClassification

    config = read_configuration(folder)
    fresh = getattr(config, "num_labels", None) != num_classes or "ForSequenceClassification" not in str(
        config.architectures
    )
    try:
        config.num_labels = num_classes
        config.pad_token_id = pad_id
    except Exception as error:  # a configuration of wrong types breaks anywhere in transformers
        raise CheckpointError(f"transformers cannot load {folder}: {error}; name another model") from error
    network, loading = load_network(folder, AutoModelForSequenceClassification, config, dtype="auto", seed=head_seed)
    classifier = TransformersClassifier(network, dropout, dtype)
    if fresh and classifier.reads_last_token:
        network.score.weight.data = initial_head(num_classes, network.score.in_features, head_seed)
    if adapters is not None:
        classifier.add_adapters(*adapters, fresh=plain_names(loading["missing_keys"]))
    return classifier
