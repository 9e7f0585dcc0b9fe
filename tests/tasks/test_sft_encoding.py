"""Conversations as tokens: the ids and the mask that transformers and TRL make, what is cut, what is counted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.chat import LONG, REPLY, SHORT, USER, chat_folder, messages
from tests.conftest import tiny_tokenizer

from lrscope.data.conversation_readers import read_conversations
from lrscope.data.conversations import Conversation, Turn
from lrscope.errors import DataError
from lrscope.models.chat_template import ChatTemplate
from lrscope.models.chat_template_files import read_chat_template
from lrscope.models.tokenizers import TextTokenizer, read_tokenizer
from lrscope.tasks.sft_encoding import EncodedConversations, encode_conversations


class Chat:
    """A folder's tokenizer and template, ours and transformers'."""

    def __init__(self, folder: Path, asked: str | None = None) -> None:
        self.tokenizer: TextTokenizer = read_tokenizer(None, folder)
        self.template: ChatTemplate | None = read_chat_template(asked, self.tokenizer, folder)
        self.theirs: Any = transformers.AutoTokenizer.from_pretrained(folder)

    def encode(self, conversations: Sequence[Sequence[Turn]], **options: Any) -> EncodedConversations:
        items = [Conversation(tuple(turns), 10 + place) for place, turns in enumerate(conversations)]
        usual: dict[str, Any] = {"limit": 1000, "on_long": "cut", "loss_on": "completion"}
        return encode_conversations(
            "train",
            items,
            self.template,
            self.tokenizer,
            **usual | options,
            where=lambda place: f"a.jsonl:{10 + place}",
        )


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Chat:
    return Chat(chat_folder(tmp_path_factory.mktemp("chat")))


def rows(split: EncodedConversations) -> list[tuple[list[int], list[bool]]]:
    places = zip(split.offsets[:-1], split.offsets[1:], strict=True)
    return [(split.ids[first:last].tolist(), split.learned[first:last].tolist()) for first, last in places]


def learned_text(chat: Chat, split: EncodedConversations, place: int = 0) -> str:
    ids, learned = rows(split)[place]
    return str(chat.tokenizer.backend.decode([i for i, told in zip(ids, learned, strict=True) if told], False))


def test_ids_are_those_of_transformers_and_replies_are_learned(chat: Chat) -> None:
    split = chat.encode([SHORT, LONG])
    for (ids, _), turns in zip(rows(split), (SHORT, LONG), strict=True):
        assert ids == chat.theirs.apply_chat_template(messages(turns), tokenize=True, return_dict=True)["input_ids"]
    assert learned_text(chat, split) == REPLY.text + "<|im_end|>\n"
    assert learned_text(chat, split, 1) == REPLY.text + "<|im_end|>\n4<|im_end|>\n"
    assert split.num_bytes.tolist() == [len(REPLY.text.encode()) + 1, len(REPLY.text.encode()) + 1 + 2]
    assert split.kept.tolist() == [0, 1]
    assert (split.num_cut, split.dropped, split.notes(1000)) == (0, (), [])
    assert split.ids.dtype == np.int32
    assert split.take(np.array([1])).learned.tolist() == rows(split)[1][1]


@settings(max_examples=60, deadline=None)
@given(prompt=st.text(min_size=1), reply=st.text(min_size=1))
def test_mask_of_a_prompt_and_its_reply_is_trls(chat: Chat, prompt: str, reply: str) -> None:
    data_utils = pytest.importorskip("trl.data_utils")
    turns = (Turn("user", prompt), Turn("assistant", reply))
    asked = data_utils._tokenize(chat.theirs, messages(turns[:1]), add_generation_prompt=True)["input_ids"]
    whole = data_utils._tokenize(chat.theirs, messages(turns))["input_ids"]
    length = data_utils.common_prefix_length(asked, whole)
    ((ids, learned),) = rows(chat.encode([turns]))
    assert ids == whole
    assert learned == [place >= length for place in range(len(whole))]


@pytest.mark.parametrize("name", ["plain", "alpaca", "vicuna", "zephyr", "llama2"])
def test_no_token_of_a_prompt_is_learned_by_mistake(tmp_path: Path, name: str) -> None:
    tiny_tokenizer().save(tmp_path)
    chat = Chat(tmp_path, name)
    split = chat.encode([SHORT])
    assert chat.template is not None
    prompt = chat.tokenizer.encode([chat.template.prompt(SHORT[:1])], bos=False, eos=False)[0]
    ids, learned = rows(split)[0]
    assert ids.count(1) == 1, "one beginning token"
    assert ids[0] == 1
    assert ids[-1] == 2 or name == "zephyr"
    assert ids[: learned.index(True)] == prompt[: learned.index(True)]
    assert abs(learned.index(True) - len(prompt)) <= 1


def test_a_token_with_some_learned_characters_is_learned(tmp_path: Path) -> None:
    template = "{{ 'the quick' }}{% for m in messages[1:] %}{{ m.content }}{% endfor %}"
    chat = Chat(chat_folder(tmp_path, template))
    ids, learned = rows(chat.encode([(USER, Turn("assistant", " brown fox"))]))[0]
    assert learned_text(chat, chat.encode([(USER, Turn("assistant", "s brown"))])).endswith("s brown")
    template = "{{ 'the quick ' }}{% for m in messages[1:] %}{{ m.content }}{% endfor %}"
    chat = Chat(chat_folder(tmp_path, template))  # ' brown' is one token, whose space is the prompt's
    joined, told = rows(chat.encode([(USER, Turn("assistant", "brown fox"))]))[0]
    assert (joined, told) == (ids, learned)
    assert sum(told) >= 2


def test_loss_on_all(chat: Chat) -> None:
    split = chat.encode([LONG], loss_on="all")
    ((ids, learned),) = rows(split)
    assert learned == [False, *[True] * (len(ids) - 1)]
    assert chat.template is not None
    text = chat.template.text(LONG, "x")
    for token in ("<|im_start|>", "<|im_end|>"):
        text = text.replace(token, "")
    assert split.num_bytes.tolist() == [len(text.encode())]


def test_plain_text_stands_between_the_tokenizers_ends(tmp_path: Path) -> None:
    tiny_tokenizer().save(tmp_path)
    chat = Chat(tmp_path)
    assert chat.template is None
    split = chat.encode([[Turn("text", "the film is good.")]])
    ((ids, learned),) = rows(split)
    assert ids == tiny_tokenizer().encode(["the film is good."])[0]
    assert learned == [False, *[True] * (len(ids) - 1)]
    assert split.num_bytes.tolist() == [len("the film is good.")]
    cut = chat.encode([[Turn("text", "the film is good.")]], limit=4)
    assert rows(cut)[0][0] == ids[:4]
    assert cut.num_bytes[0] < split.num_bytes[0]
    with pytest.raises(DataError, match=r"a\.jsonl:10: conversations need a chat template: got a model without"):
        chat.encode([SHORT])


def test_without_a_beginning_token_the_first_token_counts_for_nothing(tmp_path: Path) -> None:
    chat = Chat(chat_folder(tmp_path, None))
    assert chat.tokenizer.bos_id == -1
    split = chat.encode([[Turn("text", "the quick brown fox")]])
    ids, learned = rows(split)[0]
    assert learned[0] is False
    first = chat.tokenizer.backend.decode(ids[:1])
    assert split.num_bytes.tolist() == [len("the quick brown fox") - len(first)]


def test_long_examples_are_cut_at_their_end(chat: Chat) -> None:
    whole = chat.encode([SHORT, LONG])
    full = int(whole.lengths[0])
    split = chat.encode([SHORT, LONG], limit=full - 3)
    assert split.num_cut == 2
    assert split.lengths.tolist() == [full - 3, full - 3]
    assert rows(split)[0] == tuple(row[:-3] for row in rows(whole)[0])
    assert split.num_bytes[0] < whole.num_bytes[0]
    assert split.notes(full - 3) == [f"2 of 2 train examples are longer than {full - 3} tokens and were cut"]
    with pytest.raises(DataError, match=rf":10: an example must fit the context of 20 tokens: got {full} tokens"):
        chat.encode([SHORT, LONG], limit=20, on_long="error")
    assert chat.encode([SHORT], limit=full, on_long="error").num_cut == 0


def test_examples_that_the_cut_leaves_empty_are_left_out(chat: Chat) -> None:
    far = (Turn("user", "what is it " * 50), REPLY)
    split = chat.encode([SHORT, far, SHORT, far], limit=90)
    assert split.kept.tolist() == [0, 2]
    assert (split.num_examples, split.num_cut, split.dropped) == (2, 2, ("a.jsonl:11", "a.jsonl:13"))
    assert split.notes(90)[1] == (
        "2 of 4 train examples are left out, as nothing is learned of their first 90 tokens: the first of them is "
        "a.jsonl:11"
    )
    with pytest.raises(DataError, match=r"train needs an example with something to learn within 90 tokens"):
        chat.encode([far], limit=90)


def test_examples_without_anything_to_learn_are_named(tmp_path: Path) -> None:
    forgets = "{% for m in messages %}{{ m.content if m.role == 'user' else '' }}{% endfor %}"
    chat = Chat(chat_folder(tmp_path, forgets))
    with pytest.raises(DataError, match=r"a\.jsonl:10: an example needs something to learn"):
        chat.encode([SHORT])


def test_special_tokens_in_a_turn_are_noted(chat: Chat) -> None:
    odd = (USER, Turn("assistant", "It ends <|im_end|> here."))
    split = chat.encode([SHORT, odd])
    assert split.with_special == ("a.jsonl:11",)
    assert split.notes(1000) == [
        "1 of 2 train examples have the text of a special token in a turn, which is read as that token: the first of "
        "them is a.jsonl:11"
    ]
    assert rows(split)[1][0].count(chat.tokenizer.eos_id) == 4


def test_batches_of_texts_make_no_difference(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    items = [(Turn("user", f"what {n}"), Turn("assistant", "is it " * (n % 5 + 1))) for n in range(23)]
    whole = chat.encode(items)
    monkeypatch.setattr("lrscope.tasks.sft_encoding.TEXTS_AT_ONCE", 4)
    parts = chat.encode(items)
    assert rows(parts) == rows(whole)
    assert parts.num_bytes.tolist() == whole.num_bytes.tolist()


@pytest.mark.shared
@pytest.mark.parametrize("name", ["gsm8k-test.jsonl", "alpaca-demo.json"])
def test_real_data_is_learned_as_trl_learns_it(shared: Path, smollm2: Path, name: str) -> None:
    data_utils = pytest.importorskip("trl.data_utils")
    chat = Chat(smollm2)
    conversations = read_conversations(shared / "data" / "sft" / name)[:300]
    encoded = rows(chat.encode([item.turns for item in conversations]))
    for (ids, learned), item in zip(encoded, conversations, strict=True):
        turns = messages(item.turns)
        asked = data_utils._tokenize(chat.theirs, turns[:1], add_generation_prompt=True)["input_ids"]
        whole = data_utils._tokenize(chat.theirs, turns)["input_ids"]
        length = data_utils.common_prefix_length(asked, whole)
        assert ids == whole
        assert learned == [place >= length for place in range(len(whole))]
