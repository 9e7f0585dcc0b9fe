"""The classes of a study: what files write for each, and what people call it."""

from __future__ import annotations

import functools
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lrscope.data.readers import Example, has_half_pair, read_text, shorten
from lrscope.errors import DataError, StudyError

MANY_CLASSES = 100  # from so many on, classes with one sentence each are a mistake
PLACEHOLDER = "-1"  # what unlabelled test sets write where a label would stand


@dataclass(frozen=True)
class LabelSet:
    """Class i is written `keys[i]` in files and called `names[i]`."""

    names: tuple[str, ...]
    keys: tuple[str, ...]

    @staticmethod
    def of_state(state: Mapping[str, Any]) -> LabelSet:
        """Return the classes that a study has kept.

        Raises:
            StudyError: what it kept is damaged.
        """
        kept = [state.get("names"), state.get("keys")]
        names, keys = (value if isinstance(value, list | tuple) else [] for value in kept)
        if not names or len(names) != len(keys) or not all(isinstance(item, str) for item in [*names, *keys]):
            raise StudyError("a study keeps the names of its classes: these are damaged; restore study.db from a copy")
        return LabelSet(names=tuple(names), keys=tuple(keys))

    @property
    def state(self) -> dict[str, Any]:
        """What a study keeps of its classes."""
        return {"names": self.names, "keys": self.keys}

    def index(self, label: str) -> int | None:
        """Return the class of a label as written, None where it is none.

        >>> LabelSet(names=("bad", "good"), keys=("0", "1")).index("1.0")
        1
        """
        key = as_integer(label) if self._are_integers else label
        return None if key is None else self._index.get(key)

    @functools.cached_property
    def _are_integers(self) -> bool:
        return all(as_integer(key) is not None for key in self.keys)

    @functools.cached_property
    def _index(self) -> dict[str, int]:
        return {key: number for number, key in enumerate(self.keys)}

    @property
    def described(self) -> str:
        """Return the classes for a message."""
        keys = ", ".join(map(_cut, self.keys[:8])) + (", ..." if len(self.keys) > 8 else "")
        return keys if self.names == self.keys else f"{keys} ({', '.join(map(_cut, self.names[:8]))})"


def _cut(name: str) -> str:
    return name if len(name) <= 60 else name[:57] + "..."


def as_integer(label: str) -> str | None:
    """Return a label that is an integer, however written, in its plain form; None for other labels.

    >>> as_integer("03"), as_integer("2.0"), as_integer("good")
    ('3', '2', None)
    """
    if re.fullmatch(r"[+-]?[0-9]{1,300}", label):  # as a float, two large ones could be one
        return str(int(label))
    try:
        value = float(label)
    except ValueError:
        return None
    return str(int(value)) if value.is_integer() else None


def read_label_names(path: Path) -> dict[str, str]:
    """Read a JSON list (index = label) or a map, label → name or name → index; return label as written → name.

    Raises:
        DataError: the file is missing, is no JSON, or is neither.
    """
    try:
        value = json.loads(read_text(path), object_pairs_hook=_without_twins)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else getattr(error, "msg", str(error))
        raise DataError(f'{path}: label names are a JSON list or map: {reason}; write ["bad", "good"]') from error
    if isinstance(value, list) and all(isinstance(name, str | int | float) for name in value):
        names = {str(place): str(name) for place, name in enumerate(value)}
    elif isinstance(value, dict) and all(
        isinstance(item, int) and not isinstance(item, bool) for item in value.values()
    ):
        names = {str(place): name for name, place in sorted(value.items(), key=lambda item: item[1])}
    elif isinstance(value, dict) and all(isinstance(item, str) for item in value.values()):
        names = {as_integer(key) or key: name for key, name in value.items()}
    else:
        raise DataError(
            f'{path}: label names are a JSON list or map: got {json.dumps(value)[:60]}; write ["bad", "good"]'
        )
    if any(has_half_pair(name) for pair in names.items() for name in pair):
        raise DataError(f"{path}: names must be Unicode: got half of a surrogate pair; write the character itself")
    size = len(value)
    if len(names) != size or len(set(names.values())) != size:
        raise DataError(f"{path}: every class has a name of its own: got a name or a label twice; rename one")
    if size < 2:
        raise DataError(f"{path}: a classification needs at least two classes: got {size}; name them all")
    return names


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object as a dict; of a key that stands there twice, json keeps the last without a word."""
    twins = [key for key, number in Counter(key for key, _ in pairs).items() if number > 1]
    if twins:
        raise ValueError(f"{twins[0]!r} stands there twice")
    return dict(pairs)


def build(
    train: Sequence[Example], train_path: Path, names: Mapping[str, str] | None, names_path: Path | None
) -> LabelSet:
    """Return the classes of a training set, in the order of their names or, without names, sorted.

    Raises:
        DataError: a label is missing, is no integer among integers, or has no name; or there is one class alone.
    """
    for example in train:
        if example.label is None:
            raise DataError(f"{train_path}:{example.line}: a training sentence has a label: got none; write one")
    if names is not None:
        assert names_path is not None
        labels = _named(train, names)
        for example in train:
            if labels.index(example.label or "") is None:
                raise DataError(_outside(train_path, example, labels, names_path))
    else:
        labels = _present(train, train_path)
    present = Counter(labels.index(example.label or "") for example in train)
    single = sum(number == 1 for number in present.values())
    if names is None and len(present) >= MANY_CLASSES and 2 * single > len(present):
        raise DataError(
            f"{train_path}: labels are classes that come again: got {len(present)} classes, {single} of them with one "
            "sentence, as row numbers or texts have; name the right column with --label-column, or all classes with "
            "--label-names"
        )
    if len(present) < 2:
        raise DataError(
            f"{train_path}: a classification needs two classes at least: got {shorten(train[0].label)} only; add others"
        )
    return labels


def _named(train: Sequence[Example], names: Mapping[str, str]) -> LabelSet:
    by_key = LabelSet(names=tuple(names.values()), keys=tuple(names))
    # Files may write the names themselves.
    if train[0].label in names.values() and by_key.index(train[0].label or "") is None:
        return LabelSet(names=by_key.names, keys=by_key.names)
    return by_key


def _outside(path: Path, example: Example, labels: LabelSet, names_path: Path) -> str:
    integers = all(as_integer(key) is not None for key in labels.keys)
    rule = (
        "a label must be an integer"
        if integers and as_integer(example.label or "") is None
        else "a label must have a name"
    )
    return (
        f"{path}:{example.line}: {rule}, one of {labels.described}: got {shorten(example.label)}; correct the line "
        f"or the names in {names_path}"
    )


def _present(train: Sequence[Example], path: Path) -> LabelSet:
    if as_integer(train[0].label or "") is not None:
        integers = {label: as_integer(label or "") for label in {example.label for example in train}}
        for example in train:
            if integers[example.label] is None:
                raise DataError(
                    f"{path}:{example.line}: a label must be an integer, as on line {train[0].line}: got "
                    f"{shorten(example.label)}; correct it"
                )
        keys = tuple(map(str, sorted({int(key) for key in integers.values() if key is not None})))
    else:
        keys = tuple(sorted({example.label or "" for example in train}))
    return LabelSet(names=keys, keys=keys)
