"""Text to ids: beginning token, text, end token; and what is saved reproduces the same ids in transformers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, processors

from lrscope.errors import CheckpointError, Problem
from lrscope.files import write_text
from lrscope.models.checkpoints import Checkpoint, read_json
from lrscope.models.gguf_header import is_gguf
from lrscope.models.gguf_tokenizer import read_gguf_tokenizer
from lrscope.models.shape import size_of
from lrscope.models.tokenizer_files import read_llama2c_tokenizer, read_sentencepiece, read_tokenizer_json

BEGINS, ENDS = ("<s>", "<|begin_of_text|>", "[CLS]", "<bos>"), ("</s>", "<|end_of_text|>", "[SEP]", "<eos>")
PADS = ("<pad>", "[PAD]", "<|pad|>", "<|finetune_right_pad_id|>", "<|endoftext|>", "<unk>", "[UNK]", "<0x00>")


@dataclass(frozen=True, eq=False)
class TextTokenizer:
    """A tokenizer with its beginning, end and padding. `bos_id` and `eos_id` are −1 where there is none.

    `pad_id` is never the end token: transformers takes the rightmost token that is not padding for a sentence's last.
    """

    backend: Tokenizer
    bos_id: int
    eos_id: int
    pad_id: int

    @property
    def vocab_size(self) -> int:
        """Return one more than the largest id."""
        return max(self.backend.get_vocab(with_added_tokens=True).values()) + 1

    @property
    def fingerprint(self) -> str:
        """Return a digest of what decides a text's ids."""
        content = json.loads(self.backend.to_str())
        parts = {name: content[name] for name in ("added_tokens", "normalizer", "pre_tokenizer", "model")}
        text = json.dumps([parts, self.bos_id, self.eos_id, self.pad_id], sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def encode(self, texts: Sequence[str], *, bos: bool = True, eos: bool = True) -> list[list[int]]:
        """Return the ids of each text, with its beginning and end token where the tokenizer has them."""
        first = [self.bos_id] if bos and self.bos_id >= 0 else []
        last = [self.eos_id] if eos and self.eos_id >= 0 else []
        encodings = self.backend.encode_batch_fast(list(texts), add_special_tokens=False)
        return [[*first, *encoding.ids, *last] for encoding in encodings]

    @property
    def first_ids(self) -> list[int]:
        """Return the tokens that the tokenizer itself writes before a text.

        One that says nothing of it (a SentencePiece model, llama2.c's) writes its beginning token, where it has one.
        """
        if self.backend.post_processor is None:
            return [self.bos_id] if self.bos_id >= 0 else []
        marked = self.backend.encode("a")
        kinds = marked.special_tokens_mask
        return list(marked.ids[: kinds.index(0) if 0 in kinds else 0])

    def encode_prompt(self, text: str) -> list[int]:
        """Return the ids of a text to go on from: what the tokenizer itself writes before a text, and the text."""
        return [*self.first_ids, *self.encode([text], bos=False, eos=False)[0]]

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids, without special tokens."""
        return self.backend.decode(list(ids), skip_special_tokens=True)

    def save(self, folder: Path) -> None:
        """Write `tokenizer.json` and its config: AutoTokenizer gives the same ids, both ends included."""
        saved = Tokenizer.from_str(self.backend.to_str())
        saved.no_padding()
        saved.no_truncation()
        ends = [(saved.id_to_token(token), token) for token in (self.bos_id, self.eos_id) if token >= 0]
        before = f"{ends[0][0]} " if self.bos_id >= 0 else ""
        after = f" {ends[-1][0]}" if self.eos_id >= 0 else ""
        if ends:
            saved.post_processor = processors.TemplateProcessing(
                single=f"{before}$A{after}", pair=f"{before}$A{after} {before}$B:1{after}", special_tokens=ends
            )
        settings: dict[str, Any] = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "pad_token": saved.id_to_token(self.pad_id),
            "padding_side": "right",
            "clean_up_tokenization_spaces": False,
            "model_input_names": ["input_ids", "attention_mask"],
        }
        for name, token in (("bos_token", self.bos_id), ("eos_token", self.eos_id)):
            if token >= 0:
                settings[name] = saved.id_to_token(token)
        if saved.token_to_id("<unk>") is not None:
            settings["unk_token"] = "<unk>"
        write_text(folder / "tokenizer.json", saved.to_str(pretty=False) + "\n")
        write_text(folder / "tokenizer_config.json", json.dumps(settings, indent=2, ensure_ascii=False) + "\n")


def read_tokenizer(path: Path | None, model_path: Path) -> TextTokenizer:
    """Read a tokenizer from `path`, a file or a folder, or else from beside the model.

    Raises:
        CheckpointError: there is none, or it cannot be read.
    """
    if path is not None and not path.exists():
        raise CheckpointError(f"no such tokenizer: {path}; name a tokenizer.json, .model, .gguf or tok512.bin")
    place = path or folder_of(model_path)
    file = _tokenizer_in(place) if place.is_dir() else place
    if file is None:
        rule = "a model needs its tokenizer (tokenizer.json, tokenizer.model or tok512.bin)"
        raise CheckpointError(Problem(rule, f"no tokenizer in {place}", "name it with {tokenizer}"))
    settings = tokenizer_settings(folder_of(file))
    if file.suffix == ".json":
        backend = read_tokenizer_json(file)
    elif is_gguf(file):
        backend, settings = read_gguf_tokenizer(file)
    elif file.suffix == ".model":
        backend = read_sentencepiece(file)
    else:
        backend = read_llama2c_tokenizer(file)
    backend.no_padding()
    backend.no_truncation()
    return _with_ends(backend, settings)


def has_tokenizer(folder: Path) -> bool:
    """Return whether a folder holds a tokenizer."""
    return folder.is_dir() and _tokenizer_in(folder) is not None


def check_vocabulary(tokenizer: TextTokenizer, checkpoint: Checkpoint) -> None:
    """Hold a tokenizer to the embedding of the weights, which may have a few more rows (rounded up to a multiple).

    Raises:
        CheckpointError: they belong to different models.
    """
    rows, pieces = size_of(checkpoint.config, "vocab_size"), tokenizer.vocab_size
    if pieces > rows or rows - pieces > max(64, pieces // 100):
        raise CheckpointError(
            Problem(
                "a tokenizer must fit the weights",
                f"{pieces} tokens for {rows} embeddings of {checkpoint.source}",
                "name the tokenizer that the weights were trained with by {tokenizer}",
            )
        )


def _tokenizer_in(folder: Path) -> Path | None:
    for name in ("tokenizer.json", "tokenizer.model", "tokenizer.bin"):
        if (folder / name).is_file():
            return folder / name
    files = sorted(path for path in folder.glob("tok*") if path.suffix in (".bin", ".model"))
    return files[0] if len(files) == 1 else None


def folder_of(path: Path) -> Path:
    """Return a folder itself, or the folder that a file lies in; a GGUF file has all within and is its own."""
    return path if path.is_dir() or is_gguf(path) else path.parent


def tokenizer_settings(folder: Path) -> dict[str, Any]:
    """Return what the files beside a tokenizer say of its special tokens, the more particular ones winning."""
    settings: dict[str, Any] = {}
    for name in ("config.json", "special_tokens_map.json", "tokenizer_config.json"):
        if (folder / name).is_file():
            settings |= read_json(folder / name)
    return settings


def _with_ends(backend: Tokenizer, settings: Mapping[str, Any]) -> TextTokenizer:
    vocab = backend.get_vocab(with_added_tokens=True)

    def find(*names: str, usual: Sequence[str] = ()) -> int:
        for name in names:
            value = settings.get(name)
            if isinstance(value, Mapping):
                value = value.get("content")
            if isinstance(value, list):
                value = value[0] if value else None
            if isinstance(value, str) and value in vocab:
                return vocab[value]
            if isinstance(value, int) and not isinstance(value, bool) and value in vocab.values():
                return value
        return next((vocab[token] for token in usual if token in vocab), -1)

    bos = find("bos_token", "cls_token", "bos_token_id", usual=BEGINS)
    eos = find("eos_token", "sep_token", "eos_token_id", usual=ENDS)
    pad = find("pad_token", "pad_token_id")
    if pad in (-1, bos, eos):
        usual = (vocab[token] for token in PADS if token in vocab)
        anything = (index for index in sorted(vocab.values()))
        pad = next((token for token in (*usual, *anything) if token not in (bos, eos)), -1)
    if pad < 0:
        raise CheckpointError("a tokenizer needs a token besides its end token to pad with: it has none; name another")
    return TextTokenizer(backend, bos, eos, pad)
