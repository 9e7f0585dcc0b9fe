"""The tokens that end a text, or a turn of a conversation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lrscope.errors import CheckpointError
from lrscope.models.checkpoints import Checkpoint, read_json
from lrscope.models.tokenizers import TextTokenizer

# What chat models write at the end of a turn: ChatML, Llama 3, Phi, Gemma, Llama 4.
ENDS_OF_TURN = ("<|im_end|>", "<|eot_id|>", "<|end|>", "<end_of_turn>", "<|eot|>")


def stop_tokens(tokenizer: TextTokenizer, checkpoint: Checkpoint) -> frozenset[int]:
    """Return the ids that generation stops before.

    They are the tokenizer's beginning and end, those that the model's `config.json` and `generation_config.json` name
    (`eos_token_id`, one or several), and the usual ends of a turn that are special tokens of the vocabulary.

    Raises:
        CheckpointError: a file names something else than tokens.
    """
    added = tokenizer.backend.get_added_tokens_decoder().items()
    found = {tokenizer.bos_id, tokenizer.eos_id}
    found |= {number for number, token in added if token.special and token.content in ENDS_OF_TURN}
    found |= _named(checkpoint.path, checkpoint.config)
    file = checkpoint.path / "generation_config.json"
    if file.is_file():
        found |= _named(file, read_json(file))
    return frozenset(token for token in found if token >= 0)


def _named(path: Path, config: Mapping[str, Any]) -> set[int]:
    value = config.get("eos_token_id")
    tokens = value if isinstance(value, list) else [] if value is None else [value]
    for token in tokens:
        if not isinstance(token, int) or isinstance(token, bool):
            raise CheckpointError(
                f"{path} must give eos_token_id as numbers: got {str(token)[:40]!r}; take it from the model's source"
            )
    return set(tokens)
