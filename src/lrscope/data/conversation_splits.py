"""Train, dev and test of conversations: read, fingerprinted, and held against one another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lrscope.data.conversation_readers import read_conversations
from lrscope.data.conversation_rows import object_rows
from lrscope.data.conversations import Conversation
from lrscope.data.dev_split import DevShare, share_note, split_off
from lrscope.data.overlaps import Overlaps, count_overlaps, normalized
from lrscope.data.readers import LABEL_COLUMNS, SEPARATOR


@dataclass(frozen=True, eq=False)
class ConversationSplit:
    """Conversations, and the file they stand in."""

    name: str
    path: Path
    conversations: Sequence[Conversation]

    @property
    def num_examples(self) -> int:
        """Return how many conversations there are."""
        return len(self.conversations)

    @property
    def fingerprint(self) -> str:
        """Return a digest of the turns in their order: where and in which form they are kept does not matter."""
        digest = hashlib.blake2b(digest_size=16)
        for conversation in self.conversations:
            digest.update(json.dumps(conversation.turns).encode() + b"\n")
        return digest.hexdigest()

    @property
    def notes(self) -> tuple[str, ...]:
        """Say what is odd about the file where it is measured by itself: labels that are none to a language model."""
        return tuple(_labels_note(self.path, self.conversations, "measured", "a model of classes is trained with"))

    def where(self, place: int) -> str:
        """Return file and line of a conversation."""
        return self.conversations[place].where(self.path)


@dataclass(frozen=True, eq=False)
class ConversationSplits:
    """A study's conversations.

    `prompt_overlaps` counts conversations of one split whose first prompt another one has too, `overlaps` those that
    are there as a whole; `notes` say so.
    """

    train: ConversationSplit
    dev: ConversationSplit
    test: ConversationSplit | None
    prompt_overlaps: Overlaps
    overlaps: Overlaps
    notes: tuple[str, ...]

    @property
    def by_name(self) -> dict[str, ConversationSplit]:
        """Return the splits there are, by name."""
        return {split.name: split for split in (self.train, self.dev, self.test) if split is not None}


def load_conversation_splits(train: Path, dev: Path | DevShare, test: Path | None = None) -> ConversationSplits:
    """Read a study's conversations. A share of train as dev keeps those with the same first prompt on one side.

    Raises:
        DataError: a file cannot be used, or cannot be divided.
    """
    whole = read_conversations(train)
    notes = []
    if isinstance(dev, DevShare):
        kept, drawn = split_off([normalized(item.prompt) for item in whole], dev, train)
        splits = {
            "train": ConversationSplit("train", train, [whole[place] for place in kept]),
            "dev": ConversationSplit("dev", train, [whole[place] for place in drawn]),
        }
        notes.append(share_note(train, len(drawn), len(whole), dev))
    else:
        splits = {
            "train": ConversationSplit("train", train, whole),
            "dev": ConversationSplit("dev", dev, read_conversations(dev)),
        }
    if test is not None:
        splits["test"] = ConversationSplit("test", test, read_conversations(test))
    prompts = count_overlaps({name: [item.prompt for item in split.conversations] for name, split in splits.items()})
    wholes = count_overlaps({name: [_whole(item) for item in split.conversations] for name, split in splits.items()})
    notes += _labels_note(train, whole, "learned", "to learn the labels of sentences, take")
    notes += _notes(splits, prompts, wholes)
    return ConversationSplits(splits["train"], splits["dev"], splits.get("test"), prompts, wholes, tuple(notes))


def _whole(conversation: Conversation) -> str:
    return " \0 ".join(f"{turn.role} \0 {turn.text}" for turn in conversation.turns)  # spacing at ends is lost


def _labels_note(path: Path, conversations: Sequence[Conversation], done: str, way_out: str) -> list[str]:
    """Say that plain texts have labels, as a classifier's examples have: before ` ||| `, or in a column.

    `done` says what is done with them, `way_out` what takes the labels for what they are.
    """
    if not conversations[0].is_plain_text:
        return []
    way_out = f"{way_out} --task classification"
    labelled = sum(SEPARATOR in item.turns[0].text for item in conversations)
    if 2 * labelled > len(conversations):
        what = f"{labelled} of the {len(conversations)} lines in {path} are `label ||| sentence`"
        return [f"{what}, and are {done} as plain text, labels and all; {way_out}"]
    _, first = next(object_rows(path))
    if column := next((name for name in LABEL_COLUMNS if name in first), None):
        return [f"the texts of {path} are {done} as plain text, without their {column}; {way_out}"]
    return []


def _notes(splits: Mapping[str, ConversationSplit], prompts: Overlaps, wholes: Overlaps) -> list[str]:
    notes = []
    for (first, second), count in prompts.items():
        if count:
            whole = f", {wholes[first, second]} of them the whole conversation" if wholes[first, second] else ""
            examples = f"{count} of {splits[second].num_examples} {second} examples"
            notes.append(f"{examples} have a prompt that {first} has too{whole}")
    return notes
