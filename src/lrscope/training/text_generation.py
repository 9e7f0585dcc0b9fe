"""A language model with its tokenizer, and text from it: what `generate` and `run-llama` share."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from lrscope.config import ModelConfig, NumericsConfig
from lrscope.errors import CheckpointError, ConfigError, Problem
from lrscope.models.chat_template import ChatTemplate, Turn
from lrscope.models.chat_template_files import read_chat_template
from lrscope.models.checkpoints import Checkpoint, read_checkpoint
from lrscope.models.generation import GeneratingModel, build_language_model, stream
from lrscope.models.language_model import LlamaLearner
from lrscope.models.language_model_transformers import TransformersLearner
from lrscope.models.precision import dtype_named
from lrscope.models.stop_tokens import stop_tokens
from lrscope.models.tokenizers import TextTokenizer, check_vocabulary, read_tokenizer
from lrscope.tasks.sft_inputs import SftInputs
from lrscope.tasks.text import choose_implementation
from lrscope.training.inference import TrainedModel
from lrscope.training.numerics import apply, decide


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How tokens are drawn: the most likely one at temperature 0, else p ∝ exp(logit / temperature).

    Raises ConfigError where the temperature cannot be, or nothing is to be generated.
    """

    temperature: float = 0.0
    max_new_tokens: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        problems = []
        if not 0 <= self.temperature < math.inf:
            way_out = "0 takes the most likely token"
            problems.append(Problem("{temperature} must be 0 or more", str(self.temperature), way_out))
        if self.max_new_tokens < 1:
            problems.append(Problem("{max_new_tokens} must be at least 1", str(self.max_new_tokens), "try 200"))
        if problems:
            raise ConfigError(*problems)


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """A model, the tokenizer that belongs to it, and the tokens that end its texts.

    `template` makes text of a conversation, where one is wanted; `notes` are for the user.
    """

    model: GeneratingModel | TransformersLearner
    tokenizer: TextTokenizer
    stop_ids: frozenset[int] = frozenset()
    template: ChatTemplate | None = None
    notes: tuple[str, ...] = ()

    def continue_text(self, prompt: str, sampling: Sampling, *, stop: bool = True) -> Iterator[str]:
        """Yield the prompt and then its continuation, piece by piece; with `stop`, until the model ends its text."""
        ids = self.tokenizer.encode_prompt(prompt)
        return self._text(ids, 0, sampling, self.stop_ids if stop else frozenset())

    def reply(self, turns: Sequence[Turn], sampling: Sampling) -> Iterator[str]:
        """Yield the assistant's next turn, piece by piece, without what the template writes around it.

        Raises:
            ConfigError: there is no template.
            DataError: the template does not take this conversation.
        """
        if self.template is None:
            way_out = "choose one with {chat_template}, such as chatml or alpaca"
            raise ConfigError(Problem("{chat} needs a chat template", "a model that has none", way_out))
        ids = self.tokenizer.encode([self.template.prompt(turns)], bos=False, eos=False)[0]
        return self._text(ids, len(ids), sampling, self.stop_ids)

    def _text(self, ids: list[int], num_hidden: int, sampling: Sampling, stop_ids: frozenset[int]) -> Iterator[str]:
        """Yield the text of what follows the tokens `ids`, after that of those beyond the first `num_hidden`."""
        written = ids[num_hidden:]
        shown = self.tokenizer.decode(written)
        if shown:
            yield shown
        streamed = self.model.stream if isinstance(self.model, TransformersLearner) else partial(stream, self.model)
        for token in streamed(
            ids, max_new_tokens=sampling.max_new_tokens, temperature=sampling.temperature, seed=sampling.seed,
            stop_ids=stop_ids,
        ):  # fmt: skip
            written.append(token)
            text = self.tokenizer.decode(written)
            # A character may be several byte tokens: it is shown when it is whole.
            if not text.endswith("\N{REPLACEMENT CHARACTER}"):
                yield text[len(shown) :]
                shown = text
        rest = self.tokenizer.decode(written)[len(shown) :]
        if rest:
            yield rest


def load_language_model(
    name: str, tokenizer: str | None, numerics: NumericsConfig, *, chat: bool = False, chat_template: str | None = None
) -> LanguageModel:
    """Load a LLaMA and its tokenizer for generation; with `chat`, its chat template or that of `chat_template`.

    In precision `auto` weights that are stored in bfloat16 stay so where the processor multiplies it; others are
    taken as float32.

    Raises:
        CheckpointError: they cannot be read, or the native implementation does not cover the model.
        ConfigError: there is no chat template of that name, or it does not fit the vocabulary.
    """
    checkpoint = read_checkpoint(name)
    tokenizer_path = Path(tokenizer) if tokenizer else None
    text_tokenizer = read_tokenizer(tokenizer_path, checkpoint.path)
    check_vocabulary(text_tokenizer, checkpoint)
    implementation, reason = choose_implementation(ModelConfig(model=str(name)), checkpoint)
    if implementation != "native" or checkpoint.shape is None:
        raise CheckpointError(f"generation runs plain LLaMA models: {reason}; use transformers' generate for this one")
    decided = decide(numerics, checkpoint.shape, implementation)
    apply(decided)
    chosen = numerics.precision == "auto" and not _is_bfloat16(checkpoint)
    dtype = torch.float32 if chosen else dtype_named(decided.precision)
    model = build_language_model(checkpoint.shape, checkpoint.tensors, dtype).to(decided.device)
    template = read_chat_template(chat_template, text_tokenizer, checkpoint.path, tokenizer_path) if chat else None
    notes = (*checkpoint.notes, *(() if template is None else template.notes))
    return LanguageModel(model, text_tokenizer, stop_tokens(text_tokenizer, checkpoint), template, notes)


def language_model_of(trained: TrainedModel) -> LanguageModel:
    """Return a trained model as one that writes text, with the template that it was trained with.

    Raises:
        ConfigError: it is no language model.
    """
    inputs, network = trained.inputs.data, trained.network
    if not isinstance(inputs, SftInputs) or not isinstance(network, LlamaLearner | TransformersLearner):
        raise ConfigError(f"text is generated by a language model: got one of task {trained.task}; use predict")
    template = inputs.template if inputs.is_chat else None
    return LanguageModel(network, inputs.tokenizer, stop_tokens(inputs.tokenizer, inputs.checkpoint), template)


def _is_bfloat16(checkpoint: Checkpoint) -> bool:
    return checkpoint.tensors["model.embed_tokens.weight"].dtype == torch.bfloat16
