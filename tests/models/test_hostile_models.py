"""Model folders that lie about themselves: refused in a line, at once, and without running anything."""

import contextlib
import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tests.conftest import TINY, random_weights

from lrscope.errors import CheckpointError
from lrscope.models.checkpoints import read_checkpoint
from lrscope.models.classifier_transformers import build_transformers
from lrscope.models.shape import LlamaShape
from lrscope.models.tokenizer_files import from_scored_pieces, read_llama2c_tokenizer


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny_model, tmp_path / "model")
    return tmp_path / "model"


def change(folder: Path, **values: Any) -> None:
    path = folder / "config.json"
    config = {**json.loads(path.read_text()), **values}
    path.write_text(json.dumps({name: value for name, value in config.items() if value != "REMOVE"}))


def load(folder: Path) -> None:
    """Read a model as a study does, through whichever implementation runs it."""
    checkpoint = read_checkpoint(folder)
    if checkpoint.shape is None:
        build_transformers(folder, 3, 0, dropout=0.0, head_seed=0, dtype=torch.float32)


CONFIGS: list[dict[str, Any]] = [
    {"num_hidden_layers": 1}, {"num_hidden_layers": 3}, {"num_hidden_layers": 10_000_000}, {"num_hidden_layers": -1},
    {"num_hidden_layers": "two"}, {"num_hidden_layers": None}, {"num_hidden_layers": 2.5}, {"hidden_size": True},
    {"hidden_size": [16]}, {"hidden_size": 10**400}, {"num_attention_heads": 0}, {"num_labels": 10**9},
    {"vocab_size": 2**40}, {"rms_norm_eps": "small"}, {"rope_theta": 10**400}, {"rope_theta": float("inf")},
    {"rope_parameters": {"rope_theta": "x"}}, {"partial_rotary_factor": "half"}, {"model_type": None},
    {"model_type": ["llama"]}, {"model_type": "REMOVE"}, {"model_type": "gpt2"}, {"model_type": "bert"},
    {"model_type": "no such type"}, {"model_type": "gpt2", "n_layer": 10_000_000}, {"intermediate_size": "REMOVE"},
    {"model_type": "gpt2", "n_embd": 2**20, "n_head": 2**10}, {"model_type": "mistral", "num_hidden_layers": 1},
    {"model_type": "mistral", "num_hidden_layers": 4}, {"model_type": "mistral", "hidden_size": "wide"},
    {"model_type": "mistral", "architectures": 7, "num_hidden_layers": {}}, {"max_position_embeddings": "long"},
    {"model_type": "custom", "auto_map": {"AutoConfig": "run.C", "AutoModelForSequenceClassification": "run.M"}},
]  # fmt: skip


