"""Leave everything as it was: a model, its optimizer, the random generators and the loader, whatever happens inside."""

from __future__ import annotations

import copy
import random
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer


@contextmanager
def preserved(
    *modules: nn.Module, optimizer: Optimizer | None, loader: Any = None, scaler: Any = None
) -> Iterator[None]:
    """Put back, when the block ends, however it ends, all that training moves.

    Weights, buffers, gradients, `requires_grad`; what else every submodule holds, such as its mode, its hooks and
    whether it checkpoints gradients; the optimizer's state and groups; the global generators of Python, NumPy, torch
    and CUDA; a loader's own generators, or its state where it has one; a gradient scaler's state. Tensors keep their
    identity: only their values are put back.
    """
    states = [_ModuleState(module) for module in modules]
    kept_optimizer = None if optimizer is None else _OptimizerState(optimizer)
    generators = _Generators(loader)
    loader_state = _loader_state(loader)
    scaler_state = copy.deepcopy(scaler.state_dict()) if scaler is not None else None
    try:
        yield
    finally:
        for state in states:
            state.restore()
        if kept_optimizer is not None:
            kept_optimizer.restore()
        if loader_state is not None:
            loader.load_state_dict(loader_state)
        if scaler_state is not None:
            scaler.load_state_dict(scaler_state)
        generators.restore()  # last: putting back the others may draw


def _loader_state(loader: Any) -> Any:
    """Return a loader's state; None where it has none: accelerate's loaders have the method all the same."""
    try:
        return copy.deepcopy(loader.state_dict())
    except AttributeError:
        return None


class _ModuleState:
    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._attributes = [(child, _attributes(child)) for child in module.modules()]
        # Hooks change in place, and their handles know the dictionaries that they are in.
        self._hooks = [
            (value, value.copy())
            for _, attributes in self._attributes
            for value in attributes.values()
            if isinstance(value, OrderedDict)
        ]
        self._parameters = [
            (p, p.detach().clone(), None if p.grad is None else p.grad.detach().clone(), p.requires_grad)
            for p in module.parameters()
        ]
        self._buffers = [
            (owner, name, buffer, buffer.detach().clone())
            for owner in module.modules()
            for name, buffer in owner.named_buffers(recurse=False)
        ]

    @torch.no_grad()
    def restore(self) -> None:
        for parameter, value, gradient, requires_grad in self._parameters:
            parameter.copy_(value)
            parameter.requires_grad_(requires_grad)
            parameter.grad = gradient
        for owner, name, buffer, value in self._buffers:
            buffer.copy_(value)
            owner._buffers[name] = buffer  # a module may have put another tensor in its place
        for child, attributes in self._attributes:
            for name in _attributes(child).keys() - attributes.keys():
                del child.__dict__[name]
            child.__dict__.update(attributes)
        for hooks, kept in self._hooks:
            hooks.clear()
            hooks.update(kept)


def _attributes(module: nn.Module) -> dict[str, Any]:
    """Return what a module holds beside parameters, buffers and submodules."""
    return {name: value for name, value in vars(module).items() if name not in ("_parameters", "_buffers", "_modules")}


class _OptimizerState:
    """The state by parameter, and every group's settings, put back in place: schedulers may hold on to the groups."""

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self._attributes = set(vars(optimizer))
        self._state = {parameter: copy.deepcopy(state) for parameter, state in optimizer.state.items()}
        self._groups = [
            {name: copy.deepcopy(value) for name, value in group.items() if name != "params"}
            for group in optimizer.param_groups
        ]

    def restore(self) -> None:
        for name in set(vars(self._optimizer)) - self._attributes:  # a scheduler wraps `step` on the instance
            delattr(self._optimizer, name)
        self._optimizer.state.clear()
        self._optimizer.state.update(self._state)
        for group, settings in zip(self._optimizer.param_groups, self._groups, strict=True):
            for name in [name for name in group if name != "params"]:
                del group[name]
            group.update(settings)


def seed_generators(seed: int, loader: Any = None) -> None:
    """Set the global generators of Python, NumPy, torch and CUDA to a seed, and a loader's own."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  the legacy global generator is what users' code draws from
    torch.manual_seed(seed)
    for generator in _own_generators(loader):
        generator.manual_seed(seed)


def _own_generators(loader: Any) -> list[torch.Generator]:
    owners = [loader, getattr(loader, "sampler", None), getattr(loader, "batch_sampler", None)]
    owners.append(getattr(owners[2], "sampler", None))
    own = {id(g): g for owner in owners if isinstance(g := getattr(owner, "generator", None), torch.Generator)}
    return list(own.values())


class _Generators:
    def __init__(self, loader: Any) -> None:
        self._python, self._torch = random.getstate(), torch.get_rng_state()
        self._numpy = np.random.get_state()  # noqa: NPY002  the legacy global generator is what users' code draws from
        self._cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        self._own = [(generator, generator.get_state()) for generator in _own_generators(loader)]

    def restore(self) -> None:
        random.setstate(self._python)
        np.random.set_state(self._numpy)  # noqa: NPY002
        torch.set_rng_state(self._torch)
        if self._cuda:
            torch.cuda.set_rng_state_all(self._cuda)
        for generator, state in self._own:
            generator.set_state(state)
