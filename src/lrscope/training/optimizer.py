"""AdamW over a model's trained parameters, and the one place where a learning rate enters an optimizer."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim import Optimizer

from lrscope.config import TrialConfig


def build_optimizer(model: nn.Module, config: TrialConfig) -> Optimizer:
    """Return AdamW with decoupled weight decay on matrices only (Loshchilov and Hutter, arXiv 1711.05101).

    Norm weights and biases are vectors, and are not decayed. The rate is set by the loop before every step.
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=config.peak_rate,
        betas=(config.beta1, config.beta2),
        eps=config.epsilon,
        fused=True,
    )


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Write the learning rate into every parameter group; a group's `multiplier`, if any, scales its own."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("multiplier", 1.0)


def applied_rate(optimizer: Optimizer) -> float:
    """Return the learning rate that the optimizer holds, less the first group's `multiplier`."""
    group = optimizer.param_groups[0]
    return float(group["lr"]) / float(group.get("multiplier", 1.0))
