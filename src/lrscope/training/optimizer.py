"""AdamW, or SGD, over a model's trained parameters, and the one place where a learning rate enters an optimizer."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from lrscope.config import TrialConfig
from lrscope.models.trainable import HEADS

# The number of a layer in a parameter's name: model.layers.3.mlp…, transformer.h.3.attn…, encoder.layer.3.output…
_LAYER = re.compile(r"(?:^|\.)(?:layers?|h|blocks?)\.(\d+)\.")
_EMBEDDING = re.compile(r"embed|wte|wpe")


def rate_multipliers(
    names: Sequence[str], *, layer_decay: float = 1.0, head_multiplier: float = 1.0, lora_plus_ratio: float = 1.0
) -> list[float]:
    """Return what each parameter's learning rate is multiplied by.

    decay^(L + 1 − depth), with depth 0 for embeddings, i + 1 for layer i of L, and L + 1 for the final norm and the
    head; the head times its own multiplier. Source: Bao et al. (BEiT, arXiv 2106.08254), after Clark et al. (ELECTRA,
    arXiv 2003.10555). The B matrices of adapters times theirs: Hayou et al. (LoRA+, arXiv 2402.12354).

    >>> rate_multipliers(["model.embed_tokens.weight", "model.layers.0.mlp.weight", "score.weight"], layer_decay=0.5)
    [0.25, 0.5, 1.0]
    """
    layers = [_LAYER.search(name) for name in names]
    num_layers = max((int(match[1]) + 1 for match in layers if match), default=0)
    multipliers = []
    for name, match in zip(names, layers, strict=True):
        depth = num_layers + 1
        if match:
            depth = int(match[1]) + 1
        elif _EMBEDDING.search(name):
            depth = 0
        is_head = not match and any(part in HEADS for part in name.split("."))
        own = head_multiplier if is_head else lora_plus_ratio if ".lora_B" in name else 1.0
        multipliers.append(layer_decay ** (num_layers + 1 - depth) * own)
    return multipliers


def build_optimizer(model: nn.Module, config: TrialConfig) -> Optimizer:
    """Return AdamW with decoupled weight decay on matrices only (Loshchilov and Hutter, arXiv 1711.05101).

    Or SGD with momentum, whose weight decay is torch's: added to the gradient.

    Norm weights and biases are vectors, and are not decayed. The rate is set by the loop before every step; a group's
    `multiplier` scales it.
    """
    trained = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    multipliers = rate_multipliers(
        [name for name, _ in trained], layer_decay=config.layer_decay, head_multiplier=config.head_multiplier,
        lora_plus_ratio=config.lora_plus_ratio,
    )  # fmt: skip
    members: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for (_, parameter), multiplier in zip(trained, multipliers, strict=True):
        members.setdefault((multiplier, parameter.ndim >= 2), []).append(parameter)
    # The group that runs at the schedule's own rate comes first: the stored rate is read off it without rounding.
    order = sorted(members, key=lambda key: (abs(math.log(key[0])), key[0], not key[1]))
    groups = [
        {"params": members[key], "weight_decay": config.weight_decay if key[1] else 0.0, "multiplier": key[0]}
        for key in order
    ]
    return OPTIMIZERS[config.optimizer](groups, config)


def _uncompiled(kind: Any) -> Any:
    """Return a kind of optimizer that does not load torch's compiler, as torch's own does when it is made.

    torch wraps these methods for what is compiled. Nothing is compiled here, and loading the compiler takes more than a
    second of every process that trains.
    """
    wrapped = ("add_param_group", "load_state_dict", "state_dict", "zero_grad")
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in wrapped}
    return type(kind.__name__, (kind,), {**methods, "step": torch.no_grad()(inspect.unwrap(kind.step))})


_AdamW, _SGD = _uncompiled(torch.optim.AdamW), _uncompiled(torch.optim.SGD)


def _adamw(groups: list[dict[str, Any]], config: TrialConfig) -> Optimizer:
    betas = (config.beta1, config.beta2)
    return _AdamW(groups, lr=config.peak_rate, betas=betas, eps=config.epsilon, fused=True)  # type: ignore[no-any-return]


def _sgd(groups: list[dict[str, Any]], config: TrialConfig) -> Optimizer:
    return _SGD(groups, lr=config.peak_rate, momentum=config.beta1, fused=True)  # type: ignore[no-any-return]


# By the names that a configuration takes: one that is missing here is an error, not another optimizer.
OPTIMIZERS: Mapping[str, Callable[[list[dict[str, Any]], TrialConfig], Optimizer]] = {"adamw": _adamw, "sgd": _sgd}


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Write the learning rate into every parameter group; a group's `multiplier` scales it, None holds it."""
    for group in optimizer.param_groups:
        if (multiplier := group.get("multiplier", 1.0)) is not None:
            group["lr"] = rate * multiplier


def applied_rate(optimizer: Optimizer) -> float:
    """Return the learning rate that the optimizer holds, less the `multiplier` of the first group that follows it."""
    group = next(group for group in optimizer.param_groups if group.get("multiplier", 1.0) is not None)
    return float(group["lr"]) / float(group.get("multiplier", 1.0))
