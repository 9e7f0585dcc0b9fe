"""Weights from every kind of file equal one another, and what is broken is refused in one line."""

import json
import os
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tests.conftest import TINY, random_weights, tiny_tokenizer
from transformers import LlamaConfig

from lrscope.errors import CheckpointError
from lrscope.models.checkpoint_writer import link_checkpoint, read_weights, write_checkpoint
from lrscope.models.checkpoints import read_checkpoint
from lrscope.models.minllama import LAYER, write_minllama
from lrscope.models.rope import Llama3Scaling
from lrscope.models.rotary_pairs import halves_from_pairs, pairs_from_halves
from lrscope.models.shape import LlamaShape, unsupported_reason

UNTIED = LlamaShape(**{**TINY.__dict__, "tied": False})


def weights(shape: LlamaShape) -> dict[str, torch.Tensor]:
    tensors = random_weights(shape)
    if not shape.tied:
        tensors["lm_head.weight"] = torch.randn(shape.vocab_size, shape.dim)
    return tensors


def llama2c(shape: LlamaShape, tensors: dict[str, torch.Tensor]) -> bytes:
    """A version-0 file, written as karpathy's `legacy_export` does."""
    vocab = shape.vocab_size if shape.tied else -shape.vocab_size
    sizes = (shape.dim, shape.hidden_dim, shape.num_layers, shape.num_heads, shape.num_kv_heads, vocab)
    header = struct.pack("iiiiiii", *sizes, shape.max_positions)
    heads = {"self_attn.q_proj": shape.num_heads, "self_attn.k_proj": shape.num_kv_heads}
    order = ["input_layernorm", *(f"self_attn.{n}_proj" for n in "qkvo"), "post_attention_layernorm"]
    parts = [tensors["model.embed_tokens.weight"]]
    for name in [*order, "mlp.gate_proj", "mlp.down_proj", "mlp.up_proj"]:
        for number in range(shape.num_layers):
            tensor = tensors[f"model.layers.{number}.{name}.weight"]
            parts.append(pairs_from_halves(tensor, heads[name]) if name in heads else tensor)
    parts += [tensors["model.norm.weight"], torch.zeros(shape.max_positions * shape.head_dim)]
    if not shape.tied:
        parts.append(tensors["lm_head.weight"])
    return header + b"".join(part.numpy().astype("<f4").tobytes() for part in parts)


def minllama(shape: LlamaShape, tensors: dict[str, torch.Tensor], naming: int, prefix: str = "") -> dict[str, object]:
    """A `.pt` in llama2.c's (naming −1) or minLLaMA's (naming 0) way."""
    heads = {"self_attn.q_proj": shape.num_heads, "self_attn.k_proj": shape.num_kv_heads}
    model = {"tok_embeddings.weight": tensors["model.embed_tokens.weight"], "norm.weight": tensors["model.norm.weight"]}
    model["output.weight"] = tensors.get("lm_head.weight", model["tok_embeddings.weight"])
    for number in range(shape.num_layers):
        for ours, theirs in LAYER.items():
            tensor = tensors[f"model.layers.{number}.{ours}.weight"]
            tensor = pairs_from_halves(tensor, heads[ours]) if ours in heads else tensor
            model[f"layers.{number}.{theirs[naming]}.weight"] = tensor
    args = {"dim": shape.dim, "n_layers": 2, "n_heads": 4, "n_kv_heads": 2, "vocab_size": 320, "max_seq_len": 48}
    return {"model_args": args, "model": {prefix + name: value for name, value in model.items()}, "iter_num": 3}


