"""Low-rank adapters (LoRA) on the native LLaMA: y = x·Wᵀ + s·(x·Aᵀ)·Bᵀ with W frozen, A (r × D) and B (F × r) trained.

The scale s is alpha / r, or alpha / √r (rsLoRA). A starts uniform in ±1/√D, B at zero: an untrained adapter changes
nothing. Sources: Hu et al. (arXiv 2106.09685), Kalajdzievski (rsLoRA, arXiv 2312.03732). Values and names are PEFT's.

Letters: N tokens, D and F widths of a matrix's input and output, r rank.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from lrscope.errors import CheckpointError, ConfigError, Problem
from lrscope.models.linear import Linear
from lrscope.models.lora_dropout import LoraDropout
from lrscope.randomness import derive_seed

ALL_LINEAR = "all-linear"
PEFT_PREFIX = "base_model.model."


@dataclass(frozen=True, kw_only=True)
class LoraSettings:
    """What fixes adapters besides their values. `targets` are the last parts of matrices' names, or `all-linear`."""

    rank: int
    alpha: float
    dropout: float = 0.0
    targets: tuple[str, ...] = (ALL_LINEAR,)
    root: bool = False

    @property
    def scale(self) -> float:
        """Return what the product of the adapter's two matrices is multiplied by.

        >>> LoraSettings(rank=16, alpha=32.0).scale, LoraSettings(rank=16, alpha=32.0, root=True).scale
        (2.0, 8.0)
        """
        return self.alpha / (math.sqrt(self.rank) if self.root else self.rank)


class Adapters(NamedTuple):
    """Adapters to put on a model, and the seed of their initial values."""

    settings: LoraSettings
    seed: int


class _LoraProduct(torch.autograd.Function):
    """Both products in one node, which keeps x, h = x·Aᵀ and nothing as wide as y."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, a: Tensor, b: Tensor, scale: float, kept: Tensor | None) -> Tensor:
        a_low, b_low = a.to(x.dtype), (b * scale).to(x.dtype)
        h = (x if kept is None else x * kept) @ a_low.t()
        y = x @ weight.t()
        y.addmm_(h, b_low.t())
        ctx.save_for_backward(x, weight, a_low, b_low, h, *([] if kept is None else [kept]))
        ctx.scale = scale
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, None, Tensor, Tensor, None, None]:
        x, weight, a_low, b_low, h, *kept = ctx.saved_tensors
        grad_h = grad @ b_low
        grad_a = grad_h.t() @ (x * kept[0] if kept else x)
        grad_b = grad.t() @ h
        grad_x = None
        if ctx.needs_input_grad[0]:
            grad_x = grad @ weight
            if kept:
                grad_x.add_((grad_h @ a_low).mul_(kept[0]))
            else:
                grad_x.addmm_(grad_h, a_low)
        return grad_x, None, grad_a.float(), grad_b.float().mul_(ctx.scale), None, None


class LoraLinear(Linear):
    """A frozen matrix with an adapter. `weight` is shared with whoever else has it; the adapter is float32."""

    def __init__(self, base: Linear, settings: LoraSettings, dropout: LoraDropout, number: int) -> None:
        with torch.device("meta"):
            super().__init__(base.in_features, base.out_features)
        self.weight = base.weight
        self.lora_A = nn.Parameter(torch.empty(settings.rank, base.in_features, device=base.weight.device))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, settings.rank, device=base.weight.device))
        self.scale, self.number = settings.scale, number
        self._dropout = dropout

    @torch.no_grad()
    def reset(self, seed: int) -> None:
        """Draw the adapter's initial values."""
        self.lora_A.copy_(initial_values(self.lora_A.shape, seed))
        self.lora_B.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """Return x·Wᵀ + s·(x·Aᵀ)·Bᵀ in the precision of x."""
        kept = self._dropout.kept(self.number, x) if self.training else None
        scale = self.scale if kept is None else self.scale / (1.0 - self._dropout.share)
        return _LoraProduct.apply(  # type: ignore[no-any-return,no-untyped-call]
            x, self.weight.to(x.dtype), self.lora_A, self.lora_B, scale, kept
        )

    def merged(self) -> Tensor:
        """Return W + s·B·A in float32."""
        return merged(self.weight.detach(), self.lora_A.detach(), self.lora_B.detach(), self.scale)


def initial_values(size: Sequence[int], seed: int) -> Tensor:
    """Return A of the size (r, D), uniform in ±1/√D: of a smaller rank the first rows of a larger one's."""
    bound, generator = 1.0 / math.sqrt(size[1]), torch.Generator().manual_seed(seed)
    return torch.empty(*size).uniform_(-bound, bound, generator=generator)


def merged(weight_FD: Tensor, a_rD: Tensor, b_Fr: Tensor, scale: float) -> Tensor:
    """Return W + s·B·A in float32, to be rounded once where it is kept in less.

    >>> merged(torch.zeros(2, 2), torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0], [3.0]]), 0.5)
    tensor([[0.0000, 0.0000],
            [1.5000, 3.0000]])
    """
    return torch.addmm(weight_FD.float(), b_Fr.float(), a_rD.float(), alpha=scale)


