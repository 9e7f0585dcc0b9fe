"""What supervised fine-tuning makes of a file: the exact text of its examples, what is learned of it, and counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lrscope.data.conversation_readers import read_conversations
from lrscope.data.conversation_splits import ConversationSplit, load_conversation_splits
from lrscope.data.conversations import Conversation
from lrscope.data.dev_split import DevShare
from lrscope.errors import DataError

if TYPE_CHECKING:
    from lrscope.models.chat_template import ChatTemplate
    from lrscope.models.tokenizers import TextTokenizer

UNLIMITED = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class ShownExample:
    """An example as it is trained on: pieces of text with whether each is learned, up to where it is cut.

    `num_tokens` counts all of its tokens, `num_kept` those up to the cut, `num_learned` those of them that are learned.
    """

    where: str
    pieces: tuple[tuple[str, bool], ...]
    num_tokens: int
    num_kept: int
    num_learned: int

    @property
    def is_cut(self) -> bool:
        """Whether it is longer than the limit."""
        return self.num_kept < self.num_tokens


@dataclass(frozen=True, kw_only=True)
class SplitCounts:
    """A split in numbers: tokens up to the cut, those of them that are learned, and the longest example uncut.

    `num_dropped` counts the examples of which the cut leaves nothing to learn; their tokens are not counted.
    """

    name: str
    path: Path
    num_examples: int
    num_tokens: int
    num_learned: int
    longest: int
    num_cut: int
    num_dropped: int


@dataclass(frozen=True, kw_only=True)
class ShownData:
    """Examples, and the splits that they come from; `template` is None where there is plain text alone."""

    template: str | None
    limit: int
    examples: tuple[ShownExample, ...]
    splits: tuple[SplitCounts, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ShowRequest:
    """What to show: `number` examples of train from a line on, as a study with these settings would train on them."""

    model: str
    train: Path
    dev: Path | DevShare | None = None
    tokenizer: Path | None = None
    chat_template: str | None = None
    loss_on: str = "completion"
    max_tokens: int | None = None
    number: int = 3
    from_line: int = 1


def show_data(asked: ShowRequest) -> ShownData:
    """Return examples with what is learned of them, and counts of all. The model's weights are not read.

    Raises:
        DataError, CheckpointError, ConfigError: an input cannot be used; the message says which and why.
    """
    from lrscope.models.chat_template_files import read_chat_template
    from lrscope.models.checkpoints import read_configuration
    from lrscope.models.tokenizers import read_tokenizer
    from lrscope.tasks.text import token_limit_of

    splits, notes = _splits(asked)
    config, path = read_configuration(asked.model)
    tokenizer = read_tokenizer(asked.tokenizer, path)
    template = read_chat_template(asked.chat_template, tokenizer, path, asked.tokenizer)
    limit = token_limit_of(config, asked.max_tokens)
    needs_template = any(not item.is_plain_text for split in splits for item in split.conversations)
    counts, remarks = zip(*(_counts(split, template, tokenizer, asked.loss_on, limit) for split in splits), strict=True)
    shown = [item for item in splits[0].conversations if item.line >= asked.from_line][: asked.number]
    if not shown and asked.number:
        last = splits[0].conversations[-1].line
        raise DataError(
            f"{asked.train} has examples up to line {last}: got line {asked.from_line}; show an earlier one"
        )
    told = template if needs_template else None
    return ShownData(
        template=None if told is None else told.name,
        limit=limit,
        examples=tuple(_example(asked, item, template, tokenizer, limit) for item in shown),
        splits=counts,
        notes=(*notes, *(() if told is None else told.notes), *(note for some in remarks for note in some)),
    )


def _splits(asked: ShowRequest) -> tuple[Sequence[ConversationSplit], Sequence[str]]:
    if asked.dev is None:
        return [ConversationSplit("train", asked.train, read_conversations(asked.train))], []
    splits = load_conversation_splits(asked.train, asked.dev)
    return [splits.train, splits.dev], splits.notes


def _counts(
    split: ConversationSplit, template: ChatTemplate | None, tokenizer: TextTokenizer, loss_on: str, limit: int
) -> tuple[SplitCounts, list[str]]:
    import numpy as np

    from lrscope.tasks.sft_encoding import encode_conversations

    whole = encode_conversations(
        split.name, split.conversations, template, tokenizer,
        limit=UNLIMITED, on_long="cut", loss_on=loss_on, where=split.where,
    )  # fmt: skip
    within = np.arange(len(whole.ids)) - np.repeat(whole.offsets[:-1], whole.lengths) < limit
    learned = np.add.reduceat(whole.learned & within, whole.offsets[:-1], dtype=np.int64)
    counts = SplitCounts(
        name=split.name,
        path=split.path,
        num_examples=split.num_examples,
        num_tokens=int(np.minimum(whole.lengths, limit)[learned > 0].sum()),
        num_learned=int(learned.sum()),
        longest=int(whole.lengths.max()),
        num_cut=int((whole.lengths > limit).sum()),
        num_dropped=int((learned == 0).sum()),
    )
    return counts, whole.notes(limit)


def _example(
    asked: ShowRequest, item: Conversation, template: ChatTemplate | None, tokenizer: TextTokenizer, limit: int
) -> ShownExample:
    from lrscope.tasks.sft_encoding import encode_texts, rendered

    where = item.where(asked.train)
    text = rendered(item, template, asked.loss_on, where)
    (row,) = encode_texts([text], [item.is_plain_text], tokenizer, limit)
    pieces, place = [], 0
    for piece, learned in text.pieces:
        pieces.append((piece[: max(0, row.last_character - place)], learned))
        place += len(piece)
    if asked.loss_on == "all" and not item.is_plain_text:  # nothing stands before the first token to predict it from
        end = tokenizer.backend.encode(text.text, add_special_tokens=False).offsets[0][1]
        ((whole, _),) = pieces
        pieces = [(whole[:end], False), (whole[end:], True)]
    if item.is_plain_text:  # its ends are no part of the text
        first, last = (
            str(tokenizer.backend.id_to_token(token)) if token >= 0 else ""
            for token in (tokenizer.bos_id, tokenizer.eos_id)
        )
        pieces = [(first, False), *pieces, ("" if row.is_cut else last, True)]
    return ShownExample(
        where=where,
        pieces=tuple(piece for piece in pieces if piece[0]),
        num_tokens=row.num_tokens,
        num_kept=len(row.ids),
        num_learned=int(row.learned.sum()),
    )
