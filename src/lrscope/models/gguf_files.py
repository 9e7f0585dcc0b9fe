"""Weights of a LLaMA from a GGUF file, as llama.cpp writes them: dequantised, by transformers' names and in its layout.

What is stored as floats stays as it is. Quantised matrices become bfloat16: its steps are at most half as wide as
those of the finest quantisation there is (Q8_0), and it takes half the memory of float32.

The scaling of Llama 3's rope is not among the metadata. A file has what each frequency is divided by instead
(`rope_freqs`), from which the scaling is recovered.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from lrscope.errors import CheckpointError
from lrscope.models.gguf_header import GgufHeader, GgufTensor, read_gguf_header
from lrscope.models.rope import Llama3Scaling, rope_frequencies
from lrscope.models.rotary_pairs import halves_from_pairs
from lrscope.models.shape import LlamaShape, unsupported_reason

NAMES = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
LAYER_NAMES = {
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}  # fmt: skip
ROPE_DIVISORS = "rope_freqs.weight"
FLOATS = {0: ("<f4", torch.float32), 1: ("<f2", torch.float16), 30: ("<i2", torch.bfloat16)}  # by ggml's number
# What Llama 3.1 to 3.3 have; a file gives none of them.
LLAMA3 = Llama3Scaling(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_positions=8192)


class GgufModel(NamedTuple):
    """A LLaMA's configuration as transformers has it, its weights, and what a user should know of them."""

    config: dict[str, Any]
    shape: LlamaShape
    tensors: dict[str, Tensor]
    notes: tuple[str, ...]


def read_gguf(path: Path) -> GgufModel:
    """Read a file's configuration and weights.

    Raises:
        CheckpointError: it is corrupt, holds no plain LLaMA, or the package gguf is not installed.
    """
    header = read_gguf_header(path)
    data = np.memmap(path, np.uint8, "r")
    shape = _checked_shape(path, header, data)
    tensors: dict[str, Tensor] = {}
    kinds: Counter[str] = Counter()
    for name, stored in header.tensors.items():
        if name == ROPE_DIVISORS:
            continue
        tensor, kind = _tensor(path, name, stored, data)
        ours = _our_name(name)
        heads = {"q_proj": shape.num_heads, "k_proj": shape.num_kv_heads}.get(ours.split(".")[-2], 0)
        if heads and tensor.ndim == 2 and len(tensor) == heads * shape.head_dim:
            tensor = halves_from_pairs(tensor, heads)
        tensors[ours] = tensor
        if kind:
            kinds[kind] += tensor.numel()
    return GgufModel(_config(header, shape), shape, tensors, _notes(kinds))


def read_gguf_config(path: Path) -> dict[str, Any]:
    """Read a file's configuration alone, as transformers has it.

    Raises:
        CheckpointError: it is corrupt, or holds no plain LLaMA.
    """
    header = read_gguf_header(path)
    return _config(header, _checked_shape(path, header, np.memmap(path, np.uint8, "r")))


def _checked_shape(path: Path, header: GgufHeader, data: np.ndarray[Any, Any]) -> LlamaShape:
    architecture = header.metadata.get("general.architecture")
    if architecture != "llama" or header.metadata.get("llama.expert_count"):
        kind = "a mixture of experts" if architecture == "llama" else str(architecture)[:40]
        raise CheckpointError(
            f"{path} must hold a LLaMA: got {kind}; convert it to a Hugging Face folder with transformers "
            "(from_pretrained with gguf_file, then save_pretrained), and name that folder"
        )
    try:
        return _shape(header, data)
    except CheckpointError as error:
        said = str(error).replace("config.json", "its metadata")
        raise CheckpointError(f"{path} must hold a plain LLaMA: {said}") from error


def _config(header: GgufHeader, shape: LlamaShape) -> dict[str, Any]:
    config = shape.to_config()
    for end in ("bos", "eos"):
        token = header.metadata.get(f"tokenizer.ggml.{end}_token_id")
        if token is not None:
            config[f"{end}_token_id"] = token
    return config


def _notes(kinds: Counter[str]) -> tuple[str, ...]:
    if not kinds:
        return ()
    names = " and ".join(kind for kind, _ in kinds.most_common(2)) + (" and others" if len(kinds) > 2 else "")
    return (f"the weights are dequantised from {names} to bfloat16: what quantisation took from them is lost",)


def _our_name(name: str) -> str:
    """Return transformers' name; what a LLaMA does not have keeps its own, so that it is told of.

    >>> _our_name("blk.3.attn_q.weight"), _our_name("blk.0.ffn_gate_inp.weight")
    ('model.layers.3.self_attn.q_proj.weight', 'model.blk.0.ffn_gate_inp.weight')
    """
    stem, _, ending = name.rpartition(".")
    if stem in NAMES:
        return f"{NAMES[stem]}.{ending}"
    parts = stem.split(".")
    if len(parts) == 3 and parts[0] == "blk" and parts[2] in LAYER_NAMES:
        return f"model.layers.{parts[1]}.{LAYER_NAMES[parts[2]]}.{ending}"
    return f"model.{name}"


