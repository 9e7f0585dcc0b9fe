"""How many parameters a model has and of which family it is: from its folder's config.json, or from its name.

All parameters of a mixture of experts count, those that sleep too: the landscapes of mixtures follow their whole size
more closely than the size that is active for a token (benchmarks/priors.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lrscope.config.setting import show_value
from lrscope.errors import CheckpointError, ConfigError, Problem

# Sizes that names do not tell, from the models' cards.
NAMED = (("deepseek-v3", 671e9), ("deepseek-r1", 671e9), ("kimi-k2", 1026e9), ("gpt2-medium", 355e6),
         ("gpt2-large", 774e6), ("gpt2-xl", 1558e6), ("distilgpt2", 82e6), ("gpt2", 124e6))  # fmt: skip
# Families, by what their models are called, in the order in which they are looked for. `\1` is the version found.
FAMILIES = (
    (r"tinyllama", "tinyllama"), (r"distill-llama", "llama-3"), (r"llama-?(\d)(?![\d.]*b)", r"llama-\1"),
    (r"qwen3(?:-next|\.[5-9])", "qwen3.5"), (r"distill-qwen", "qwen2.5"),
    (r"qwen-?(\d(?:\.\d)?)(?![\d.]*b)", r"qwen\1"), (r"deepseek-(?:v3|r1)", "deepseek-v3"), (r"kimi-k2", "kimi-k2"),
    (r"nemotron-3", "nemotron-3"), (r"gpt-oss", "gpt-oss"), (r"smollm(\d?)", r"smollm\1"), (r"stories\d", "stories"),
)  # fmt: skip
# What transformers calls the architectures of families.
_OF_TYPE = {"qwen3_5": "qwen3.5", "qwen3_next": "qwen3.5", "deepseek_v3": "deepseek-v3", "gpt_oss": "gpt-oss"}
_LLAMA_3_VOCABULARY = 128_256
_UNITS = {"b": 1e9, "m": 1e6, "k": 1e3}
_UNGATED = ("gpt2", "gpt_neo", "gpt_neox", "opt", "phi", "bloom")  # two matrices in a feed-forward block, not three


class ModelFacts(NamedTuple):
    """A model's name as the evidence has it, its family, and how many parameters it has."""

    name: str
    family: str
    parameters: float


def read_model(model: str, parameters: float | None = None) -> ModelFacts:
    """Return what a folder's config.json or a name tells of a model. `parameters` stand in for those that it tells.

    Raises:
        CheckpointError: a config.json cannot be read.
        ConfigError: nothing tells how many parameters it has.
    """
    folder = Path(model).expanduser()
    config = _config_of(folder)
    name = model if config is None else str(config.get("_name_or_path") or folder.resolve().name)
    of_config = None if config is None else parameters_of_config(config)
    known = next((value for value in (parameters, of_config, parameters_in_name(name)) if value is not None), None)
    if known is None:
        rule = "the name of a model tells how many parameters it has, as 8B or 135M do"
        raise ConfigError(Problem(rule, show_value(model), "add --parameters 7e9, or name the model's folder"))
    family = family_in_name(name)
    if config is not None and not any(re.search(pattern, base_name(name)) for pattern, _ in FAMILIES):
        family = family_of_config(config) or family
    return ModelFacts(base_name(name), family, known)


def base_name(name: str) -> str:
    """Return a model's name without its owner, in small letters.

    >>> base_name("meta-llama/Llama-3.1-8B")
    'llama-3.1-8b'
    """
    return name.rstrip("/\\").replace("\\", "/").rpartition("/")[2].lower()


