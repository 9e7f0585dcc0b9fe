"""llama2.c's version-0 `.bin`: seven integers, then every float in a fixed order.

Source: karpathy/llama2.c, `export.py` (legacy_export) and `run.c` (memory_map_weights).
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lrscope.errors import CheckpointError
from lrscope.models.rotary_pairs import halves_from_pairs
from lrscope.models.shape import LlamaShape

HEADER = np.dtype(
    [
        (name, "<i4")
        for name in ("dim", "hidden_dim", "num_layers", "num_heads", "num_kv_heads", "vocab_size", "max_positions")
    ]
)
MAGIC = 0x616B3432  # "ak42": the first integer of versions 1 and 2


def read_llama2c(path: Path) -> tuple[LlamaShape, dict[str, Tensor]]:
    """Read a `.bin`; tensors come back in transformers' names and layout.

    Raises:
        CheckpointError: it is another version, cut short, or no such file at all.
    """
    size = path.stat().st_size
    if size < HEADER.itemsize:
        raise CheckpointError(f"{path} must begin with llama2.c's header of 28 bytes: got {size} bytes; copy it anew")
    header = np.fromfile(path, HEADER, 1)[0]
    if int(header["dim"]) == MAGIC:
        raise CheckpointError(f"{path} must be llama2.c's version 0: got a later one; export it with --version 0")
    sizes = {name: int(header[name]) for name in HEADER.names or ()}
    # A negative vocabulary says that the output matrix is stored on its own.
    tied, vocab_size = sizes["vocab_size"] > 0, abs(sizes["vocab_size"])
    if sizes["num_heads"] < 1 or sizes["dim"] % sizes["num_heads"]:
        raise CheckpointError(f"{path} must be llama2.c's version 0: its header gives {sizes}; name a model file")
    head_dim = sizes["dim"] // sizes["num_heads"]
    try:
        shape = LlamaShape(
            **{**sizes, "vocab_size": vocab_size},
            head_dim=head_dim,
            norm_eps=1e-5,
            rope_theta=1e4,
            tied=tied,
            rope_scaling=None,
        )
    except CheckpointError as error:
        raise CheckpointError(
            f"{path} must be llama2.c's version 0: in its header {error}; name a model file"
        ) from error
    layout = _layout(shape)
    num_floats = sum(math.prod(stack) for _, stack in layout)
    expected = HEADER.itemsize + 4 * num_floats
    if size != expected:
        raise CheckpointError(
            f"{path} must have {expected} bytes, as its header says: got {size}; copy or export it anew"
        )
    flat = torch.from_numpy(np.fromfile(path, "<f4", offset=HEADER.itemsize))
    return shape, _named(shape, layout, flat)


def _layout(shape: LlamaShape) -> list[tuple[str, tuple[int, ...]]]:
    """Return names and shapes in the file's order; "" is what nobody needs."""
    of = shape.tensor_shapes()
    attention = [f"self_attn.{name}_proj" for name in "qkvo"]
    feed_forward = ["mlp.gate_proj", "mlp.down_proj", "mlp.up_proj"]
    per_layer = ("input_layernorm", *attention, "post_attention_layernorm", *feed_forward)
    layout: list[tuple[str, tuple[int, ...]]] = [("model.embed_tokens.weight", of["model.embed_tokens.weight"])]
    layout += [(name, (shape.num_layers, *of[f"model.layers.0.{name}.weight"])) for name in per_layer]
    layout += [("model.norm.weight", (shape.dim,)), ("", (2, shape.max_positions, shape.head_dim // 2))]
    if not shape.tied:
        layout.append(("lm_head.weight", (shape.vocab_size, shape.dim)))
    return layout


def _named(shape: LlamaShape, layout: list[tuple[str, tuple[int, ...]]], flat: Tensor) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    first = 0
    for name, size in layout:
        tensor = flat[first : first + math.prod(size)].view(size)
        first += math.prod(size)
        if name.startswith(("model.", "lm_head.")):
            tensors[name] = tensor
        elif name:
            for number in range(shape.num_layers):
                tensors[f"model.layers.{number}.{name}.weight"] = tensor[number]
    for number in range(shape.num_layers):
        for part, heads in (("q_proj", shape.num_heads), ("k_proj", shape.num_kv_heads)):
            key = f"model.layers.{number}.self_attn.{part}.weight"
            tensors[key] = halves_from_pairs(tensors[key], heads)
    return tensors