@pytest.mark.parametrize("shape", [TINY, UNTIED], ids=["tied", "untied"])
@pytest.mark.parametrize("kind", ["folder", "sharded", "bin", "bin folder", "pt w", "pt compute", "pt compiled"])
def test_every_kind_gives_the_same_tensors(tmp_path: Path, shape: LlamaShape, kind: str) -> None:
    tensors = weights(shape)
    source = tmp_path / "model"
    if kind == "folder":
        write_checkpoint(source, tensors, shape.to_config(), tiny_tokenizer())
    elif kind == "sharded":
        source.mkdir()
        (source / "config.json").write_text(json.dumps(shape.to_config()))
        names = sorted(tensors)
        shards = {"model-00001-of-00002.safetensors": names[:7], "model-00002-of-00002.safetensors": names[7:]}
        for file, held in shards.items():
            save_file({name: tensors[name] for name in held}, source / file)
        index = {"weight_map": {name: file for file, held in shards.items() for name in held}}
        (source / "model.safetensors.index.json").write_text(json.dumps(index))
    elif kind == "bin":
        source = tmp_path / "model.bin"
        source.write_bytes(llama2c(shape, tensors))
    elif kind == "bin folder":
        source.mkdir()
        (source / "stories.bin").write_bytes(llama2c(shape, tensors))
        (source / "tok512.bin").write_bytes(b"not weights")
    else:
        source = tmp_path / "model.pt"
        prefix = "_orig_mod." if kind == "pt compiled" else ""
        torch.save(minllama(shape, tensors, 0 if kind == "pt compute" else -1, prefix), source)
    checkpoint = read_checkpoint(str(source))
    assert checkpoint.shape == shape
    assert set(checkpoint.tensors) == set(tensors)
    for name, tensor in tensors.items():
        assert torch.equal(checkpoint.tensors[name], tensor), name


def test_a_classifier_written_for_minllama_reads_back(tmp_path: Path) -> None:
    tensors = weights(TINY) | {"score.weight": torch.randn(3, 16)}
    write_minllama(tmp_path / "a.pt", TINY, tensors, {"lr": 2e-5})
    checkpoint = read_checkpoint(tmp_path / "a.pt")
    assert checkpoint.shape == TINY
    assert torch.equal(
        checkpoint.tensors["model.layers.1.self_attn.k_proj.weight"], tensors["model.layers.1.self_attn.k_proj.weight"]
    )
    stored = torch.load(tmp_path / "a.pt", weights_only=True)
    assert stored["model"]["classifier_head.weight"].shape == (3, 16)
    assert stored["args"] == {"lr": 2e-5}


def test_rotary_orders_undo_one_another_and_pair_neighbours() -> None:
    weight = torch.arange(8.0)[:, None]
    assert halves_from_pairs(weight, 2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]
    assert torch.equal(pairs_from_halves(halves_from_pairs(weight, 2), 2), weight)


@pytest.mark.shared
def test_stories260k_converted_equals_its_hugging_face_folder(shared: Path) -> None:
    ours = read_checkpoint(shared / "models" / "stories260K")
    theirs = read_checkpoint(shared / "models" / "stories260K-hf")
    assert ours.shape == theirs.shape
    assert set(ours.tensors) == set(theirs.tensors)
    for name, tensor in theirs.tensors.items():
        assert torch.equal(ours.tensors[name], tensor), name


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("echo this must not run",)


def broken(folder: Path, kind: str) -> Path:
    path = folder / ("a.bin" if kind.startswith("bin") else "a.pt" if kind.startswith("pt") else "model")
    tensors = weights(TINY)
    if kind == "bin cut":
        path.write_bytes(llama2c(TINY, tensors)[:-100])
    elif kind == "bin empty":
        path.write_bytes(b"")
    elif kind == "bin text":
        path.write_bytes(b"this is a text, and no model at all")
    elif kind == "bin version 1":
        path.write_bytes(struct.pack("<iiiiiii", 0x616B3432, 1, 1, 1, 1, 1, 1))
    elif kind == "pt cut":
        torch.save(minllama(TINY, tensors, -1), path)
        path.write_bytes(path.read_bytes()[:-200])
    elif kind == "pt text":
        path.write_text("no pickle")
    elif kind == "pt evil":
        torch.save({"model": Evil(), "model_args": {}}, path)
    elif kind == "pt other":
        torch.save({"weights": 3}, path)
    elif kind == "pt lacks a layer":
        content = minllama(TINY, tensors, -1)
        content["model"].pop("layers.1.attention.wk.weight")  # type: ignore[attr-defined]
        torch.save(content, path)
    else:
        write_checkpoint(path, tensors, TINY.to_config(), tiny_tokenizer())
        file = path / "model.safetensors"
        if kind == "folder cut":
            file.write_bytes(file.read_bytes()[:-50])
        elif kind == "folder corrupt":
            file.write_bytes(b"\xff" * 200)
        elif kind == "folder without weights":
            file.unlink()
        elif kind == "folder of other sizes":
            (path / "config.json").write_text(json.dumps({**TINY.to_config(), "intermediate_size": 26}))
        elif kind == "folder with a broken config":
            (path / "config.json").write_text("{")
        elif kind == "folder lacks a tensor":
            tensors.pop("model.norm.weight")
            save_file(tensors, file)
        elif kind == "folder lacks a shard":
            file.unlink()
            (path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "x.safetensors"}}))
        elif kind == "folder of nothing":
            for each in list(path.iterdir()):
                each.unlink()
    return path


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("bin cut", r"must have \d+ bytes, as its header says"),
        ("bin empty", "header of 28 bytes: got 0 bytes"),
        ("bin text", "version 0"),
        ("bin version 1", "export it with --version 0"),
        ("pt cut", "cut short or corrupt"),
        ("pt text", "cut short or corrupt"),
        ("pt evil", "would run code"),
        ("pt other", "model_args and model"),
        ("pt lacks a layer", r"layers\.1\.attention\.wk\.weight"),
        ("folder cut", "not safetensors that can be read"),
        ("folder corrupt", "not safetensors that can be read"),
        ("folder without weights", "must hold model.safetensors"),
        ("folder of other sizes", r"must have the shape \(26, 16\)"),
        ("folder with a broken config", "not JSON"),
        ("folder lacks a tensor", "must hold model.norm.weight"),
        ("folder lacks a shard", "x.safetensors is missing"),
        ("folder of nothing", "none of these"),
    ],
)
def test_what_is_broken_is_refused(tmp_path: Path, kind: str, says: str, capfd: pytest.CaptureFixture[str]) -> None:
    path = broken(tmp_path, kind)
    with pytest.raises(CheckpointError, match=says) as error:
        read_checkpoint(path)
    assert "\n" not in str(error.value)
    assert "must not run" not in capfd.readouterr().out