def add_adapters(model: nn.Module, settings: LoraSettings, seed: int) -> LoraDropout:
    """Put an adapter on every matrix that `settings.targets` name; return what its dropout is drawn by.

    A matrix's initial values follow from `seed` and its name, whatever other matrices have an adapter.

    Raises:
        ConfigError: a target matches nothing, or the rank is larger than that of any matrix.
    """
    found = {name: module for name, module in model.named_modules() if isinstance(module, Linear)}
    chosen = targeted({name: (module.out_features, module.in_features) for name, module in found.items()}, settings)
    dropout = LoraDropout(settings.dropout)
    for number, (name, module) in enumerate(found.items()):
        if name not in chosen:
            continue
        adapted = LoraLinear(module, settings, dropout, number)
        adapted.reset(derive_seed(seed, name))
        parent, _, last = name.rpartition(".")
        setattr(model.get_submodule(parent), last, adapted)
    return dropout


def targeted(sizes: Mapping[str, tuple[int, int]], settings: LoraSettings) -> dict[str, tuple[int, int]]:
    """Return which of these matrices, (F, D) by name, have an adapter.

    Raises:
        ConfigError: a target matches nothing, or the rank is larger than that of any matrix.

    >>> targeted({"0.q_proj": (8, 8), "0.k_proj": (4, 8)}, LoraSettings(rank=2, alpha=1, targets=("q_proj",)))
    {'0.q_proj': (8, 8)}
    """
    chosen = dict(sizes)
    if settings.targets != (ALL_LINEAR,):
        for target in settings.targets:
            if not any(_matches(name, target) for name in sizes):
                raise ConfigError(_no_match(target, sizes))
        chosen = {n: size for n, size in sizes.items() if any(_matches(n, target) for target in settings.targets)}
    largest = max(map(min, chosen.values()), default=0)
    if settings.rank > largest:
        rule = f"{{lora_rank}} must not exceed the rank of the matrices with an adapter, at most {largest}"
        raise ConfigError(Problem(rule, str(settings.rank), "lower it, or train the full model"))
    return chosen


def _no_match(target: str, sizes: Mapping[str, tuple[int, int]]) -> Problem:
    known = sorted({name.rpartition(".")[2] for name in sizes})
    near = difflib.get_close_matches(target.rpartition(".")[2], known, n=3, cutoff=0.4) or known[:12]
    rule = "{lora_targets} must name matrices of the model"
    return Problem(rule, f"{target}, which matches nothing", f"near are {', '.join(near)}")


def _matches(name: str, target: str) -> bool:
    return name == target or name.endswith(f".{target}")


def adapters_of(model: nn.Module) -> Iterator[tuple[str, LoraLinear]]:
    """Yield the matrices that have an adapter, by name."""
    return ((name, module) for name, module in model.named_modules() if isinstance(module, LoraLinear))


def adapter_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Return the adapters' values by PEFT's names."""
    tensors: dict[str, Tensor] = {}
    for name, module in adapters_of(model):
        tensors[f"{PEFT_PREFIX}{name}.lora_A.weight"] = module.lora_A.detach()
        tensors[f"{PEFT_PREFIX}{name}.lora_B.weight"] = module.lora_B.detach()
    return tensors


@torch.no_grad()
def load_adapter_tensors(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put the adapters' values back.

    Raises:
        CheckpointError: they are of other matrices or another rank.
    """
    own = adapter_tensors(model)
    require_fitting(own, tensors)
    for name, value in own.items():
        value.copy_(tensors[name])


def require_fitting(own: Mapping[str, Tensor], stored: Mapping[str, Tensor]) -> None:
    """Hold stored adapters to those that a model has.

    Raises:
        CheckpointError: they are of other matrices or another rank.
    """
    for name, value in own.items():
        found = stored.get(name)
        if found is None or found.shape != value.shape:
            got = "none" if found is None else f"one of {tuple(found.shape)}"
            raise CheckpointError(
                f"an adapter must fit its base: {name} is {tuple(value.shape)}: got {got}; name the base that it was "
                "trained on"
            )


def merged_tensors(
    base: Mapping[str, Tensor], stored: Mapping[str, Tensor], settings: LoraSettings
) -> dict[str, Tensor]:
    """Return the tensors of a base with stored adapters in them, and what was trained as a whole beside them.

    Each sum W + s·B·A is computed in float32 and rounded once, to the precision of W; what has no place in the base
    takes the precision of its embedding.

    Raises:
        CheckpointError: the adapters are of matrices that the base does not have.
    """
    whole = dict(base)
    usual = base["model.embed_tokens.weight"].dtype
    for name, tensor in stored.items():
        plain = name.removeprefix(PEFT_PREFIX)
        if ".lora_B." in plain:
            continue
        if ".lora_A." not in plain:
            whole[plain] = tensor.to(base[plain].dtype if plain in base else usual)
            continue
        matrix = f"{plain.split('.lora_A.')[0]}.weight"
        b_Fr, weight_FD = stored.get(name.replace(".lora_A.", ".lora_B.")), base.get(matrix)
        if b_Fr is None or weight_FD is None or weight_FD.shape != (b_Fr.shape[0], tensor.shape[1]):
            raise CheckpointError(f"adapters must fit their base: {name} does not; name the base of these adapters")
        whole[matrix] = merged(weight_FD, tensor, b_Fr, settings.scale).to(weight_FD.dtype)
    return whole
