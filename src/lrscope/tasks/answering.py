"""What a language model answers to the turns of conversations: the most likely token each time, many at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import NamedTuple, Protocol

import numpy as np

from lrscope.data.conversations import Turn
from lrscope.models.chat_template import ChatTemplate
from lrscope.models.tokenizers import TextTokenizer
from lrscope.records import Answered

PROMPTS_TIMED, TOKENS_TIMED = 32, 8

Turns = tuple[Turn, ...]


class Answering(Protocol):
    """A language model that goes on from prompts."""

    def generate_tokens(
        self, prompts: Sequence[Sequence[int]], max_new_tokens: Sequence[int], stop_ids: frozenset[int]
    ) -> Iterator[tuple[int, int | None]]:
        """Yield (number of the prompt, its next most likely token) as they come, up to so many a prompt.

        None in the place of a token says that the prompt's text has ended.
        """


class Prompts(NamedTuple):
    """Prompts as a model reads them, with how many tokens it may answer each in."""

    ids: list[list[int]]
    max_new_tokens: list[int]


@dataclass(frozen=True, eq=False)
class AnswerWriter:
    """Lets a model answer. Without a template, a prompt is a text that is gone on with.

    `context` is how many tokens the model can read: an answer ends there, and what fills it has none.
    """

    template: ChatTemplate | None
    tokenizer: TextTokenizer
    stop_ids: frozenset[int]
    context: int
    max_tokens: int

    def prompts(self, asked: Sequence[Turns]) -> Prompts:
        """Return turns as token ids.

        Raises:
            DataError: the template fails.
        """
        if self.template is None:
            ids = [self.tokenizer.encode_prompt(turns[-1].text) for turns in asked]
        else:
            texts = [self.template.prompt(turns) for turns in asked]
            encodings = self.tokenizer.backend.encode_batch(texts, add_special_tokens=False)
            ids = [list(encoding.ids) for encoding in encodings]
        return Prompts(ids, [max(0, min(self.max_tokens, self.context - len(prompt))) for prompt in ids])

    def write(self, model: Answering, asked: Sequence[Turns]) -> Iterator[list[str] | Answered]:
        """Yield with every token how far the model is, and its answers at last."""
        ids, limits = self.prompts(asked)
        answers: list[list[int]] = [[] for _ in ids]
        possible = [number for number, limit in enumerate(limits) if limit]
        done = len(ids) - len(possible)
        tokens, part = 0, float(done)
        yield Answered(done, len(ids))
        for place, token in model.generate_tokens(
            [ids[number] for number in possible], [limits[number] for number in possible], self.stop_ids
        ):
            number = possible[place]
            if token is None:
                done += 1
                part += 1.0 - len(answers[number]) / limits[number]
            else:
                answers[number].append(token)
                tokens, part = tokens + 1, part + 1.0 / limits[number]
            yield Answered(done, len(ids), tokens, part / len(ids))
        yield [self.tokenizer.decode(answer) for answer in answers]

    def seconds(self, model: Answering, asked: Sequence[Turns], like: Sequence[str]) -> float:
        """Return about how long the model takes for answers as long as those of `like`, by a few tokens of some."""
        lengths = np.minimum([len(ids) for ids in self.tokenizer.encode(like, bos=False)], self.max_tokens)
        ids, limits = self.prompts(asked[:PROMPTS_TIMED])

        def timed(num_tokens: int) -> float:
            began = perf_counter()
            for _ in model.generate_tokens(ids, [min(num_tokens, limit) for limit in limits], frozenset()):
                pass
            return perf_counter() - began

        reading = timed(1)
        a_token = max(0.0, timed(1 + TOKENS_TIMED) - reading) / TOKENS_TIMED
        num_rounds = max(int(lengths.max()), lengths.sum() / len(ids))
        return float(reading * len(asked) / len(ids) + a_token * num_rounds)