@pytest.mark.parametrize("values", CONFIGS, ids=str)
def test_configurations_that_are_not_the_weights(
    model: Path, values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked whether to run code"))
    (model / "run.py").write_text(f"open({str(model / 'ran')!r}, 'w')\nclass C: pass\nclass M: pass\n")
    change(model, **values)
    began = monotonic()
    with pytest.raises(CheckpointError):
        load(model)
    assert monotonic() - began < 20
    assert not (model / "ran").exists()


def test_weights_that_fit_are_read(model: Path) -> None:
    change(model, model_type="mistral", sliding_window=None, architectures=["MistralForCausalLM"])
    load(model)


TENSORS: list[Callable[[torch.Tensor], torch.Tensor]] = [
    lambda tensor: tensor.to(torch.int32),
    lambda tensor: tensor[:-1].contiguous(),
    lambda tensor: tensor.to(torch.bool),
    lambda tensor: tensor[None],
    lambda tensor: torch.empty(0),
]


@pytest.mark.parametrize("number", range(len(TENSORS)))
def test_tensors_of_another_kind(model: Path, number: int) -> None:
    tensors = random_weights(TINY)
    tensors["model.norm.weight"] = TENSORS[number](tensors["model.norm.weight"])
    save_file(tensors, model / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"model\.norm\.weight"):
        load(model)


@pytest.mark.parametrize(
    "tensor", [torch.ones(16).to_sparse(), torch.empty(16, device="meta"), torch.ones(16, dtype=torch.int64)],
    ids=["sparse", "meta", "integers"],
)  # fmt: skip
def test_pickles_of_another_kind(model: Path, tmp_path: Path, tensor: torch.Tensor) -> None:
    (model / "model.safetensors").unlink()
    torch.save({**random_weights(TINY), "model.norm.weight": tensor}, model / "pytorch_model.bin")
    with pytest.raises(CheckpointError):
        load(model)
    args = {"n_heads": 4, "n_layers": 2}
    stored = {"tok_embeddings.weight": torch.ones(8, 16), "layers.0.feed_forward.w1.weight": torch.ones(8, 16)}
    torch.save({"model_args": args, "model": {**stored, "norm.weight": tensor}}, tmp_path / "m.pt")
    with pytest.raises(CheckpointError):
        read_checkpoint(tmp_path / "m.pt")


@pytest.mark.parametrize(
    "args", [{"n_layers": 10**9, "n_heads": 4}, {"n_layers": "x", "n_heads": 4}, {"n_layers": 2, "n_heads": []}, {}, 5]
)
def test_minllama_arguments(tmp_path: Path, args: Any) -> None:
    stored = {"tok_embeddings.weight": torch.ones(8, 16), "layers.0.feed_forward.w1.weight": torch.ones(8, 16)}
    torch.save({"model_args": args, "model": stored}, tmp_path / "m.pt")
    with pytest.raises(CheckpointError):
        read_checkpoint(tmp_path / "m.pt")


@pytest.mark.parametrize(
    "header", [(16, 24, 16_000_000, 4, 2, 320, 48), (2**30, 2**30, 900, 1, 1, 2**30, 2**30), (16, 24, 2, 0, 2, 320, 48),
               (16, 24, 2, -4, 2, 320, 48), (16, 24, 2, 4, 3, -(2**31), 48), (0, 0, 0, 0, 0, 0, 0)]
)  # fmt: skip
def test_llama2c_headers(tmp_path: Path, header: tuple[int, ...]) -> None:
    (tmp_path / "m.bin").write_bytes(struct.pack("<7i", *header) + bytes(400))
    began = monotonic()
    with pytest.raises(CheckpointError, match=r"m\.bin"):
        read_checkpoint(tmp_path / "m.bin")
    assert monotonic() - began < 5


def test_a_piece_without_end_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="at most 512 characters"):
        from_scored_pieces([("<unk>", 0.0), ("a" * 1_000_000, -1.0)])
    (tmp_path / "tok.bin").write_bytes(struct.pack("<i", 7) + struct.pack("<fi", 0.0, 2**31 - 1) + b"abc")
    with pytest.raises(CheckpointError, match="cut short"):
        read_llama2c_tokenizer(tmp_path / "tok.bin")


def test_safetensors_headers(model: Path) -> None:
    path = model / "model.safetensors"
    whole = path.read_bytes()
    draw = np.random.default_rng(0)
    for header in (b"", b"{}", b"[]", b"null", b'{"a":1}', b'{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}',
                   b'{"a":{"dtype":"F32","shape":[1e99],"data_offsets":[0,4]}}', b"[" * 100_000,
                   b'{"model.norm.weight":{"dtype":"X","shape":[2],"data_offsets":[0,8]}}'):  # fmt: skip
        path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
        with pytest.raises(CheckpointError):
            load(model)
    path.write_bytes(struct.pack("<Q", 2**62) + whole[8:])
    with pytest.raises(CheckpointError):
        load(model)
    for _ in range(40):
        data = bytearray(whole)
        for place in draw.integers(0, 2000, 8):
            data[place] = draw.integers(0, 256)
        path.write_bytes(data)
        with contextlib.suppress(CheckpointError):
            load(model)


def test_sizes_have_bounds() -> None:
    with pytest.raises(CheckpointError, match="num_layers must be from 1 to 1000"):
        LlamaShape(**{**TINY.__dict__, "num_layers": 10**7})
