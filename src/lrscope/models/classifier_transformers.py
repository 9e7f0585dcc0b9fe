"""The classifier for every architecture that the native LLaMA does not cover: transformers' own model.

transformers is imported here and nowhere else on the training path, and only when this path is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lrscope.errors import CheckpointError
from lrscope.models.classifier import dropped, initial_head
from lrscope.models.trainable import TrainableModel
from lrscope.randomness import StepRows

HEAD_ROOM = 2**27  # parameters that a new head may have
BUFFERS = ("inv_freq", "position_ids", "masked_bias", "attn.bias")  # constants that older versions stored


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
        self.reads_last_token = isinstance(getattr(network, "score", None), nn.Linear)

    def forward(self, ids_BT: Tensor, lengths_B: Tensor, rows: StepRows | None = None) -> Tensor:
        """Return float32 logits (B, C)."""
        mask_BT = (torch.arange(ids_BT.shape[1], device=ids_BT.device) < lengths_B[:, None]).long()
        device = ids_BT.device.type
        autocast = torch.autocast(device, self.compute_dtype, enabled=self.compute_dtype != torch.float32)
        # These models draw their own dropout from torch's global generator, for the rows that they are given: what they
        # draw depends on the micro-batch (`own_dropout` says where that is so).
        with torch.random.fork_rng(enabled=rows is not None), autocast:
            if rows is not None:
                torch.manual_seed(rows.seed + rows.first_row)
            if not self.reads_last_token:
                return self.network(input_ids=ids_BT, attention_mask=mask_BT).logits.float()  # type: ignore[no-any-return]
            backbone = getattr(self.network, self.network.base_model_prefix)
            states_BTD = backbone(input_ids=ids_BT, attention_mask=mask_BT, use_cache=False).last_hidden_state
        hidden_BD = states_BTD[torch.arange(len(ids_BT), device=ids_BT.device), lengths_B - 1].float()
        return self.network.score(dropped(hidden_BD, self.dropout, rows))  # type: ignore[no-any-return]

    def to_tensors(self) -> dict[str, Tensor]:
        """Return the weights to save, by transformers' names."""
        return {name: tensor.detach() for name, tensor in self.network.state_dict().items()}

    @torch.no_grad()
    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Put weights back that `to_tensors` gave."""
        self.network.load_state_dict(dict(tensors))

    def set_trainable(self, part: str) -> None:
        """Let `full` or `head` be trained, in float32; what is frozen keeps its precision."""
        heads = {id(p) for p in self._head().parameters()}
        for parameter in self.parameters():
            trained = part == "full" or id(parameter) in heads
            parameter.requires_grad_(trained)
            if trained:
                parameter.data = parameter.data.float()

    def set_gradient_checkpointing(self, on: bool) -> None:
        """Recompute each layer in the backward pass rather than keep its activations."""
        if on:
            self.network.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})

    def _head(self) -> nn.Module:
        for name in ("score", "classifier", "classification_head"):
            head = getattr(self.network, name, None)
            if isinstance(head, nn.Module):
                return head
        raise CheckpointError(
            f"training the head alone needs a model whose head lrscope knows: got {type(self.network).__name__}; "
            "train the full model"
        )


def own_dropout(folder: Path) -> float:
    """Return the largest share that a model drops inside, by its configuration: 0 where it draws nothing.

    Raises:
        CheckpointError: transformers cannot read the configuration.
    """
    from transformers import AutoConfig

    try:
        values = AutoConfig.from_pretrained(folder, trust_remote_code=False).to_dict()
    except Exception as error:  # a configuration of wrong types breaks anywhere in transformers
        raise CheckpointError(f"transformers cannot read {folder}: {str(error).splitlines()[0]}") from error
    shares = [value for name, value in values.items() if "drop" in name and isinstance(value, int | float)]
    return max(map(float, shares), default=0.0)


def build_transformers(
    folder: Path, num_classes: int, pad_id: int, *, dropout: float, head_seed: int, dtype: torch.dtype
) -> TransformersClassifier:
    """Load a folder through `AutoModelForSequenceClassification`, with a fresh head of our own where it has a `score`.

    No code of the folder's own is run, whatever its configuration names.

    Raises:
        CheckpointError: transformers cannot load it, or its weights are another model's.
    """
    from transformers import AutoConfig, AutoModelForSequenceClassification

    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        fresh = getattr(config, "num_labels", None) != num_classes or "ForSequenceClassification" not in str(
            config.architectures
        )
        config.num_labels = num_classes
        config.pad_token_id = pad_id
        _require_size(folder, AutoModelForSequenceClassification, config)
        with torch.random.fork_rng():
            torch.manual_seed(head_seed)
            network, loading = AutoModelForSequenceClassification.from_pretrained(
                folder,
                config=config,
                dtype="auto",
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                trust_remote_code=False,
            )
    except (CheckpointError, MemoryError):
        raise
    except Exception as error:  # a configuration of wrong types breaks anywhere in transformers
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CheckpointError(f"transformers cannot load {folder} as a classifier: {reason}") from error
    _require_whole(folder, network, loading)
    classifier = TransformersClassifier(network, dropout, dtype)
    if fresh and classifier.reads_last_token:
        network.score.weight.data = initial_head(num_classes, network.score.in_features, head_seed)
    return classifier


def _require_size(folder: Path, auto_class: Any, config: Any) -> None:
    """Refuse a configuration that asks for a model far larger than its weights, before memory is asked for."""
    with torch.device("meta"):
        planned = sum(parameter.numel() for parameter in auto_class.from_config(config).parameters())
    stored = sum(path.stat().st_size for ending in ("safetensors", "bin") for path in folder.glob(f"*.{ending}"))
    if planned > 4 * stored + HEAD_ROOM:  # four parameters a byte: packed weights are read too
        raise CheckpointError(
            f"{folder} must hold the weights of its config.json: it asks for {planned} parameters, and the files have "
            f"{stored} bytes; weights and configuration belong to different models"
        )


def _require_whole(folder: Path, network: Any, loading: Any) -> None:
    """Hold the backbone to its weights: nothing of it is left random, and none of them is left over.

    Heads and poolers are another task's, and may be fresh or unused.
    """
    prefix = f"{network.base_model_prefix}."

    def of_backbone(names: Any) -> list[str]:
        plain = [str(name[0] if isinstance(name, tuple | list) else name) for name in names]
        return sorted(name for name in plain if name.startswith(prefix) and "pooler." not in name)

    for what, key in (("lacks", "missing_keys"), ("has other sizes of", "mismatched_keys")):
        names = of_backbone(loading[key])
        if names:
            raise CheckpointError(
                f"{folder} {what} {len(names)} tensors of its model, such as {names[0]}: weights and configuration "
                "belong to different models"
            )
    unused = [name for name in of_backbone(loading["unexpected_keys"]) if not name.endswith(BUFFERS)]
    if unused:
        raise CheckpointError(
            f"{folder} holds {len(unused)} tensors that a model of its config.json does not have, such as {unused[0]}: "
            "weights and configuration belong to different models"
        )
