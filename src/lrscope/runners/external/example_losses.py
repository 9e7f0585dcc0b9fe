"""The scores of each example of an evaluation, by a forward pass of its own: what runs are compared in pairs by."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch.nn import functional as F

from lrscope.errors import ConfigError
from lrscope.runs.score_table import ExampleValues

Kind = Literal["causal", "classification"]
IGNORED = -100  # the label of a token that has no say in the loss


def kind_of(model: Any) -> Kind:
    """Return what a model is, by its class: a causal language model, or a classifier of sequences.

    Raises:
        ConfigError: it is another one, whose losses are not known example by example.
    """
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    inner = getattr(inner, "module", inner)  # wrapped for several devices
    name = type(inner).__name__
    if "CausalLM" in name or "LMHead" in name:
        return "causal"
    if "SequenceClassification" in name:
        return "classification"
    raise ConfigError(
        "per-example losses are those of causal language models and sequence classifiers: got "
        f"{name}; leave out per_example_losses"
    )


def example_scores(model: Any, batches: Iterable[Mapping[str, Any]]) -> dict[str, ExampleValues]:
    """Return each example's "loss", and of a classifier whether its answer is "right" (1 or 0).

    The loss of a causal model is the mean over an example's next tokens, whose number is its weight; tokens labelled
    −100 are left out. An example is called by a digest of its tokens and labels, so that other examples are not taken
    for the same. The model and all generators are left as they were.

    Raises:
        ConfigError: the model is of another kind, or a batch has no labels.
    """
    kind = kind_of(model)
    names: list[str] = []
    scored: list[tuple[float, float, float]] = []  # loss, weight, right
    was_training, device = model.training, next(model.parameters()).device
    model.eval()
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []), torch.no_grad():
            for batch in batches:
                inputs = {key: value.to(device) if hasattr(value, "to") else value for key, value in batch.items()}
                labels = inputs.pop("labels", None)
                if labels is None:
                    raise ConfigError("per-example losses need labels: got a batch without any; leave them out")
                logits = model(**inputs).logits
                rows = _of_tokens(logits, labels) if kind == "causal" else _of_labels(logits, labels)
                scored += rows
                names += [_name(inputs, labels, row) or str(len(names) + row) for row in range(len(rows))]
    finally:
        model.train(was_training)
    names = _once(names)
    order = sorted(range(len(names)), key=names.__getitem__)
    examples = tuple(names[place] for place in order)
    losses, weights, right = np.array(scored).reshape(-1, 3)[order].T
    scores = {"loss": ExampleValues(examples, losses, weights)}
    return {**scores, "right": ExampleValues(examples, right, weights)} if kind == "classification" else scores


def _of_tokens(logits_BTV: torch.Tensor, labels_BT: torch.Tensor) -> list[tuple[float, float, float]]:
    rows = []
    for logits_TV, labels_T in zip(logits_BTV[:, :-1], labels_BT[:, 1:], strict=True):  # one by one: float32 is large
        counted = labels_T != IGNORED
        number = int(counted.sum())
        loss = F.cross_entropy(logits_TV[counted].float(), labels_T[counted]) if number else torch.zeros(())
        rows.append((float(loss), float(number), 0.0))
    return rows


def _of_labels(logits_BK: torch.Tensor, labels_B: torch.Tensor) -> list[tuple[float, float, float]]:
    if labels_B.ndim != 1 or labels_B.is_floating_point():
        raise ConfigError(
            "per-example losses of a classifier are of one label an example: got "
            f"labels of {labels_B.ndim} dimensions, {labels_B.dtype}; leave out per_example_losses"
        )
    losses = F.cross_entropy(logits_BK.float(), labels_B, reduction="none")
    right = (logits_BK.argmax(dim=-1) == labels_B).tolist()
    return [(float(loss), 1.0, float(is_right)) for loss, is_right in zip(losses, right, strict=True)]


def _name(inputs: Mapping[str, Any], labels: torch.Tensor, row: int) -> str:
    """Return a digest of an example's tokens and labels, without its padding; empty where it has no tokens."""
    tokens = inputs.get("input_ids")
    if tokens is None:
        return ""
    mask = inputs.get("attention_mask")
    own = tokens[row] if mask is None or mask.shape != tokens.shape else tokens[row][mask[row].bool()]
    target = labels[row]
    target = target[target != IGNORED] if target.ndim else target
    text = f"{own.tolist()}{target.tolist()}"
    return hashlib.blake2s(text.encode(), digest_size=8).hexdigest()


def _once(names: list[str]) -> list[str]:
    """Number names that stand again.

    >>> _once(["a", "b", "a"])
    ['a', 'b', 'a #2']
    """
    seen: dict[str, int] = {}
    once = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        once.append(name if seen[name] == 1 else f"{name} #{seen[name]}")
    return once