def parameters_in_name(name: str) -> float | None:
    """Return how many parameters a name tells of: all of a mixture's, not the active ones behind an A.

    >>> [parameters_in_name(each) for each in ("Llama-3.1-8B", "Qwen3-30B-A3B", "SmolLM2-135M", "phi-3-mini-128k")]
    [8000000000.0, 30000000000.0, 135000000.0, None]
    >>> parameters_in_name("Mixtral-8x7B-v0.1"), parameters_in_name("stories260K-hf")
    (56000000000.0, 260000.0)
    """
    base = base_name(name)
    units = "bm" + ("k" if base.startswith("stories") else "")  # elsewhere 128k is the length of a context
    for unit in units:
        pattern = rf"(?<![\d.])(?<!-a)(?:(\d+)x)?(\d+(?:\.\d+)?){unit}(?![a-z0-9])"
        for experts, number in re.findall(pattern, base):
            if (number, unit) != ("1", "m"):  # so is 1M
                return float(experts or 1) * float(number) * _UNITS[unit]
    return next((size for part, size in NAMED if part in base), None)


def family_in_name(name: str) -> str:
    """Return the family that a name is of; empty where it tells none.

    >>> [family_in_name(each) for each in ("meta-llama/Llama-3.2-1B", "Qwen/Qwen3.6-27B", "Qwen3-8B", "gemma-2-9b-it")]
    ['llama-3', 'qwen3.5', 'qwen3', 'gemma-2']
    """
    base = base_name(name)
    for pattern, family in FAMILIES:
        if found := re.search(pattern, base):
            return found.expand(family)
    found = re.match(r"[a-z]+(?:-v?\d+(?:\.\d+)?(?![\d.]*[bmx]))?", base)
    return found[0] if found else ""


def family_of_config(config: Mapping[str, Any]) -> str:
    """Return the family that a config.json is of, as far as it tells.

    >>> family_of_config({"model_type": "llama", "vocab_size": 128256}), family_of_config({"model_type": "qwen3_moe"})
    ('llama-3', 'qwen3')
    """
    kind = str(config.get("model_type") or "")
    if kind == "llama" and config.get("vocab_size") == _LLAMA_3_VOCABULARY:
        return "llama-3"
    return next((family for start, family in _OF_TYPE.items() if kind.startswith(start)), kind.removesuffix("_moe"))


def parameters_of_config(config: Mapping[str, Any]) -> float | None:
    """Return how many parameters a config.json describes: embeddings, attention and feed-forward, experts included.

    None where it lacks their sizes.

    >>> sizes = {"hidden_size": 64, "num_hidden_layers": 5, "vocab_size": 512, "intermediate_size": 172}
    >>> parameters_of_config({**sizes, "num_attention_heads": 8, "num_key_value_heads": 4, "tie_word_embeddings": True})
    259328.0
    """
    inner = config.get("text_config")
    sizes = {**config, **inner} if isinstance(inner, Mapping) else config

    def size(*names: str, default: float = 0.0) -> float:
        values = (sizes.get(name) for name in names)
        return next((float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool)), default)

    dim, layers = size("hidden_size", "n_embd", "d_model"), size("num_hidden_layers", "n_layer", "num_layers")
    vocabulary, heads = size("vocab_size"), size("num_attention_heads", "n_head")
    if not min(dim, layers, vocabulary, heads) > 0:
        return None
    head = size("head_dim", default=dim / heads)
    attention = 2 * dim * head * (heads + size("num_key_value_heads", default=heads))
    hidden, matrices = size("intermediate_size", default=4 * dim), 2 if sizes.get("model_type") in _UNGATED else 3
    experts = size("num_local_experts", "num_experts", "n_routed_experts")
    forward = matrices * dim * hidden
    if experts:
        each = matrices * dim * size("moe_intermediate_size", default=hidden)
        forward = each * (experts + size("n_shared_experts")) + dim * experts
    embeddings = vocabulary * dim * (1 if sizes.get("tie_word_embeddings", matrices == 2) else 2)
    return embeddings + layers * (attention + forward)


def _config_of(folder: Path) -> Mapping[str, Any] | None:
    """Return the config.json of a folder; None where there is no such folder.

    Raises:
        CheckpointError: it cannot be read.
    """
    try:
        path = folder / "config.json"
        if not path.is_file():
            return None
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{folder}/config.json cannot be read as JSON: {error}".splitlines()[0]) from None
    if not isinstance(config, Mapping):
        raise CheckpointError(f"{folder}/config.json must hold a table: got {type(config).__name__}")
    return config
