"""Device, precision and threads: decided once a study, stored with it, and the same for every trial and resume."""

from __future__ import annotations

import os
from time import perf_counter

import torch

from lrscope.config import NumericsConfig
from lrscope.config.numerics import Numerics
from lrscope.errors import ConfigError, Problem
from lrscope.machine import available_cores
from lrscope.models.llama import Layer
from lrscope.models.packing import Packing
from lrscope.models.shape import LlamaShape

# bfloat16 must win clearly: near a tie, noise in the timing must not decide what a study's numbers are.
BFLOAT16_MUST_BE_FASTER_BY = 1.25
SMALLEST_DIM_FOR_BFLOAT16 = 128


def apply(numerics: Numerics) -> None:
    """Set this process's threads, and matrix products that give the same bits every time."""
    torch.set_num_threads(numerics.threads)
    if numerics.device == "cuda":
        # cuBLAS promises equal bits only with a fixed workspace; it reads this when it first runs.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def decide(config: NumericsConfig, shape: LlamaShape | None, implementation: str) -> Numerics:
    """Settle every `auto`.

    Raises:
        ConfigError: cuda is asked for where there is none.
    """
    available = torch.cuda.is_available()
    if config.device == "cuda" and not available:
        raise ConfigError(Problem("{device} cuda needs a GPU that torch can use", "none", "use {device} cpu or auto"))
    device = config.device if config.device != "auto" else ("cuda" if available else "cpu")
    threads = config.threads or available_cores()
    precision = config.precision
    if precision == "auto":
        precision = "bfloat16" if _bfloat16_pays(shape, device, threads) else "float32"
    return Numerics(device, precision, threads, config.batching, implementation, torch=torch.__version__)


def _bfloat16_pays(shape: LlamaShape | None, device: str, threads: int) -> bool:
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    if shape is None or shape.dim < SMALLEST_DIM_FOR_BFLOAT16:
        return False
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return layer_seconds(shape, torch.float32) > BFLOAT16_MUST_BE_FASTER_BY * layer_seconds(shape, torch.bfloat16)
    finally:
        torch.set_num_threads(before)


def layer_seconds(shape: LlamaShape, dtype: torch.dtype, sentences: int = 16, positions: int = 32) -> float:
    """Time one layer's forward and backward pass at a fine-tune's own matrix shapes: the fastest of three."""
    generator = torch.Generator().manual_seed(0)
    layer = Layer(shape)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.02, generator=generator)
    x = torch.randn(sentences * positions, shape.dim, generator=generator).requires_grad_()
    packing = Packing(torch.full((sentences,), positions), shape, dtype)
    seconds = []
    for _ in range(4):
        began = perf_counter()
        layer(x, packing, dtype).sum().backward()
        seconds.append(perf_counter() - began)
    return min(seconds[1:])
