"""The `.pt` checkpoints of llama2.c's `train.py` and of the CMU minLLaMA assignment: `model_args` and `model`.

Read with `weights_only=True`: a pickle that wants to run code is refused, whatever it holds.
Sources: karpathy/llama2.c `model.py`; neubig/minllama-assignment `llama.py` and `classifier.py`.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lrscope.errors import CheckpointError
from lrscope.files import replacing
from lrscope.models.rotary_pairs import halves_from_pairs, pairs_from_halves
from lrscope.models.shape import LlamaShape, size_of

# Ours → theirs. minLLaMA calls the attention matrices compute_…, llama2.c w….
LAYER = {
    "input_layernorm": ("attention_norm",),
    "self_attn.q_proj": ("attention.compute_query", "attention.wq"),
    "self_attn.k_proj": ("attention.compute_key", "attention.wk"),
    "self_attn.v_proj": ("attention.compute_value", "attention.wv"),
    "self_attn.o_proj": ("attention.compute_output", "attention.wo"),
    "post_attention_layernorm": ("ffn_norm",),
    "mlp.gate_proj": ("feed_forward.w1",),
    "mlp.down_proj": ("feed_forward.w2",),
    "mlp.up_proj": ("feed_forward.w3",),
}
PREFIXES = ("_orig_mod.", "llama.")  # torch.compile's, and the classifier's own


def read_minllama(path: Path) -> tuple[LlamaShape, dict[str, Tensor]]:
    """Read a `.pt`; tensors come back in transformers' names and layout.

    Raises:
        CheckpointError: it is cut short, wants to execute code, or is no LLaMA.
    """
    content = load_pickle(path)
    if not isinstance(content, Mapping) or not isinstance(content.get("model"), Mapping):
        raise CheckpointError(
            f"{path} must hold model_args and model, as llama2.c writes them: it does not; name another"
        )
    stored = {
        _plain(str(name)): _plain_tensor(path, name, value)
        for name, value in content["model"].items()
        if isinstance(value, Tensor)
    }
    shape = _shape(path, content.get("model_args"), stored)
    tensors = {"model.embed_tokens.weight": stored["tok_embeddings.weight"]}
    for number in range(shape.num_layers):
        for ours, theirs in LAYER.items():
            names = [f"layers.{number}.{name}.weight" for name in theirs if f"layers.{number}.{name}.weight" in stored]
            if not names:
                raise CheckpointError(
                    f"{path} must hold layers.{number}.{theirs[-1]}.weight: it does not; copy it anew"
                )
            tensors[f"model.layers.{number}.{ours}.weight"] = stored[names[0]]
        for part, heads in (("q_proj", shape.num_heads), ("k_proj", shape.num_kv_heads)):
            key = f"model.layers.{number}.self_attn.{part}.weight"
            tensors[key] = halves_from_pairs(tensors[key], heads)
    if "norm.weight" not in stored:
        raise CheckpointError(f"{path} must hold norm.weight: it does not; copy it anew")
    tensors["model.norm.weight"] = stored["norm.weight"]
    if not shape.tied:
        tensors["lm_head.weight"] = stored["output.weight"]
    return shape, tensors


def write_minllama(path: Path, shape: LlamaShape, tensors: Mapping[str, Tensor], args: Mapping[str, Any]) -> None:
    """Write a classifier with minLLaMA's names, its head under `classifier_head`; `args` are plain values."""
    model = {
        "tok_embeddings.weight": tensors["model.embed_tokens.weight"],
        "norm.weight": tensors["model.norm.weight"],
        "output.weight": tensors.get("lm_head.weight", tensors["model.embed_tokens.weight"]),
        "classifier_head.weight": tensors["score.weight"],
        "classifier_head.bias": torch.zeros(len(tensors["score.weight"])),
    }
    heads = {"self_attn.q_proj": shape.num_heads, "self_attn.k_proj": shape.num_kv_heads}
    for number in range(shape.num_layers):
        for ours, theirs in LAYER.items():
            tensor = tensors[f"model.layers.{number}.{ours}.weight"]
            model[f"layers.{number}.{theirs[0]}.weight"] = (
                pairs_from_halves(tensor, heads[ours]) if ours in heads else tensor
            )
    model_args = {
        "vocab_size": shape.vocab_size,
        "dim": shape.dim,
        "n_layers": shape.num_layers,
        "n_heads": shape.num_heads,
        "n_kv_heads": shape.num_kv_heads,
        "hidden_dim": shape.hidden_dim,
        "max_seq_len": shape.max_positions,
        "layer_norm_eps": shape.norm_eps,
        "dropout": 0.0,
    }
    with replacing(path) as temporary:
        torch.save({"model_args": model_args, "model": model, "args": dict(args)}, temporary)


def load_pickle(path: Path) -> Any:
    """Return what `torch.save` wrote, executing nothing.

    Raises:
        CheckpointError: it is cut short, no such file, or wants to execute code.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        text = str(error)
        if any(
            sign in text for sign in ("unsupported GLOBAL", "Unsupported global", "Unsupported class", "Trying to ")
        ):
            raise CheckpointError(
                f"{path} must hold weights and plain values only: loading it would run code; take it from a source "
                "that you trust and save its weights alone"
            ) from error
        raise CheckpointError(
            f"{path} is not a checkpoint that torch can read: it is cut short or corrupt; copy it anew"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise CheckpointError(
            f"{path} is not a checkpoint that torch can read: it is cut short or corrupt; copy it anew"
        ) from error


def _plain_tensor(path: Path, name: object, value: Tensor) -> Tensor:
    if value.layout != torch.strided or value.is_meta or not value.is_floating_point():
        raise CheckpointError(f"{path}: {name} must be a plain tensor of floats: got {value.dtype}, {value.layout}")
    return value


def _plain(name: str) -> str:
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _shape(path: Path, model_args: Any, stored: Mapping[str, Tensor]) -> LlamaShape:
    if not isinstance(model_args, Mapping):
        raise CheckpointError(f"{path} must hold model_args, as llama2.c writes them: it does not; name another")
    embedding, gate = stored.get("tok_embeddings.weight"), stored.get("layers.0.feed_forward.w1.weight")
    if embedding is None or gate is None:
        raise CheckpointError(f"{path} must hold a LLaMA, with tok_embeddings and layers.0.feed_forward: it does not")
    if embedding.ndim != 2 or gate.ndim != 2:
        raise CheckpointError(f"{path} must hold a LLaMA, whose tok_embeddings and w1 are matrices: they are not")
    try:
        num_heads = size_of(model_args, "n_heads")
        num_kv_heads = size_of(model_args, "n_kv_heads", num_heads)
        num_layers = size_of(model_args, "n_layers")
        max_positions = size_of(model_args, "max_seq_len", 1024)
        norm_eps = float(model_args.get("norm_eps") or model_args.get("layer_norm_eps") or 1e-5)
    except (CheckpointError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} must give n_heads, n_layers and max_seq_len in model_args: {error}") from error
    output = stored.get("output.weight")
    vocab_size, dim = embedding.shape
    return LlamaShape(
        vocab_size=vocab_size,
        dim=dim,
        num_layers=num_layers,
        num_heads=num_heads,
        num_kv_heads=num_kv_heads,
        head_dim=dim // max(num_heads, 1),
        hidden_dim=len(gate),  # the arguments may leave it to be derived; the matrix itself tells
        max_positions=max_positions,
        norm_eps=norm_eps,
        rope_theta=1e4,
        tied=output is None or (output.shape == embedding.shape and torch.equal(output, embedding)),
    )
