"""Ids: the same from every kind of file, and the same again from what is saved, in transformers."""

import json
import struct
from pathlib import Path

import pytest
import sentencepiece
from tests.conftest import TINY, tiny_tokenizer
from transformers import AutoTokenizer

from lrscope.errors import CheckpointError
from lrscope.models.checkpoints import read_checkpoint
from lrscope.models.tokenizers import TextTokenizer, check_vocabulary, read_tokenizer

ODD = ["", " ", "  two  spaces ", "ünïcödé 日本語 🎉", "tab\tand\nline", "a\u2028b", "x" * 200, "the film is good."]


@pytest.fixture(scope="module")
def sst(shared: Path) -> list[str]:
    rows = []
    for split in ("train", "dev", "test"):
        text = (shared / "data" / "sst" / f"sst-{split}.txt").read_text(encoding="utf-8")
        rows += [line.split(" ||| ", 1)[1].strip() for line in text.split("\n") if line]
    return rows


def reloaded(tokenizer: TextTokenizer, folder: Path) -> object:
    tokenizer.save(folder)
    (folder / "config.json").write_text(json.dumps(TINY.to_config()), encoding="utf-8")
    return AutoTokenizer.from_pretrained(folder)


def test_what_is_saved_gives_the_same_ids_in_transformers(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer()
    theirs = reloaded(tokenizer, tmp_path)
    assert theirs(ODD)["input_ids"] == tokenizer.encode(ODD)  # type: ignore[operator]
    assert theirs.pad_token_id == tokenizer.pad_id != tokenizer.eos_id  # type: ignore[attr-defined]
    again = read_tokenizer(None, tmp_path)
    assert again.fingerprint == tokenizer.fingerprint
    assert again.encode(ODD) == tokenizer.encode(ODD)


def test_text_comes_back() -> None:
    tokenizer = tiny_tokenizer()
    for text, ids in zip(ODD, tokenizer.encode(ODD), strict=True):
        assert tokenizer.decode(ids) == text


def test_ends_are_put_on_as_asked() -> None:
    tokenizer = tiny_tokenizer()
    bare = tokenizer.encode(["good"], bos=False, eos=False)[0]
    assert tokenizer.encode(["good"]) == [[1, *bare, 2]]
    assert tokenizer.encode(["good"], eos=False) == [[1, *bare]]


@pytest.mark.shared
def test_the_llama2_tokenizer_equals_sentencepiece(shared: Path, sst: list[str], tmp_path: Path) -> None:
    path = shared / "models" / "llama2-tokenizer" / "tokenizer.model"
    ours = read_tokenizer(path, path)
    theirs = sentencepiece.SentencePieceProcessor(model_file=str(path))
    texts = [*sst, *ODD]
    ids = ours.encode(texts)
    assert ids == [[1, *row, 2] for row in theirs.encode(texts)]
    assert reloaded(ours, tmp_path)(texts)["input_ids"] == ids  # type: ignore[operator]


@pytest.mark.shared
def test_tok512_equals_its_tokenizer_json(shared: Path, sst: list[str], tmp_path: Path) -> None:
    ours = read_tokenizer(None, shared / "models" / "stories260K" / "stories260K.bin")
    theirs = read_tokenizer(None, shared / "models" / "stories260K-hf")
    texts = [*sst, *ODD]
    ids = ours.encode(texts)
    assert ids == theirs.encode(texts)
    assert ours.fingerprint == theirs.fingerprint
    assert reloaded(ours, tmp_path)(texts)["input_ids"] == ids  # type: ignore[operator]


def test_special_tokens_are_found_wherever_they_are_named(tmp_path: Path) -> None:
    tiny_tokenizer().save(tmp_path)
    file = tmp_path / "tokenizer_config.json"
    file.write_text(json.dumps({"eos_token": {"content": "<s>"}, "bos_token": "</s>", "pad_token": "<s>"}))
    swapped = read_tokenizer(None, tmp_path)
    assert (swapped.bos_id, swapped.eos_id) == (2, 1)
    assert swapped.pad_id == 0  # never the end token, whatever the file says
    file.write_text(json.dumps({"eos_token_id": [2, 1], "bos_token_id": 1}))
    assert (read_tokenizer(None, tmp_path).bos_id, read_tokenizer(None, tmp_path).eos_id) == (1, 2)


def test_weights_and_tokenizer_must_fit(tiny_model: Path) -> None:
    checkpoint, tokenizer = read_checkpoint(tiny_model), read_tokenizer(None, tiny_model)
    check_vocabulary(tokenizer, checkpoint)  # 300 tokens, embeddings rounded up to 320
    for size in (100, 32000):
        object.__setattr__(checkpoint, "config", {**checkpoint.config, "vocab_size": size})
        with pytest.raises(CheckpointError, match=rf"\d+ tokens for {size} embeddings"):
            check_vocabulary(tokenizer, checkpoint)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("tokenizer.json", b"{", "not a tokenizer.json"),
        ("tokenizer.model", b"\xff\xff\xff", "not a SentencePiece model"),
        ("tokenizer.model", b"", "must be a SentencePiece model"),
        ("tok512.bin", b"", "must begin with <unk>"),
        ("tok512.bin", struct.pack("<ifi", 9, 0.0, 9) + b"abc", "cut short"),
        ("tok512.bin", struct.pack("<ifi", 9, 0.0, -2), "cut short"),
        ("tok512.bin", struct.pack("<ifi", 9, 0.0, 2) + b"\xff\xfe", "not a llama2.c tokenizer"),
    ],
)
def test_what_is_broken_is_refused(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=says):
        read_tokenizer(None, tmp_path)


def test_no_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="name it with tokenizer"):
        read_tokenizer(None, tmp_path)
    with pytest.raises(CheckpointError, match="no such tokenizer"):
        read_tokenizer(tmp_path / "none.model", tmp_path)
