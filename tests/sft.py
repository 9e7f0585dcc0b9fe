"""Tiny language models with a chat template, and toy conversations to fine-tune them on."""

from __future__ import annotations

import dataclasses
import json
import random
from pathlib import Path
from typing import Any

import torch

from lrscope.config import DataConfig, ModelConfig, NumericsConfig, SftConfig, StudyConfig, TrialConfig
from lrscope.models.checkpoint_writer import write_checkpoint
from lrscope.models.shape import LlamaShape
from lrscope.models.tokenizers import read_tokenizer
from tests.chat import chat_folder
from tests.conftest import random_weights

VOCAB = 336  # the tokenizer has 323
SHAPE = LlamaShape(
    vocab_size=VOCAB, dim=32, num_layers=2, num_heads=4, num_kv_heads=2, head_dim=8, hidden_dim=48,
    max_positions=128, norm_eps=1e-5, rope_theta=10000.0, tied=True,
)  # fmt: skip


def llama_folder(folder: Path, shape: LlamaShape = SHAPE, seed: int = 0, dtype: torch.dtype = torch.float32) -> Path:
    """Write a LLaMA of random weights, with a tokenizer and a chat template."""
    chat_folder(folder)
    weights = random_weights(shape, seed)
    if not shape.tied:
        weights["lm_head.weight"] = torch.randn(shape.vocab_size, shape.dim) * 0.1
    stored = {name: tensor.to(dtype) for name, tensor in weights.items()}
    config = {**shape.to_config(), "torch_dtype": str(dtype).removeprefix("torch.")}  # as transformers 4 writes it
    write_checkpoint(folder, stored, config, read_tokenizer(None, folder))
    return folder


def other_folder(folder: Path, family: str) -> Path:
    """Write a model of another architecture, made by configuration: qwen3 or gemma3."""
    from transformers import AutoConfig, AutoModelForCausalLM

    chat_folder(folder)
    sizes: dict[str, Any] = {
        "vocab_size": VOCAB, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 128,
        "bos_token_id": None, "eos_token_id": 2, "pad_token_id": 0,
    }  # fmt: skip
    torch.manual_seed(0)
    config = AutoConfig.for_model({"gemma3": "gemma3_text"}.get(family, family), **sizes)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder


@dataclasses.dataclass(frozen=True)
class SftToy:
    """Paths of toy conversations, and the configuration of a short fine-tune on them."""

    train: Path
    dev: Path
    test: Path
    model: Path

    def config(self, **changes: object) -> StudyConfig:
        trial = {"peak_rate": 1e-2, "epochs": 3, "batch_size": 8, "schedule": "warmup(2st) > linear", **changes}
        model = {name: trial.pop(name) for name in ("implementation", "gradient_checkpointing") if name in trial}
        numerics = {name: trial.pop(name) for name in ("batching", "precision") if name in trial}
        return StudyConfig(
            task="sft",
            data=DataConfig(train=str(self.train), dev=str(self.dev), test=str(self.test)),
            model=ModelConfig(model=str(self.model), **model),  # type: ignore[arg-type]
            numerics=NumericsConfig(device="cpu", threads=1, **numerics),  # type: ignore[arg-type]
            sft=SftConfig(),
            trial=TrialConfig(**trial),  # type: ignore[arg-type]
        )

    def options(self, *more: str) -> list[str]:
        return [
            "--task", "sft", "--model", str(self.model), "--train", str(self.train), "--dev", str(self.dev),
            "--lr", "1e-2", "--epochs", "1", "--batch-size", "8", "--threads", "1", *more,
        ]  # fmt: skip


def toy_conversations(num: int, seed: int) -> list[dict[str, str]]:
    draw = random.Random(seed)
    rows = []
    for _ in range(num):
        words = draw.choices(["the", "quick", "brown", "fox", "is", "what"], k=draw.randint(1, 9))
        rows.append({"prompt": f"Say {' '.join(words)}", "completion": f"{words[-1]} is the fox ### {len(words)}"})
    return rows


def write_rows(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def sft_toy_in(folder: Path, model: Path) -> SftToy:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [
        write_rows(folder / f"{name}.jsonl", toy_conversations(num, seed))
        for name, num, seed in (("train", 43, 1), ("dev", 17, 2), ("test", 11, 3))
    ]
    return SftToy(*paths, model=model)
