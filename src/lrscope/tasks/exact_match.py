"""How many prompts a model answers as their conversations do, word by word.

A conversation is asked up to its last reply that is learned. The answer in a reply is what follows the last
`answer_after`, or all of it; two are equal if their words are, as spaces and line ends count as one space. A reply
without `answer_after` has no answer, and is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lrscope.config import SftConfig
from lrscope.data.conversations import ASSISTANT, Conversation
from lrscope.errors import DataError, Problem
from lrscope.records import Answered, Scores
from lrscope.tasks.answering import Answering, AnswerWriter, Turns
from lrscope.tasks.base import Endpoint, Evaluation

NAME = "exact_match"


@dataclass(frozen=True)
class AnswerSettings:
    """What an answer follows in a reply, where anything, and how many tokens a reply may have."""

    after: str | None
    max_tokens: int

    @staticmethod
    def of(config: SftConfig) -> AnswerSettings | None:
        """Return the settings of a study; None where it measures no answers."""
        if config.generate_metric == "none":
            return None
        return AnswerSettings(config.answer_after, config.answer_tokens)

    def answer_in(self, reply: str) -> str | None:
        """Return the answer in a reply, None where it has none.

        >>> AnswerSettings("####", 256).answer_in("2 + 2 = 4. #### 3? No. ####  4 ")
        '4'
        """
        if self.after is None:
            return " ".join(reply.split())
        _, mark, answer = reply.rpartition(self.after)
        return " ".join(answer.split()) if mark else None


class Question(NamedTuple):
    """The turns that a model answers, and the reply that stands there."""

    turns: Turns
    reference: str


def question_of(conversation: Conversation) -> Question:
    """Return a conversation up to its last reply that is learned, and that reply."""
    turns = conversation.turns
    last = max(place for place, turn in enumerate(turns) if turn.role == ASSISTANT and not turn.context)
    return Question(turns[:last], turns[last].text)


def prompt_of(turns: Turns) -> str | list[dict[str, str]]:
    """Return turns as files of conversations write a prompt: a user's alone as its text."""
    return turns[0].text if len(turns) == 1 else [{"role": turn.role, "content": turn.text} for turn in turns]


def check_questions(conversations: Sequence[Conversation], settings: AnswerSettings, path: Path) -> None:
    """Hold conversations to having a prompt, and an answer to compare with.

    Raises:
        DataError: one has none.
    """
    for conversation in conversations:
        where = conversation.where(path)
        if conversation.is_plain_text:
            rule = "{generate_metric} exact_match needs prompts that are answered"
            raise DataError(Problem(rule, "plain text", "leave it out"), source=where)
        if not settings.answer_in(question_of(conversation).reference):
            rule = f"a completion needs an answer after {settings.after}"
            raise DataError(Problem(rule, "none", "write it, or correct {answer_after}"), source=where)


def measure(
    model: Answering, conversations: Sequence[Conversation], settings: AnswerSettings, writer: AnswerWriter
) -> Iterator[Endpoint | Answered]:
    """Yield how far the model is while it writes, and at last how many of its answers are right."""
    questions = [question_of(conversation) for conversation in conversations]
    for replies in writer.write(model, [question.turns for question in questions]):
        if isinstance(replies, Answered):
            yield replies
            continue
        right = [
            settings.answer_in(reply) == settings.answer_in(question.reference)
            for question, reply in zip(questions, replies, strict=True)
        ]
        scores = Scores(np.array(right, dtype=np.float32), np.ones(len(right), dtype=np.float32))
        rows: list[Mapping[str, Any]] = [
            {"prompt": prompt_of(question.turns), "reference": question.reference, "answer": reply, "right": is_right}
            for question, reply, is_right in zip(questions, replies, right, strict=True)
        ]
        yield Endpoint(Evaluation({NAME: scores.mean()}, {NAME: scores}), rows)
