"""Tokenizer files of three kinds, each read into one `tokenizers.Tokenizer`.

    tokenizer.json     as it is
    tokenizer.model    SentencePiece's own: byte-pair pieces with scores, LLaMA's kind
    tok512.bin         llama2.c's: int32 longest piece, then (float32 score, int32 length, bytes) a piece

SentencePiece and llama2.c join the neighbours whose joined piece scores highest, the leftmost among equals. As a list
of merges that is: all pairs that join to a piece, by that piece's score.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers

from lrscope.errors import CheckpointError

SPACE = "▁"
UNKNOWN, BEGIN, END = "<unk>", "<s>", "</s>"
MAX_PIECE = 512  # LLaMA's longest has 16
BPE = 2  # SentencePiece's TrainerSpec.ModelType


def read_tokenizer_json(path: Path) -> Tokenizer:
    """Read a `tokenizer.json`."""
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception
        reason = str(error).split("\n")[0]
        raise CheckpointError(f"{path} is not a tokenizer.json that can be read: {reason}; copy it anew") from error


def read_sentencepiece(path: Path) -> Tokenizer:
    """Read a SentencePiece model of byte-pair pieces without normalization, as LLaMA's are.

    Raises:
        CheckpointError: it is cut short, or of another kind.
    """
    from sentencepiece import sentencepiece_model_pb2

    model = sentencepiece_model_pb2.ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    except Exception as error:  # protobuf's DecodeError differs between its implementations
        raise CheckpointError(f"{path} is not a SentencePiece model that can be read: {error}; copy it anew") from error
    spec = model.normalizer_spec
    if not model.pieces or model.trainer_spec.model_type != BPE or spec.precompiled_charsmap:
        raise CheckpointError(
            f"{path} must be a SentencePiece model of byte pairs without normalization: it is not; convert it to a "
            "tokenizer.json with transformers"
        )
    pieces = [(piece.piece, piece.score) for piece in model.pieces]
    return from_scored_pieces(pieces, prefix=spec.add_dummy_prefix, trims=spec.remove_extra_whitespaces)


def read_llama2c_tokenizer(path: Path) -> Tokenizer:
    """Read llama2.c's `tokenizer.bin`.

    Raises:
        CheckpointError: it is cut short.
    """
    data, place = path.read_bytes(), 4
    pieces = []
    try:
        while place < len(data):
            score, length = struct.unpack_from("<fi", data, place)
            place += 8
            if length < 0 or place + length > len(data):
                raise CheckpointError(f"{path} ends in the middle of a piece: it is cut short; copy it anew")
            pieces.append((data[place : place + length].decode("utf-8"), score))
            place += length
    except (struct.error, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} is not a llama2.c tokenizer that can be read: {error}; copy it anew") from error
    if len(pieces) < 259 or pieces[3][0] != "<0x00>":
        raise CheckpointError(
            f"{path} must begin with <unk>, <s>, </s> and 256 bytes: it does not; name a tokenizer file"
        )
    # Beginning and end are stored as llama2.c prints them, between line breaks; spaces as spaces.
    plain = [(piece.replace(" ", SPACE), score) for piece, score in pieces]
    return from_scored_pieces([(UNKNOWN, 0.0), (BEGIN, 0.0), (END, 0.0), *plain[3:]])


def from_scored_pieces(pieces: Sequence[tuple[str, float]], *, prefix: bool = True, trims: bool = False) -> Tokenizer:
    """Return a tokenizer that joins what SentencePiece joins."""
    longest = max((len(piece) for piece, _ in pieces), default=0)
    if longest > MAX_PIECE:  # every way to cut a piece in two is tried below
        raise CheckpointError(f"a tokenizer's pieces have at most {MAX_PIECE} characters: got one of {longest}")
    vocab: dict[str, int] = {}
    for index, (piece, _) in enumerate(pieces):
        vocab.setdefault(piece, index)
    merges = []
    for index, (piece, score) in enumerate(pieces):
        if index != vocab[piece]:
            continue
        for cut in range(1, len(piece)):
            left, right = piece[:cut], piece[cut:]
            if left in vocab and right in vocab:
                merges.append((-score, vocab[piece], vocab[left], vocab[right], left, right))
    merges.sort()
    tokenizer = Tokenizer(
        models.BPE(
            vocab, [(m[4], m[5]) for m in merges], unk_token=UNKNOWN, fuse_unk=True, byte_fallback="<0x00>" in vocab
        )
    )
    first = [normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")] if trims else []
    start = [normalizers.Prepend(SPACE)] if prefix else []
    tokenizer.normalizer = normalizers.Sequence([*first, *start, normalizers.Replace(" ", SPACE)])
    strip = [decoders.Strip(" ", 1, 0)] if prefix else []
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), *strip]
    )
    special = [token for token in (UNKNOWN, BEGIN, END) if token in vocab]
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in special])
    return tokenizer