def _shape(header: GgufHeader, data: np.ndarray[Any, Any]) -> LlamaShape:
    of = {key.removeprefix("llama."): value for key, value in header.metadata.items() if key.startswith("llama.")}
    embedding = header.tensors.get("token_embd.weight")
    config = {
        "vocab_size": None if embedding is None else embedding.shape[0],
        "hidden_size": of.get("embedding_length"),
        "intermediate_size": of.get("feed_forward_length"),
        "num_hidden_layers": of.get("block_count"),
        "num_attention_heads": of.get("attention.head_count"),
        "num_key_value_heads": of.get("attention.head_count_kv"),
        "head_dim": of.get("attention.key_length", of.get("rope.dimension_count")),
        "max_position_embeddings": of.get("context_length"),
        "rms_norm_eps": of.get("attention.layer_norm_rms_epsilon"),
        "rope_theta": of.get("rope.freq_base"),
        "tie_word_embeddings": "output.weight" not in header.tensors,
        "model_type": "llama",
    }
    if (scaling := of.get("rope.scaling.type", "none")) != "none":
        config["rope_scaling"] = {"rope_type": scaling, "factor": of.get("rope.scaling.factor")}
    reason = unsupported_reason(config)
    if reason is not None:
        raise CheckpointError(f"got {reason}; name another model")
    shape = LlamaShape.from_config(config)
    if of.get("rope.dimension_count", shape.head_dim) != shape.head_dim:
        raise CheckpointError("its rotary positions turn a part of each head; name another model")
    divisors = _divisors(header, data)
    if divisors is None or bool((divisors == 1.0).all()):
        return shape
    return replace(shape, rope_scaling=_llama3_scaling(shape, divisors))


def _divisors(header: GgufHeader, data: np.ndarray[Any, Any]) -> Tensor | None:
    """Return what the file divides each frequency of a head by, (E/2,), where it does."""
    stored = header.tensors.get(ROPE_DIVISORS)
    if stored is None:
        return None
    if stored.kind != 0 or stored.offset + 4 * math.prod(stored.shape) > len(data):
        raise CheckpointError(f"{ROPE_DIVISORS} must be whole, and float32: it is not; copy it anew")
    return torch.from_numpy(np.frombuffer(data, "<f4", math.prod(stored.shape), stored.offset).copy())


def _llama3_scaling(shape: LlamaShape, divisors: Tensor) -> Llama3Scaling:
    scaling = replace(LLAMA3, factor=float(divisors.max()))
    plain, scaled = (
        rope_frequencies(shape.head_dim, shape.rope_theta, each, torch.device("cpu")) for each in (None, scaling)
    )
    if len(divisors) != len(plain) or not torch.allclose(plain / scaled, divisors, rtol=1e-3):
        raise CheckpointError(f"its rope scaling ({ROPE_DIVISORS}) is not Llama 3's; name another model")
    return scaling


def _tensor(path: Path, name: str, stored: GgufTensor, data: np.ndarray[Any, Any]) -> tuple[Tensor, str]:
    """Return a tensor, and the name of its type if it was quantised."""
    if stored.kind in FLOATS:
        layout, dtype = FLOATS[stored.kind]
        raw = _bytes(path, name, stored, data, stored.shape[-1] * np.dtype(layout).itemsize)
        values = torch.from_numpy(raw.view(layout).copy())
        return values.view(dtype).view(stored.shape), ""
    gguf = _package()
    try:
        kind = gguf.GGMLQuantizationType(stored.kind)
        block, size = gguf.GGML_QUANT_SIZES[kind]
        if stored.shape[-1] % block:
            raise ValueError(f"its rows of {stored.shape[-1]} are not blocks of {block}")
        raw = _bytes(path, name, stored, data, stored.shape[-1] // block * size)
        values = torch.from_numpy(gguf.dequantize(raw, kind))
    except (ValueError, KeyError, NotImplementedError) as error:
        raise CheckpointError(
            f"{path}: {name} has a type that gguf cannot dequantise: {error}; take a file in Q8_0 or F16"
        ) from error
    return values.to(torch.bfloat16 if values.ndim > 1 else torch.float32), str(kind.name)


def _bytes(
    path: Path, name: str, stored: GgufTensor, data: np.ndarray[Any, Any], row_bytes: int
) -> np.ndarray[Any, Any]:
    """Return the rows of a tensor as they are stored, (…, bytes a row)."""
    size = math.prod(stored.shape[:-1]) * row_bytes
    if stored.offset + size > len(data):
        raise CheckpointError(f"{path} ends in the middle of {name}: it is cut short; copy it anew")
    return data[stored.offset : stored.offset + size].reshape(*stored.shape[:-1], row_bytes)


def _package() -> Any:
    try:
        import gguf
    except ImportError as error:
        raise CheckpointError(
            'quantised GGUF files need the package gguf: it is not installed; pip install "lrscope[gguf]"'
        ) from error
    return gguf
