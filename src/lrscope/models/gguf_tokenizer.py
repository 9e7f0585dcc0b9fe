"""The tokenizer and the chat templates within a GGUF file. transformers makes the tokenizer of its vocabulary."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from lrscope.errors import CheckpointError, Problem
from lrscope.models.gguf_header import read_gguf_header

DEFAULT = "default"
TEMPLATE = "tokenizer.chat_template"
SPECIAL = ("bos_token", "eos_token", "pad_token", "unk_token")


def read_gguf_tokenizer(path: Path) -> tuple[Tokenizer, dict[str, Any]]:
    """Return a file's tokenizer and its special tokens by name.

    Raises:
        CheckpointError: the file has none, transformers cannot make it, or the package gguf is not installed.
    """
    if "tokenizer.ggml.model" not in read_gguf_header(path).metadata:
        raise CheckpointError(Problem(f"{path} must hold its tokenizer", "none", "name one with {tokenizer}"))
    from transformers import AutoTokenizer

    try:
        with _silent_transformers():
            made = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    except ImportError as error:
        raise CheckpointError(
            'the tokenizer of a GGUF file needs the package gguf: it is not installed; pip install "lrscope[gguf]"'
        ) from error
    except Exception as error:  # whatever a vocabulary that is none does to transformers and tokenizers
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise CheckpointError(
            Problem(f"{path} must hold a tokenizer that transformers can make", reason, "name one with {tokenizer}")
        ) from error
    tokens = {name: getattr(made, name, None) for name in SPECIAL}
    return made.backend_tokenizer, {name: str(token) for name, token in tokens.items() if token is not None}


def gguf_chat_templates(path: Path) -> dict[str, str]:
    """Return a file's chat templates by name, the usual one as "default"."""
    found = read_gguf_header(path).metadata.items()
    return {
        DEFAULT if key == TEMPLATE else key.removeprefix(f"{TEMPLATE}."): value
        for key, value in found
        if (key == TEMPLATE or key.startswith(f"{TEMPLATE}.")) and isinstance(value, str)
    }


@contextlib.contextmanager
def _silent_transformers() -> Iterator[None]:
    """Keep progress bars and advice off the terminal."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
