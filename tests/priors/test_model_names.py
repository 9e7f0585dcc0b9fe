"""Names and folders of models: how many parameters, of which family."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lrscope.errors import CheckpointError, ConfigError
from lrscope.priors.model_names import family_in_name, parameters_in_name, parameters_of_config, read_model

transformers = pytest.importorskip("transformers")


@pytest.mark.parametrize(
    ("name", "parameters", "family"),
    [
        ("meta-llama/Llama-3.1-8B", 8e9, "llama-3"),
        ("meta-llama/Llama-2-7b-chat-hf", 7e9, "llama-2"),
        ("huggyllama/llama-13b", 13e9, "llama"),
        ("Qwen/Qwen3-30B-A3B-Instruct-2507", 30e9, "qwen3"),
        ("Qwen/Qwen3-8B", 8e9, "qwen3"),
        ("Qwen/Qwen3.6-35B-A3B", 35e9, "qwen3.5"),
        ("Qwen/Qwen2.5-0.5B", 0.5e9, "qwen2.5"),
        ("deepseek-ai/DeepSeek-R1-Distill-Llama-8B", 8e9, "llama-3"),
        ("deepseek-ai/DeepSeek-V3.1-Base", 671e9, "deepseek-v3"),
        ("nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", 30e9, "nemotron-3"),
        ("openai/gpt-oss-20b", 20e9, "gpt-oss"),
        ("TinyLlama/TinyLlama-1.1B-Chat-v1.0", 1.1e9, "tinyllama"),
        ("mistralai/Mixtral-8x7B-v0.1", 56e9, "mixtral"),
        ("mistralai/Mistral-7B-v0.1", 7e9, "mistral"),
        ("HuggingFaceTB/SmolLM2-135M-Instruct", 135e6, "smollm2"),
        ("unsloth/Llama-3.2-1B-Instruct-bnb-4bit", 1e9, "llama-3"),
        ("Qwen/Qwen2.5-7B-Instruct-1M", 7e9, "qwen2.5"),
        ("microsoft/Phi-3-mini-128k-instruct", None, "phi-3"),
        ("my-model", None, "my"),
        ("", None, ""),
    ],
)
def test_names(name: str, parameters: float | None, family: str) -> None:
    assert (parameters_in_name(name), family_in_name(name)) == (parameters, family)


SIZES: dict[str, Any] = {
    "vocab_size": 512, "hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2,
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "more"),
    [("llama", {"tie_word_embeddings": True}), ("llama", {"tie_word_embeddings": False}),
     ("qwen3", {"head_dim": 32, "tie_word_embeddings": False}), ("mixtral", {"num_local_experts": 4}),
     ("qwen3_moe", {"num_experts": 8, "moe_intermediate_size": 32, "head_dim": 16, "num_experts_per_tok": 2})],
)  # fmt: skip
def test_configs_count_what_transformers_builds(kind: str, more: dict[str, Any]) -> None:
    import torch

    config = transformers.AutoConfig.for_model(kind, **SIZES, **more)
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)
    built = sum(each.numel() for each in {id(each): each for each in model.parameters()}.values())
    assert parameters_of_config(config.to_dict()) == pytest.approx(built, rel=0.02)


def test_a_folder_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint-9"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({**SIZES, "model_type": "llama", "vocab_size": 128_256}))
    facts = read_model(str(folder))
    assert (facts.name, facts.family) == ("checkpoint-9", "llama-3")
    assert facts.parameters == pytest.approx(2 * 128_256 * 64, rel=0.02)
    assert read_model(str(folder), 7e9).parameters == 7e9


@pytest.mark.parametrize("text", ["{", "[1]", '{"hidden_size": "x"}', "\xff", "[" * 100_000])
def test_a_broken_folder_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises((CheckpointError, ConfigError)) as error:
        read_model(str(folder))
    assert "\n" not in str(error.value)


def test_a_name_without_a_size_needs_one() -> None:
    with pytest.raises(ConfigError, match="--parameters"):
        read_model("microsoft/phi-4")
    assert read_model("microsoft/phi-4", 14e9) == ("phi-4", "phi-4", 14e9)
