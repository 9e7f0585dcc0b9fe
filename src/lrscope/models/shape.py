"""The sizes of a LLaMA, and whether the native implementation covers a model's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lrscope.errors import CheckpointError


@dataclass(frozen=True, kw_only=True)
class LlamaShape:
    """What fixes a LLaMA besides its weights. `max_positions` is the longest context in tokens.

    Raises CheckpointError where the sizes cannot be.
    """

    vocab_size: int
    dim: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    hidden_dim: int
    max_positions: int
    norm_eps: float
    rope_theta: float
    tied: bool

    def __post_init__(self) -> None:
        sizes = (
            "vocab_size",
            "dim",
            "num_layers",
            "num_heads",
            "num_kv_heads",
            "head_dim",
            "hidden_dim",
            "max_positions",
        )
        problems = [
            f"{name} must be at least 1: got {getattr(self, name)}" for name in sizes if getattr(self, name) < 1
        ]
        if not problems and self.num_heads % self.num_kv_heads:
            problems.append(
                f"num_heads must be a multiple of num_kv_heads: got {self.num_heads} and {self.num_kv_heads}"
            )
        if self.head_dim % 2:
            problems.append(f"head_dim must be even, as rotary positions turn pairs: got {self.head_dim}")
        if not (self.norm_eps > 0 and self.rope_theta > 0):
            problems.append(f"norm_eps and rope_theta must be positive: got {self.norm_eps} and {self.rope_theta}")
        if problems:
            raise CheckpointError("; ".join(problems) + "; these are not the sizes of a LLaMA")

    @staticmethod
    def from_config(config: Mapping[str, Any]) -> LlamaShape:
        """Read a `config.json` of transformers, version 4 or 5.

        Raises:
            CheckpointError: a size is missing or cannot be.
        """
        try:
            dim, num_heads = int(config["hidden_size"]), int(config["num_attention_heads"])
            return LlamaShape(
                vocab_size=int(config["vocab_size"]),
                dim=dim,
                num_layers=int(config["num_hidden_layers"]),
                num_heads=num_heads,
                num_kv_heads=int(config.get("num_key_value_heads") or num_heads),
                head_dim=int(config.get("head_dim") or dim // max(num_heads, 1)),
                hidden_dim=int(config["intermediate_size"]),
                max_positions=int(config.get("max_position_embeddings") or 2048),
                norm_eps=float(config.get("rms_norm_eps", 1e-6)),
                rope_theta=float(_rope(config).get("rope_theta") or config.get("rope_theta") or 10000.0),
                tied=bool(config.get("tie_word_embeddings", False)),
            )
        except KeyError as error:
            raise CheckpointError(
                f"a LLaMA's config.json must give {error.args[0]}: it does not; take it from the source"
            ) from error
        except (TypeError, ValueError) as error:
            raise CheckpointError(f"a LLaMA's config.json must give its sizes as numbers: {error}") from error

    def to_config(self) -> dict[str, Any]:
        """Return the `config.json` that transformers reads."""
        return {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "vocab_size": self.vocab_size,
            "hidden_size": self.dim,
            "intermediate_size": self.hidden_dim,
            "num_hidden_layers": self.num_layers,
            "num_attention_heads": self.num_heads,
            "num_key_value_heads": self.num_kv_heads,
            "head_dim": self.head_dim,
            "max_position_embeddings": self.max_positions,
            "rms_norm_eps": self.norm_eps,
            "rope_parameters": {"rope_type": "default", "rope_theta": self.rope_theta},
            "tie_word_embeddings": self.tied,
            "hidden_act": "silu",
            "attention_bias": False,
            "mlp_bias": False,
        }

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return every backbone tensor's shape by its transformers name, rows first."""
        q, kv = self.num_heads * self.head_dim, self.num_kv_heads * self.head_dim
        layer = {
            "input_layernorm": (self.dim,),
            "self_attn.q_proj": (q, self.dim),
            "self_attn.k_proj": (kv, self.dim),
            "self_attn.v_proj": (kv, self.dim),
            "self_attn.o_proj": (self.dim, q),
            "post_attention_layernorm": (self.dim,),
            "mlp.gate_proj": (self.hidden_dim, self.dim),
            "mlp.up_proj": (self.hidden_dim, self.dim),
            "mlp.down_proj": (self.dim, self.hidden_dim),
        }
        return {
            "model.embed_tokens.weight": (self.vocab_size, self.dim),
            **{
                f"model.layers.{number}.{name}.weight": shape
                for number in range(self.num_layers)
                for name, shape in layer.items()
            },
            "model.norm.weight": (self.dim,),
        }


def unsupported_reason(config: Mapping[str, Any]) -> str | None:
    """Return what in a configuration the native implementation does not cover, None where it covers all.

    >>> unsupported_reason({"model_type": "llama", "rope_scaling": {"rope_type": "llama3", "factor": 8.0}})
    'rope scaling llama3'
    """
    if config.get("model_type") != "llama":
        return f"model type {config.get('model_type')}"
    rope = _rope(config)
    kind = rope.get("rope_type") or rope.get("type") or "default"
    if kind != "default":
        return f"rope scaling {kind}"
    if float(rope.get("partial_rotary_factor") or config.get("partial_rotary_factor") or 1.0) != 1.0:
        return "rotary positions on a part of each head"
    for name in ("attention_bias", "mlp_bias"):
        if config.get(name):
            return f"biases ({name})"
    if config.get("hidden_act", "silu") != "silu":
        return f"activation {config['hidden_act']}"
    if config.get("quantization_config"):
        return "quantized weights"
    return None


def _rope(config: Mapping[str, Any]) -> Mapping[str, Any]:
    value = config.get("rope_parameters") or config.get("rope_scaling") or {}
    return value if isinstance(value, Mapping) else {}
