"""What tasks on text have in common: weights and tokenizer, and sentences as token ids that fit the model's context."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrscope.config import DataConfig, ModelConfig, StudyConfig
from lrscope.data.dev_split import DevShare
from lrscope.errors import ConfigError, DataError, Problem
from lrscope.models.checkpoints import Checkpoint, read_checkpoint
from lrscope.models.shape import size_of, unsupported_reason
from lrscope.models.tokenizers import TextTokenizer, check_vocabulary, read_tokenizer
from lrscope.models.transformers_loading import own_dropout
from lrscope.tasks.base import EncodedSplit

TEXTS_AT_ONCE = 10_000


def read_model(config: ModelConfig) -> tuple[Checkpoint, TextTokenizer]:
    """Read weights, and the tokenizer that belongs to them.

    Raises:
        CheckpointError: they cannot be read, or do not belong together.
    """
    checkpoint = read_checkpoint(config.model)
    tokenizer = read_tokenizer(Path(config.tokenizer) if config.tokenizer else None, checkpoint.path)
    check_vocabulary(tokenizer, checkpoint)
    return checkpoint, tokenizer


def dev_of(data: DataConfig) -> Path | DevShare:
    """Return where a study's dev examples come from: a file, or a share of the training examples."""
    return Path(data.dev) if data.dev_share is None else DevShare(data.dev_share, data.split_seed)


def choose_implementation(model: ModelConfig, checkpoint: Checkpoint) -> tuple[str, str]:
    """Return `native` or `transformers`, and the reason where it is not the usual one.

    Raises:
        ConfigError: the one that was asked for cannot run this model.
    """
    reason = unsupported_reason(checkpoint.config)
    if model.implementation == "transformers":
        if not checkpoint.path.is_dir():
            rule = "{implementation} transformers runs Hugging Face folders only"
            raise ConfigError(Problem(rule, checkpoint.path.name, "use {implementation} auto"))
        return "transformers", "the model runs through transformers, as asked"
    if reason is None:
        return "native", ""
    if model.implementation == "native":
        raise ConfigError(Problem("{implementation} native runs plain LLaMA only", reason, "use {implementation} auto"))
    return "transformers", f"the model runs through transformers: {reason}"


def token_limit(checkpoint: Checkpoint, asked: int | None) -> int:
    """Return how many tokens a sentence may have: the model's context, or fewer if asked for.

    Raises:
        ConfigError: more were asked for than the model's context holds.
    """
    return token_limit_of(checkpoint.config, asked)


def token_limit_of(config: Mapping[str, Any], asked: int | None) -> int:
    """Return how many tokens an example may have, by a model's configuration; as `token_limit`."""
    positions = size_of(config, "n_positions", 512)
    context = size_of(config, "max_position_embeddings", positions)
    if asked is not None and asked > context:
        rule = f"{{max_tokens}} must not exceed the model's context of {context}"
        raise ConfigError(Problem(rule, str(asked), "lower it"))
    return asked or context


def dropout_notes(config: StudyConfig, checkpoint: Checkpoint, implementation: str) -> list[str]:
    """Return what the user must know of dropout that is drawn for the rows of a micro-batch.

    Raises:
        CheckpointError: transformers cannot read the model's configuration.
    """
    grid, trial = {} if config.sweep is None else config.sweep.grid, config.trial
    parts = any(grid.get("micro_batch", (trial.micro_batch,)))
    if implementation == "native" or not parts:
        return []
    of_adapters = any(grid.get("lora_dropout", (trial.lora_dropout,)))
    if not of_adapters and not own_dropout(checkpoint.path):
        return []
    what = "PEFT draws the adapters' dropout" if of_adapters else "this model draws its own dropout"
    return [f"{what}: its numbers depend on --micro-batch, so keep it the same"]


def encode(
    name: str,
    texts: Sequence[str],
    targets: NDArray[np.int64],
    tokenizer: TextTokenizer,
    *,
    limit: int,
    on_long: str,
    where: Callable[[int], str],
) -> EncodedSplit:
    """Return a split as token ids: beginning, text, end; a longer one keeps its beginning and its end token.

    `where` names the file and line of an example.

    Raises:
        DataError: a text is longer than `limit` and `on_long` is "error".
    """
    lengths = np.zeros(len(texts) + 1, dtype=np.int64)
    parts, num_cut = [np.empty(0, dtype=np.int32)], 0
    for first in range(0, len(texts), TEXTS_AT_ONCE):  # lists of a million texts' ids take gigabytes
        rows = tokenizer.encode(texts[first : first + TEXTS_AT_ONCE])
        for index, row in enumerate(rows):
            if len(row) > limit:
                if on_long == "error":
                    rule = f"a sentence must fit the context of {limit} tokens"
                    way_out = "shorten it, or cut it with {on_long} cut"
                    raise DataError(Problem(rule, f"{len(row)} tokens", way_out), source=where(first + index))
                rows[index] = [*row[: limit - 1], row[-1]]
                num_cut += 1
            lengths[first + index + 1] = len(rows[index])
        parts.append(np.fromiter((token for row in rows for token in row), dtype=np.int32))
    return EncodedSplit(name, np.concatenate(parts), lengths.cumsum(), targets, num_cut)
