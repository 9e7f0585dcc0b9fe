"""Device, precision and threads: decided once a study, stored with it, and the same for every trial and resume."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from lrscope.config import NumericsConfig
from lrscope.config.numerics import Numerics
from lrscope.errors import ConfigError, Problem
from lrscope.machine import available_cores
from lrscope.models.shape import LlamaShape

BFLOAT16_INSTRUCTIONS = frozenset({"amx_bf16", "avx512_bf16", "bf16", "arm_bf16"})  # the latter two are ARM's
SMALLEST_DIM_FOR_BFLOAT16 = 128  # below, converting costs more than the products save


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
        precision = "bfloat16" if _bfloat16_pays(shape, device) else "float32"
    return Numerics(device, precision, threads, config.batching, implementation, torch=torch.__version__)


def _bfloat16_pays(shape: LlamaShape | None, device: str) -> bool:
    """Return whether products in bfloat16 are faster: by the processor and the shapes, not by a stopwatch."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return shape is not None and shape.dim >= SMALLEST_DIM_FOR_BFLOAT16 and processor_multiplies_bfloat16()


def processor_multiplies_bfloat16() -> bool:
    """Return whether the processor has instructions for it; without them bfloat16 is many times slower than float32."""
    capabilities = getattr(torch.cpu, "get_capabilities", None)
    if capabilities is not None:
        return any(capabilities().get(name) for name in BFLOAT16_INSTRUCTIONS)
    try:  # an older torch
        with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
            flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    except OSError:
        return False
    return not BFLOAT16_INSTRUCTIONS.isdisjoint(flags.split())
