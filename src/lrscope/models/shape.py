"""The sizes of a LLaMA, and whether the native implementation covers a model's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lrscope.errors import CheckpointError
from lrscope.models.rope import LinearScaling, Llama3Scaling, RopeScaling, rope_section, rope_type

# Far beyond any model there is: what is larger would be believed at the price of hours or of all memory.
MAX_LAYERS, MAX_SIZE = 1000, 2**31 - 1


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
    rope_scaling: RopeScaling | None = None

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
            f"{name} must be from 1 to {most}: got {getattr(self, name)}"
            for name in sizes
            for most in (MAX_LAYERS if name == "num_layers" else MAX_SIZE,)
            if not 1 <= getattr(self, name) <= most
        ]
        if not problems and self.num_heads % self.num_kv_heads:
            problems.append(
                f"num_heads must be a multiple of num_kv_heads: got {self.num_heads} and {self.num_kv_heads}"
            )
        if self.head_dim % 2:
            problems.append(f"head_dim must be even, as rotary positions turn pairs: got {self.head_dim}")
        if not (0 < self.norm_eps < 1e300 and 0 < self.rope_theta < 1e300):
            problems.append(f"norm_eps and rope_theta must be positive: got {self.norm_eps} and {self.rope_theta}")
        if problems:
            raise CheckpointError("; ".join(problems) + "; these are not the sizes of a LLaMA")

    @staticmethod
    def from_config(config: Mapping[str, Any]) -> LlamaShape:
        """Read a `config.json` of transformers, version 4 or 5.

        Raises:
            CheckpointError: a size is missing or cannot be.
        """
        dim, num_heads = size_of(config, "hidden_size"), size_of(config, "num_attention_heads")
        return LlamaShape(
            vocab_size=size_of(config, "vocab_size"),
            dim=dim,
            num_layers=size_of(config, "num_hidden_layers"),
            num_heads=num_heads,
            num_kv_heads=size_of(config, "num_key_value_heads", num_heads),
            head_dim=size_of(config, "head_dim", dim // max(num_heads, 1)),
            hidden_dim=size_of(config, "intermediate_size"),
            max_positions=size_of(config, "max_position_embeddings", 2048),
            norm_eps=_number(config, "rms_norm_eps", 1e-6),
            rope_theta=_number(rope_section(config), "rope_theta", _number(config, "rope_theta", 10000.0)),
            tied=config.get("tie_word_embeddings") is True,
            rope_scaling=_rope_scaling(config),
        )

    def to_config(self) -> dict[str, Any]:
        """Return the `config.json` that transformers reads."""
        scaling = {"rope_type": "default"} if self.rope_scaling is None else self.rope_scaling.to_config()
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
            "rope_parameters": {**scaling, "rope_theta": self.rope_theta},
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

    >>> unsupported_reason({"model_type": "llama", "rope_scaling": {"rope_type": "yarn", "factor": 8.0}})
    'rope scaling yarn'
    """
    if config.get("model_type") != "llama":
        return f"model type {config.get('model_type')}"
    if rope_type(config) not in ("default", "linear", "llama3"):
        return f"rope scaling {rope_type(config)}"
    rope = rope_section(config)
    if _number(rope, "partial_rotary_factor", _number(config, "partial_rotary_factor", 1.0)) != 1.0:
        return "rotary positions on a part of each head"
    for name in ("attention_bias", "mlp_bias"):
        if config.get(name):
            return f"biases ({name})"
    if config.get("hidden_act", "silu") != "silu":
        return f"activation {config['hidden_act']}"
    if config.get("quantization_config"):
        return "quantized weights"
    return None


def size_of(config: Mapping[str, Any], name: str, default: int | None = None) -> int:
    """Return a size that a `config.json` gives: a whole number; without one, or with null or 0, the default.

    >>> size_of({"hidden_size": 64}, "hidden_size"), size_of({}, "head_dim", 16)
    (64, 16)

    Raises:
        CheckpointError: it is missing and has no default, or is no size.
    """
    value = config.get(name)
    if default is not None and (value is None or value == 0):
        return default
    if value is None:
        raise CheckpointError(f"config.json must give {name}: it does not; take the file from the model's source")
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if not whole or isinstance(value, bool) or not 0 <= value <= MAX_SIZE:
        raise CheckpointError(
            f"config.json must give {name} as a whole number up to {MAX_SIZE}: got {str(value)[:40]!r}; "
            "take the file from the model's source"
        )
    return int(value)


def check_config(config: Mapping[str, Any]) -> None:
    """Hold what a `config.json` says of any architecture to what a model can be, before anything is built of it.

    Raises:
        CheckpointError: it asks for more layers or classes than any model has, or names code to run.
    """
    for name, value in config.items():
        if isinstance(value, int) and not isinstance(value, bool):
            most = MAX_LAYERS if "layer" in name else 2**16 if name == "num_labels" else MAX_SIZE
            if abs(value) > most:
                raise CheckpointError(
                    f"config.json must give {name} up to {most}: got {str(value)[:40]}; take it from the model's source"
                )
    if not isinstance(config.get("model_type"), str):
        raise CheckpointError("config.json must give model_type: it does not; take the file from the model's source")


def _rope_scaling(config: Mapping[str, Any]) -> RopeScaling | None:
    kind, rope = rope_type(config), rope_section(config)
    if kind == "default":
        return None
    if kind == "linear":
        return LinearScaling(factor=_number(rope, "factor"))
    name = "original_max_position_embeddings"
    context = size_of(rope, name, size_of(config, "max_position_embeddings", 2048))
    return Llama3Scaling(
        factor=_number(rope, "factor"),
        low_freq_factor=_number(rope, "low_freq_factor"),
        high_freq_factor=_number(rope, "high_freq_factor"),
        original_positions=size_of(config, name, context),
    )


def _number(config: Mapping[str, Any], name: str, default: float | None = None) -> float:
    value = config.get(name, default)
    if value is None and default is not None:
        return default
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < 1e300:
        raise CheckpointError(
            f"config.json must give {name} as a number: got {str(value)[:40]!r}; take the file from the model's source"
        )
    return float(value)