def test_a_missing_path_is_not_looked_for_on_the_hub() -> None:
    for name in ("./none", "/none/at/all", "models/a/b", "none.bin", "folder\\none"):
        with pytest.raises(CheckpointError, match="no such model"):
            read_checkpoint(name)


def test_a_hub_name_without_a_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub

    def offline(*_: object, **__: object) -> str:
        raise huggingface_hub.errors.LocalEntryNotFoundError("no connection")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    with pytest.raises(
        CheckpointError, match="no local folder, and the Hugging Face hub does not give it: no connection"
    ):
        read_checkpoint("someone/some-model")


def test_a_hub_name_is_fetched(monkeypatch: pytest.MonkeyPatch, tiny_model: Path) -> None:
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name, **_: str(tiny_model))
    checkpoint = read_checkpoint("someone/some-model")
    assert checkpoint.source == "someone/some-model"
    assert checkpoint.shape == TINY


def test_links_follow_the_checkpoint_and_survive_its_replacement(tmp_path: Path) -> None:
    first, second = weights(TINY), {name: tensor + 1 for name, tensor in weights(TINY).items()}
    source, target = tmp_path / "trials", tmp_path / "best"
    write_checkpoint(source, first, TINY.to_config(), tiny_tokenizer(), metadata={"step": "1"})
    link_checkpoint(source, target)
    write_checkpoint(source, second, TINY.to_config(), tiny_tokenizer(), metadata={"step": "2"})
    assert torch.equal(read_weights(target)["model.norm.weight"], first["model.norm.weight"])
    link_checkpoint(source, target)
    link_checkpoint(source, target)
    assert torch.equal(read_weights(target)["model.norm.weight"], second["model.norm.weight"])
    assert sorted(path.name for path in target.iterdir()) == sorted(path.name for path in source.iterdir())
    assert read_checkpoint(target).metadata["step"] == "2"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"rope_parameters": {"rope_type": "default", "rope_theta": 5e5}}, None),
        ({"rope_parameters": None, "rope_theta": 500.0}, None),
        ({"model_type": "qwen2"}, "model type qwen2"),
        ({"rope_parameters": {"rope_type": "llama3", "factor": 8}}, None),
        ({"rope_parameters": None, "rope_scaling": {"type": "linear", "factor": 2.0}}, None),
        ({"rope_parameters": {"rope_type": "yarn", "factor": 8}}, "rope scaling yarn"),
        ({"rope_scaling": {"type": "dynamic", "factor": 2.0}}, "rope scaling dynamic"),
        ({"attention_bias": True}, "biases (attention_bias)"),
        ({"mlp_bias": True}, "biases (mlp_bias)"),
        ({"hidden_act": "gelu"}, "activation gelu"),
        ({"quantization_config": {"bits": 4}}, "quantized weights"),
    ],
)
def test_what_the_native_model_covers(change: dict[str, object], reason: str | None) -> None:
    assert unsupported_reason({**TINY.to_config(), **change}) == reason


