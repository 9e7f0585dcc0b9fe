"""The loss of a batch, as a range test takes it, and what to pass where it cannot be taken."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lrscope.errors import ConfigError

LossFunction = Callable[[nn.Module, Any], Tensor]


def batch_loss(loss_fn: LossFunction | nn.Module) -> LossFunction:
    """Return (model, batch) → scalar loss; a criterion is given model(inputs) and the targets of (inputs, targets).

    Raises:
        ConfigError: `loss_fn` is a function of (input, target), as those of torch.nn.functional are.
    """
    if isinstance(loss_fn, nn.Module):
        criterion = loss_fn
        return lambda model, batch: _checked(_criterion_loss(criterion, model, batch))
    if not callable(loss_fn):
        raise ConfigError(f"loss_fn is a criterion or a function of (model, batch): got {_kind(loss_fn)}")
    name = getattr(loss_fn, "__name__", type(loss_fn).__name__)
    if _parameters(loss_fn)[:2] == ["input", "target"]:
        raise ConfigError(
            f"loss_fn is a criterion or a function of (model, batch): got {name}(input, target); pass "
            f"nn.CrossEntropyLoss(), or lambda model, batch: {name}(model(batch[0]), batch[1])"
        )
    function = loss_fn
    return lambda model, batch: _checked(function(model, batch))


def _parameters(function: Callable[..., Any]) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # written in C
        return []


def _criterion_loss(criterion: nn.Module, model: nn.Module, batch: Any) -> Any:
    if isinstance(batch, list | tuple) and len(batch) == 2:
        inputs, targets = batch
        return criterion(model(inputs), targets)
    name = type(criterion).__name__
    if isinstance(batch, Mapping):
        keys = [str(key) for key in batch]
        if "labels" in keys:
            example = "lambda model, batch: model(**batch).loss"
        else:
            first, last = (keys or ["inputs"])[0], (keys or ["targets"])[-1]
            example = f'lambda model, batch: criterion(model(batch["{first}"]), batch["{last}"])'
        got = f"a dict with {', '.join(keys)}" if keys else "an empty dict"
    else:
        example = "lambda model, batch: criterion(model(batch[0]), batch[-1])"
        got = f"a {type(batch).__name__} of {len(batch)}" if isinstance(batch, list | tuple) else _kind(batch)
    raise ConfigError(f"{name} takes batches of (inputs, targets): got {got}; pass a function instead, {example}")


def _checked(loss: Any) -> Tensor:
    """Return a loss that can be trained on.

    Raises:
        ConfigError: it is no number, or nothing that it depends on trains.
    """
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        raise ConfigError(f"a loss is one number: got {_kind(loss)}; {_way_out(loss)}")
    if not loss.requires_grad:
        raise ConfigError(
            "a loss has a gradient: got one that depends on nothing that trains; return it without .detach() or .item()"
        )
    return loss.reshape(())


def _kind(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    return type(value).__name__ if value is not None else "None"


def _way_out(loss: Any) -> str:
    if isinstance(loss, Tensor):
        return "take its mean"
    if isinstance(getattr(loss, "loss", None), Tensor):
        return "return its .loss"
    if isinstance(loss, Mapping) and "loss" in loss:
        return 'return its ["loss"]'
    if isinstance(loss, list | tuple):
        return "return the loss alone, such as its first element"
    return "return the loss as a tensor, as in lambda model, batch: model(**batch).loss"
