"""Answers: what is asked, what counts as one, and that what is not asked costs nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.chat import LONG, REPLY, SHORT, USER
from tests.sft import SftToy

from lrscope.config import SftConfig
from lrscope.data.conversations import Conversation, Turn
from lrscope.errors import ConfigError, DataError
from lrscope.records import Answered
from lrscope.tasks import answering
from lrscope.tasks.answering import AnswerWriter
from lrscope.tasks.base import Endpoint
from lrscope.tasks.exact_match import AnswerSettings, check_questions, measure, prompt_of, question_of
from lrscope.tasks.registry import task_named
from lrscope.tasks.sft import SupervisedFineTuning
from lrscope.tasks.sft_inputs import SftInputs

MARKED, WHOLE = AnswerSettings("####", 40), AnswerSettings(None, 40)


class Says:
    """A model that says the same to everyone."""

    def __init__(self, ids: Sequence[int], bos: int = -1) -> None:
        self.ids, self.asked, self.ticks = ids, list[list[int]](), 0.0

    def generate_tokens(
        self, prompts: Sequence[Sequence[int]], max_new_tokens: Sequence[int], stop_ids: frozenset[int]
    ) -> Iterator[tuple[int, int | None]]:
        self.asked += [list(prompt) for prompt in prompts]
        self.ticks += 1.0
        for place in range(max(max_new_tokens)):
            self.ticks += 0.25
            for number, limit in enumerate(max_new_tokens):
                last = min(limit, len(self.ids))
                if place < last:
                    yield number, self.ids[place]
                if place == last - 1:
                    yield number, None


def inputs_of(toy: SftToy) -> SftInputs:
    return SupervisedFineTuning().prepare(toy.config())


@pytest.mark.parametrize(
    ("settings", "reply", "answer"),
    [
        (MARKED, "So it is 4.\n#### 4", "4"),
        (MARKED, "#### 3, no: ####\n 1\t 000 \n", "1 000"),
        (MARKED, "It is 4.", None),
        (MARKED, "It is 4. ####", ""),
        (WHOLE, "  It\nis  4.#### ", "It is 4.####"),
        (AnswerSettings("The answer is", 40), "The answer is B", "B"),
    ],
)
def test_the_answer_in_a_reply(settings: AnswerSettings, reply: str, answer: str | None) -> None:
    assert settings.answer_in(reply) == answer


def test_a_conversation_is_asked_up_to_its_last_reply_that_is_learned() -> None:
    assert question_of(Conversation(SHORT, 1)) == (SHORT[:1], REPLY.text)
    assert question_of(Conversation(LONG, 1)) == (LONG[:4], "4")
    ending = (*LONG, Turn("user", "Sure?"), Turn("assistant", "Yes.", context=True))
    assert question_of(Conversation(ending, 1)) == (LONG[:4], "4")
    assert prompt_of(SHORT[:1]) == USER.text
    assert prompt_of(LONG[:2]) == [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": USER.text}
    ]  # fmt: skip


def test_what_cannot_be_compared_is_refused_in_one_line() -> None:
    with pytest.raises(DataError, match=r"^dev.jsonl:7: a completion needs an answer after ####: got none; write it"):
        check_questions([Conversation(SHORT, 7)], MARKED, Path("dev.jsonl"))
    with pytest.raises(DataError, match=r"dev.txt:1: .* prompts that are answered: got plain text"):
        check_questions([Conversation((Turn("text", "Once."),), 1)], WHOLE, Path("dev.txt"))
    check_questions([Conversation(SHORT, 7)], WHOLE, Path("dev.jsonl"))


def test_settings_of_answers_need_the_metric() -> None:
    with pytest.raises(ConfigError, match=r"answer_after.* belongs to .*generate_metric.* exact_match: got none"):
        SftConfig(answer_after="####")
    with pytest.raises(ConfigError, match="answer_tokens"):
        SftConfig(answer_tokens=12)
    with pytest.raises(ConfigError, match=r"answer_after.* must not be empty"):
        SftConfig(generate_metric="exact_match", answer_after="")
    measured = SftConfig(generate_metric="exact_match", answer_after="####", answer_tokens=12, loss_on="all")
    assert measured.without_answers() == SftConfig(loss_on="all")


def test_a_prompt_is_what_was_read_before_the_reply_in_training(sft_toy: SftToy) -> None:
    inputs = inputs_of(sft_toy)
    dev = task_named("sft").read(inputs, sft_toy.config().data, sft_toy.dev)
    encoded = SupervisedFineTuning().encode(inputs, dev)
    ids, limits = inputs.writer(20).prompts([question_of(item).turns for item in dev.conversations])  # type: ignore[attr-defined]
    for number, prompt in enumerate(ids):
        example = slice(encoded.offsets[number], encoded.offsets[number + 1])
        first = int(np.flatnonzero(encoded.learned[example])[0])
        assert encoded.ids[example][:first].tolist() == prompt
    assert limits == [20] * len(ids)


def test_an_answer_ends_with_the_context(sft_toy: SftToy) -> None:
    inputs = inputs_of(sft_toy)
    whole = inputs.writer(20)
    turns = [SHORT[:1], LONG[:4]]
    short, long = map(len, whole.prompts(turns).ids)
    assert short < long
    says = Says(inputs.tokenizer.encode(["fox " * 20], bos=False, eos=False)[0])
    for context, expected in ((long + 3, [20, 3]), (long, [20, 0]), (short + 1, [1, 0])):
        writer = replace(whole, context=context)
        assert writer.prompts(turns).max_new_tokens == [min(expected[0], context - short), expected[1]]
        says.asked.clear()
        (*_, answers) = writer.write(says, turns)
        assert isinstance(answers, list)
        assert (answers[1] == "") == (expected[1] == 0)
        assert len(says.asked) == 1 + (expected[1] > 0)


def test_what_is_right_is_counted_example_by_example(sft_toy: SftToy) -> None:
    inputs = inputs_of(sft_toy)
    conversations = [
        Conversation((USER, Turn("assistant", reply)), line)
        for line, reply in enumerate(["is it #### 4", "#### 5", "4", "####  4\n"])
    ]
    says = Says(inputs.tokenizer.encode(["fox #### 4"], bos=False, eos=False)[0])
    (*waiting, found) = measure(says, conversations, MARKED, inputs.writer(40))
    told = list(dict.fromkeys(waiting))
    assert told == [Answered(number, 4) for number in range(5)]
    assert isinstance(found, Endpoint)
    assert found.evaluation.metrics == {"exact_match": 0.5}
    assert found.evaluation.scores["exact_match"].values.tolist() == [1.0, 0.0, 0.0, 1.0]
    assert found.evaluation.scores["exact_match"].weights.tolist() == [1.0] * 4
    assert found.rows[0] == {
        "prompt": USER.text, "reference": "is it #### 4", "answer": "fox #### 4", "right": True
    }  # fmt: skip


def test_time_is_told_by_a_few_tokens(sft_toy: SftToy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A round of 0.25 s goes one token on with up to 32 prompts, reading takes 1 s: references have 3 and 40 tokens."""
    inputs = inputs_of(sft_toy)
    says = Says([5] * 100)
    monkeypatch.setattr(answering, "perf_counter", lambda: says.ticks)
    writer: AnswerWriter = replace(inputs.writer(30), context=10**6)
    (three,) = inputs.tokenizer.encode(["fox"], bos=False)
    num = len(three)
    assert writer.seconds(says, [SHORT[:1]] * 64, ["fox"] * 64) == pytest.approx(2 * 1.25 + 0.25 * 2 * num)
    assert writer.seconds(says, [SHORT[:1]] * 4, ["fox"] * 3 + ["fox " * 50]) == pytest.approx(1.25 + 0.25 * 30)


def test_plain_texts_are_gone_on_with(sft_toy: SftToy, tmp_path: Path) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("the quick brown fox\n" * 20, encoding="utf-8")
    config = sft_toy.config()
    config = replace(config, data=replace(config.data, train=str(texts), dev=str(texts), test=None))
    inputs = SupervisedFineTuning().prepare(config)
    assert not inputs.is_chat
    ids, _ = inputs.writer(5).prompts([(Turn("user", "the quick"),)])
    assert ids == [inputs.tokenizer.encode_prompt("the quick")]
    with pytest.raises(DataError, match="plain text"):
        SupervisedFineTuning().prepare(replace(config, sft=SftConfig(generate_metric="exact_match")))