def test_theta_is_found_wherever_transformers_wrote_it() -> None:
    old = {**TINY.to_config(), "rope_parameters": None, "rope_theta": 500.0}
    new = {**TINY.to_config(), "rope_parameters": {"rope_type": "default", "rope_theta": 500.0}}
    assert LlamaShape.from_config(old).rope_theta == LlamaShape.from_config(new).rope_theta == 500.0


LLAMA3 = {"factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
LLAMA_1B = {
    "model_type": "llama", "vocab_size": 128256, "hidden_size": 2048, "intermediate_size": 8192,
    "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64,
    "max_position_embeddings": 131072, "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "tie_word_embeddings": True,
    "rope_scaling": {**LLAMA3, "rope_type": "llama3"},
}  # fmt: skip
LLAMA_3B = {
    **LLAMA_1B, "hidden_size": 3072, "num_hidden_layers": 28, "num_attention_heads": 24, "head_dim": 128,
    "rope_theta": None, "rope_scaling": None,
    "rope_parameters": {**LLAMA3, "rope_type": "llama3", "rope_theta": 500000.0},
}  # fmt: skip


@pytest.mark.parametrize(("config", "head_dim"), [(LLAMA_1B, 64), (LLAMA_3B, 128)], ids=["1B", "3B"])
def test_llama_3_configurations_are_read_and_written_back(config: dict[str, object], head_dim: int) -> None:
    shape = LlamaShape.from_config(config)
    assert unsupported_reason(config) is None
    assert (shape.head_dim, shape.num_kv_heads, shape.max_positions) == (head_dim, 8, 131072)
    assert shape.rope_theta == 500000.0
    assert shape.rope_scaling == Llama3Scaling(
        factor=32.0, low_freq_factor=1.0, high_freq_factor=4.0, original_positions=8192
    )
    assert LlamaShape.from_config(shape.to_config()) == shape
    theirs = LlamaConfig(**shape.to_config())
    assert theirs.rope_parameters == {**LLAMA3, "rope_type": "llama3", "rope_theta": 500000.0}
    assert LlamaShape.from_config(theirs.to_dict()) == shape


def test_the_original_context_is_found_wherever_transformers_looks_for_it() -> None:
    without = {name: value for name, value in LLAMA3.items() if name != "original_max_position_embeddings"}
    config = {**LLAMA_1B, "rope_scaling": {**without, "type": "llama3"}}
    beside = {**config, "original_max_position_embeddings": 4096}
    found = [LlamaShape.from_config(each).rope_scaling for each in (config, beside)]
    assert [scaling.original_positions for scaling in found if isinstance(scaling, Llama3Scaling)] == [131072, 4096]


@pytest.mark.parametrize(
    ("rope", "says"),
    [
        ({"rope_type": "llama3", "factor": 8.0}, "low_freq_factor as a number"),
        ({**LLAMA3, "rope_type": "llama3", "factor": None}, "factor as a number"),
        ({**LLAMA3, "rope_type": "llama3", "factor": 0.0}, "positive factor"),
        ({**LLAMA3, "rope_type": "llama3", "low_freq_factor": 4.0}, "low_freq_factor < high_freq_factor"),
        ({"rope_type": "linear", "factor": -1.0}, "positive factor"),
    ],
)
def test_rope_scaling_that_cannot_be(rope: dict[str, object], says: str) -> None:
    with pytest.raises(CheckpointError, match=says):
        LlamaShape.from_config({**LLAMA_1B, "rope_scaling": rope})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"num_key_value_heads": 3}, "multiple of num_kv_heads"),
        ({"head_dim": 5}, "head_dim must be even"),
        ({"hidden_size": 0}, "dim must be from 1 to"),
        ({"hidden_size": "many"}, "hidden_size as a whole number"),
        ({"rms_norm_eps": 0.0}, "must be positive"),
    ],
)
def test_sizes_that_cannot_be(change: dict[str, object], says: str) -> None:
    with pytest.raises(CheckpointError, match=says):
        LlamaShape.from_config({**TINY.to_config(), **change})
