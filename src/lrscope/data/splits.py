"""Train, dev and test: read, labelled, fingerprinted, and held against one another."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrscope.data.dev_split import DevShare, share_note, split_off
from lrscope.data.labels import PLACEHOLDER, LabelSet, build, read_label_names
from lrscope.data.overlaps import Overlaps, count_overlaps, normalized
from lrscope.data.readers import Example, read_examples, shorten
from lrscope.errors import DataError


@dataclass(frozen=True, eq=False)
class Split:
    """Sentences with the place of their class among the label names, −1 where a sentence has none."""

    name: str
    path: Path
    texts: Sequence[str]
    labels: NDArray[np.int64]
    lines: Sequence[int] = field(default=(), repr=False)

    @staticmethod
    def unlabelled(name: str, sentences: Sequence[str]) -> Split:
        """Return bare sentences as a split."""
        return Split(name, Path(name), list(sentences), np.full(len(sentences), -1, dtype=np.int64))

    @property
    def num_examples(self) -> int:
        """Return how many sentences there are."""
        return len(self.texts)

    @property
    def notes(self) -> tuple[str, ...]:
        """Nothing is odd about sentences: what cannot be used is an error."""
        return ()

    @property
    def labelled(self) -> bool:
        """Return whether every sentence has a label."""
        return bool((self.labels >= 0).all())

    @property
    def fingerprint(self) -> str:
        """Return a digest of sentences and classes in their order: where and how they are kept does not matter."""
        digest = hashlib.blake2b(digest_size=16)
        for text, label in zip(self.texts, self.labels, strict=True):
            digest.update(f"{label}\t{text}\n".encode())
        return digest.hexdigest()

    def where(self, place: int) -> str:
        """Return file and line of a sentence."""
        return f"{self.path}:{self.lines[place] if self.lines else place + 1}"


@dataclass(frozen=True, eq=False)
class Splits:
    """A study's sentences. `overlaps` counts sentences of one split that another one holds too; `notes` say so."""

    train: Split
    dev: Split
    test: Split | None
    labels: LabelSet
    overlaps: Overlaps
    notes: tuple[str, ...]


def load_splits(
    train: Path,
    dev: Path | DevShare,
    test: Path | None,
    *,
    label_names: Path | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
) -> Splits:
    """Read a study's files. Test labels may be missing, or −1.

    A share of train as dev keeps equal sentences on one side, and a sentence of every class in train.

    Raises:
        DataError: a file cannot be used, or a class appears in dev or test but never in train.
    """
    names = read_label_names(label_names) if label_names else None
    columns: dict[str, Any] = {"text_column": text_column, "label_column": label_column}
    whole = read_examples(train, **columns)
    drawn_note = []
    if isinstance(dev, DevShare):
        kept, drawn = _drawn(whole, dev, train)
        examples = {"train": [whole[place] for place in kept], "dev": [whole[place] for place in drawn]}
        paths = {"train": train, "dev": train}
        drawn_note = [share_note(train, len(drawn), len(whole), dev)]
    else:
        examples = {"train": whole, "dev": read_examples(dev, **columns)}
        paths = {"train": train, "dev": dev}
    if test is not None:
        paths["test"] = test
        examples["test"] = read_examples(test, **columns, require_labels=False)
    labels = build(examples["train"], train, names, label_names)
    splits = {name: _classified(name, paths[name], rows, labels) for name, rows in examples.items()}
    _require_trained_classes(splits, labels)
    overlaps = count_overlaps({name: split.texts for name, split in splits.items()})
    notes = (*drawn_note, *_notes(splits, labels, overlaps))
    return Splits(splits["train"], splits["dev"], splits.get("test"), labels, overlaps, notes)


def load_dev(train: Path, dev: Path | DevShare, labels: LabelSet, **columns: Any) -> Split:
    """Read a study's dev set again, with its classes and its columns.

    Raises:
        DataError: the file cannot be used, or holds a label that the study does not know.
    """
    if not isinstance(dev, DevShare):
        return load_split(dev, labels, "dev", **columns)
    whole = read_examples(train, **columns)
    return _classified("dev", train, [whole[place] for place in _drawn(whole, dev, train)[1]], labels)


def load_split(
    path: Path, labels: LabelSet, name: str, *, text_column: str | None = None, label_column: str | None = None
) -> Split:
    """Read one more file with the classes of a study; its labels may be missing.

    Raises:
        DataError: the file cannot be used, or holds a label that the study does not know.
    """
    examples = read_examples(path, text_column=text_column, label_column=label_column, require_labels=False)
    return _classified(name, path, examples, labels, may_lack_labels=True)


def _drawn(examples: Sequence[Example], share: DevShare, source: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    texts, labels = [normalized(example.text) for example in examples], [example.label for example in examples]
    return split_off(texts, share, source, labels)


def _classified(
    name: str, path: Path, examples: Sequence[Example], labels: LabelSet, may_lack_labels: bool = False
) -> Split:
    classes = np.full(len(examples), -1, dtype=np.int64)
    known: dict[str, int | None] = {}
    for place, example in enumerate(examples):
        label = example.label
        index = None
        if label is not None:
            index = known[label] if label in known else known.setdefault(label, labels.index(label))
        if index is not None:
            classes[place] = index
        elif (name == "test" or may_lack_labels) and (label is None or label == PLACEHOLDER):
            continue
        elif label is None:
            raise DataError(f"{path}:{example.line}: a {name} sentence has a label: got none; write one")
        else:
            raise DataError(
                f"{path}:{example.line}: a {name} label must be one of train's, {labels.described}: got "
                f"{shorten(label)}; correct it, or add training sentences of that class"
            )
    return Split(name, path, [example.text for example in examples], classes, [example.line for example in examples])


def _require_trained_classes(splits: dict[str, Split], labels: LabelSet) -> None:
    trained = set(splits["train"].labels.tolist())
    for name, split in splits.items():
        for place, label in enumerate(split.labels.tolist()):
            if label >= 0 and label not in trained:
                raise DataError(
                    f"{split.where(place)}: class {labels.names[label]!r} appears in {name} but never in "
                    f"{splits['train'].path}; add training sentences of it, or remove these"
                )


def _notes(splits: dict[str, Split], labels: LabelSet, overlaps: Overlaps) -> list[str]:
    notes = [
        f"{count} of {splits[second].num_examples} {second} sentences are also in {first}"
        for (first, second), count in overlaps.items()
        if count
    ]
    trained = set(splits["train"].labels.tolist())
    unused = [name for place, name in enumerate(labels.names) if place not in trained]
    if unused:
        notes.append(f"no training sentence is labelled {', '.join(unused)}")
    test = splits.get("test")
    if test is not None and not test.labelled:
        num = int((test.labels < 0).sum())
        notes.append(f"{num} of {test.num_examples} test sentences have no label: they are predicted, not scored")
    return notes
