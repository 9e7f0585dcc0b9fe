"""Conversations as token ids with what is learned of them.

A conversation is rendered by the chat template and tokenized as one text, as it is when the model is used; the template
writes the tokens that begin and end it. Plain text stands between the tokenizer's own beginning and end token and is
learned as a whole. A token is learned if some of its characters are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lrscope.data.conversations import Conversation
from lrscope.errors import DataError, Problem
from lrscope.models.chat_template import ChatTemplate, Rendered
from lrscope.models.named_templates import NAMES
from lrscope.models.tokenizers import TextTokenizer
from lrscope.number_text import counted
from lrscope.tasks.token_split import TokenSplit

# Encodings with offsets take some hundred bytes a token.
TEXTS_AT_ONCE = 1000

Where = Callable[[int], str]


@dataclass(frozen=True, eq=False, kw_only=True)
class EncodedConversations(TokenSplit):
    """A split of conversations. `kept` are the places of its examples among the conversations that were encoded.

    Those that were cut before anything that is learned are left out: `dropped` names file and line of each.
    `with_special` names those whose turns hold the text of a special token, which is read as that token.
    `conversations` are the kept ones, where a model is to answer them.
    """

    kept: NDArray[np.int64]
    dropped: tuple[str, ...] = ()
    with_special: tuple[str, ...] = ()
    conversations: tuple[Conversation, ...] = ()

    def notes(self, limit: int) -> list[str]:
        """Return what the user must know of examples that were longer than `limit` tokens."""
        notes = []
        num_all = self.num_examples + len(self.dropped)

        def some(number: int) -> str:
            return f"{number} of {counted(num_all, f'{self.name} example')}"

        if self.num_cut:
            notes.append(f"{some(self.num_cut)} are longer than {limit} tokens and were cut")
        if self.dropped:
            notes.append(
                f"{some(len(self.dropped))} are left out, as nothing is learned of their first {limit} tokens: the "
                f"first of them is {self.dropped[0]}"
            )
        if self.with_special:
            notes.append(
                f"{some(len(self.with_special))} have the text of a special token in a turn, which is read as that "
                f"token: the first of them is {self.with_special[0]}"
            )
        return notes


class EncodedText(NamedTuple):
    """The ids of a text, cut to a limit, and which of them are learned.

    `num_bytes` are those of learned text, `num_tokens` counts the tokens of the whole text, and `last_character` is
    where what is kept of it ends.
    """

    ids: NDArray[np.int32]
    learned: NDArray[np.bool_]
    num_bytes: int
    num_tokens: int
    last_character: int

    @property
    def is_cut(self) -> bool:
        """Return whether the text has more tokens than were kept."""
        return self.num_tokens > len(self.ids)


def encode_conversations(
    name: str,
    conversations: Sequence[Conversation],
    template: ChatTemplate | None,
    tokenizer: TextTokenizer,
    *,
    limit: int,
    on_long: str,
    loss_on: str,
    where: Where,
) -> EncodedConversations:
    """Return conversations as token ids, each cut at its end to `limit`; `where` names the file and line of one.

    `num_bytes` counts learned text without special tokens, so that it does not depend on how they are written.

    Raises:
        DataError: one does not render, has nothing to learn, or is longer than `limit` and `on_long` is "error"; or
            the cut leaves nothing to learn of any.
    """
    rows: list[EncodedText] = []
    kept: list[int] = []
    dropped: list[str] = []
    num_cut = 0
    special = _special_pattern(tokenizer)
    for first in range(0, len(conversations), TEXTS_AT_ONCE):
        places = range(first, min(first + TEXTS_AT_ONCE, len(conversations)))
        texts = [rendered(conversations[place], template, loss_on, where(place)) for place in places]
        plain = [conversations[place].is_plain_text for place in places]
        for place, row in zip(places, encode_texts(texts, plain, tokenizer, limit), strict=True):
            if row.is_cut and on_long == "error":
                rule = f"an example must fit the context of {limit} tokens"
                way_out = "shorten it, or cut it with {on_long} cut"
                raise DataError(Problem(rule, f"{row.num_tokens} tokens", way_out), source=where(place))
            num_cut += row.is_cut
            if not row.learned.any():
                if not row.is_cut:
                    raise DataError(_nothing(where(place)))
                dropped.append(where(place))
                continue
            rows.append(row)
            kept.append(place)
    if not rows:
        rule = f"{name} needs an example with something to learn within {limit} tokens"
        raise DataError(Problem(rule, f"none of {len(conversations)}", "raise {max_tokens}"), source=where(0))
    return EncodedConversations(
        name,
        np.concatenate([row.ids for row in rows]),
        np.concatenate([[0], np.cumsum([len(row.ids) for row in rows])]).astype(np.int64),
        np.zeros(len(rows), dtype=np.int64),
        num_cut,
        learned=np.concatenate([row.learned for row in rows]),
        num_bytes=np.array([row.num_bytes for row in rows], dtype=np.int64),
        kept=np.array(kept, dtype=np.int64),
        dropped=tuple(dropped),
        with_special=tuple(
            where(place)
            for place, item in enumerate(conversations)
            if special is not None and any(special.search(turn.text) for turn in item.turns)
        ),
    )


def _special_pattern(tokenizer: TextTokenizer) -> re.Pattern[str] | None:
    tokens = [added.content for added in tokenizer.backend.get_added_tokens_decoder().values() if added.special]
    return re.compile("|".join(map(re.escape, tokens))) if tokens else None


def rendered(conversation: Conversation, template: ChatTemplate | None, loss_on: str, where: str) -> Rendered:
    """Return a conversation as text with what is learned of it.

    Raises:
        DataError: there is no template, or it fails.
    """
    if conversation.is_plain_text:
        text = conversation.turns[0].text
        return Rendered(text, ((0, len(text)),))
    if template is None:
        problem = Problem(
            "conversations need a chat template", "a model without one", f"choose one with {{chat_template}}: {NAMES}"
        )
        raise DataError(problem, source=where)
    if loss_on == "all":
        text = template.text(conversation.turns, where)
        return Rendered(text, ((0, len(text)),))
    return template.render(conversation.turns, where)


def _nothing(where: str) -> str:
    return (
        f"{where}: an example needs something to learn: got none in what the chat template makes of it; remove it, or "
        "choose another template"
    )


def encode_texts(
    texts: Sequence[Rendered], plain: Sequence[bool], tokenizer: TextTokenizer, limit: int
) -> Iterator[EncodedText]:
    """Yield texts as token ids, each cut at its end to `limit`; those that are `plain` between the tokenizer's ends."""
    special_bytes = _special_bytes(tokenizer)
    encodings = tokenizer.backend.encode_batch([text.text for text in texts], add_special_tokens=False)
    for text, encoding, is_plain in zip(texts, encodings, plain, strict=True):
        ids = np.array(encoding.ids, dtype=np.int32)
        spans_T2 = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
        if is_plain:
            ids, spans_T2 = _with_ends(ids, spans_T2, len(text.text), tokenizer)
            text = Rendered(text.text, ((0, len(text.text) + 1),))  # its end token stands behind it
        yield _one(text, ids, spans_T2, special_bytes, limit)


