"""A language model from a path, and text from it: what `generate` and `run-llama` share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from lrscope.config import ModelConfig
from lrscope.errors import CheckpointError, ConfigError, Problem
from lrscope.models.checkpoints import read_checkpoint
from lrscope.models.generation import LlamaLanguageModel, build_language_model, stream
from lrscope.models.tokenizers import TextTokenizer, check_vocabulary, read_tokenizer
from lrscope.tasks.text import choose_implementation


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """A model and the tokenizer that belongs to it."""

    model: LlamaLanguageModel
    tokenizer: TextTokenizer

    def continue_text(
        self, prompt: str, *, temperature: float, max_new_tokens: int, seed: int = 0, stop: bool = True
    ) -> Iterator[str]:
        """Yield the prompt and then its continuation, piece by piece.

        With `stop`, the text ends before a beginning or an end token.
        """
        ids = self.tokenizer.encode([prompt], eos=False)[0]
        stop_ids = frozenset((self.tokenizer.bos_id, self.tokenizer.eos_id)) if stop else frozenset()
        shown = self.tokenizer.decode(ids)
        yield shown
        for token in stream(
            self.model, list(ids), max_new_tokens=max_new_tokens, temperature=temperature, seed=seed, stop_ids=stop_ids
        ):
            ids.append(token)
            text = self.tokenizer.decode(ids)
            # A character may be several byte tokens: it is shown when it is whole.
            if not text.endswith("\N{REPLACEMENT CHARACTER}"):
                yield text[len(shown) :]
                shown = text
        rest = self.tokenizer.decode(ids)[len(shown) :]
        if rest:
            yield rest


def load_language_model(name: str, tokenizer: str | None = None) -> LanguageModel:
    """Load a LLaMA and its tokenizer for generation, in float32.

    Raises:
        CheckpointError: they cannot be read, or the native implementation does not cover the model.
    """
    checkpoint = read_checkpoint(name)
    text_tokenizer = read_tokenizer(Path(tokenizer) if tokenizer else None, checkpoint.path)
    check_vocabulary(text_tokenizer, checkpoint)
    implementation, reason = choose_implementation(ModelConfig(model=str(name)), checkpoint)
    if implementation != "native" or checkpoint.shape is None:
        raise CheckpointError(f"generation runs plain LLaMA models: {reason}; use transformers' generate for this one")
    return LanguageModel(build_language_model(checkpoint.shape, checkpoint.tensors), text_tokenizer)


def continue_text(
    name: str, tokenizer: str | None, prompt: str, *, temperature: float, max_new_tokens: int, seed: int
) -> Iterator[str]:
    """Load a model and yield its continuation of a prompt, the prompt first.

    Raises:
        ConfigError: the temperature is negative or not a number, or nothing is to be generated.
    """
    if not temperature >= 0 or temperature == float("inf"):
        raise ConfigError(Problem("{temperature} must be 0 or more", str(temperature), "0 takes the most likely token"))
    if max_new_tokens < 1:
        raise ConfigError(Problem("{max_new_tokens} must be at least 1", str(max_new_tokens), "try 200"))
    language_model = load_language_model(name, tokenizer)
    with torch.inference_mode():
        yield from language_model.continue_text(
            prompt, temperature=temperature, max_new_tokens=max_new_tokens, seed=seed
        )