def _with_ends(
    ids: NDArray[np.int32], spans_T2: NDArray[np.int64], length: int, tokenizer: TextTokenizer
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return ids and characters of a text between its beginning and its end token, where the tokenizer has them."""
    first, last = ([token] if token >= 0 else [] for token in (tokenizer.bos_id, tokenizer.eos_id))
    before, behind = (np.full((len(tokens), 2), place) for tokens, place in ((first, 0), (last, length)))
    return np.array([*first, *ids, *last], dtype=np.int32), np.concatenate([before, spans_T2, behind])


def _one(
    text: Rendered, ids: NDArray[np.int32], spans_T2: NDArray[np.int64], special_bytes: NDArray[np.int64], limit: int
) -> EncodedText:
    num_tokens = len(ids)
    ids, starts, ends = ids[:limit], spans_T2[:limit, 0], spans_T2[:limit, 1]
    learned = np.zeros(len(ids), dtype=np.bool_)
    num_bytes = 0
    last_character = int(ends[-1]) if len(ids) else 0
    for first, last in text.learned:
        # A token without characters of its own, such as an end token, stands where it begins.
        learned |= (np.maximum(ends, starts + 1) > first) & (starts < last)
        told = text.text[max(first, int(ends[0])) : min(last, last_character)] if len(ids) else ""
        num_bytes += len(told.encode())
    learned[:1] = False
    special = special_bytes[ids[learned & (ends > starts)]].sum()
    return EncodedText(ids, learned, num_bytes - int(special), num_tokens, last_character)


def _special_bytes(tokenizer: TextTokenizer) -> NDArray[np.int64]:
    """Return the bytes that each special token is written with, by id; 0 for other tokens."""
    sizes = np.zeros(tokenizer.vocab_size, dtype=np.int64)
    for token, added in tokenizer.backend.get_added_tokens_decoder().items():
        if added.special:
            sizes[token] = len(added.content.encode())
    return sizes
