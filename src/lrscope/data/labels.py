"""The classes of a study: what files write for each, and what people call it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lrscope.data.readers import Example, read_text
from lrscope.errors import DataError

PLACEHOLDER = "-1"  # what unlabelled test sets write where a label would stand


@dataclass(frozen=True)
class LabelSet:
    """Class i is written `keys[i]` in files and called `names[i]`."""

    names: tuple[str, ...]
    keys: tuple[str, ...]

    @staticmethod
    def of_state(state: Mapping[str, Any]) -> LabelSet:
        """Return the classes that a study has kept."""
        return LabelSet(names=tuple(state["names"]), keys=tuple(state["keys"]))

    @property
    def state(self) -> dict[str, Any]:
        """What a study keeps of its classes."""
        return {"names": self.names, "keys": self.keys}

    def index(self, label: str) -> int | None:
        """Return the class of a label as written, None where it is none.

        >>> LabelSet(names=("bad", "good"), keys=("0", "1")).index("1.0")
        1
        """
        key = as_integer(label) if all(as_integer(key) is not None for key in self.keys) else label
        return self.keys.index(key) if key in self.keys else None

    @property
    def described(self) -> str:
        """Return the classes for a message."""
        keys = ", ".join(self.keys[:8]) + (", ..." if len(self.keys) > 8 else "")
        return keys if self.names == self.keys else f"{keys} ({', '.join(self.names[:8])})"


def as_integer(label: str) -> str | None:
    """Return a label that is an integer, however written, in its plain form; None for other labels.

    >>> as_integer("03"), as_integer("2.0"), as_integer("good")
    ('3', '2', None)
    """
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
        value = json.loads(read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        reason = getattr(error, "msg", "nested too deeply")
        raise DataError(f'{path}: label names are a JSON list or map: {reason}; write ["bad", "good"]') from error
    if isinstance(value, list):
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
    size = len(value)
    if len(names) != size or len(set(names.values())) != size:
        raise DataError(f"{path}: every class has a name of its own: got a name or a label twice; rename one")
    if size < 2:
        raise DataError(f"{path}: a classification needs at least two classes: got {size}; name them all")
    return names


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
        labels = _found(train, train_path)
    present = {labels.index(example.label or "") for example in train}
    if len(present) < 2:
        raise DataError(
            f"{train_path}: a classification needs two classes at least: got {train[0].label!r} only; add others"
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
        f"{path}:{example.line}: {rule}, one of {labels.described}: got {example.label!r}; correct the line "
        f"or the names in {names_path}"
    )


def _found(train: Sequence[Example], path: Path) -> LabelSet:
    if as_integer(train[0].label or "") is not None:
        for example in train:
            if as_integer(example.label or "") is None:
                raise DataError(
                    f"{path}:{example.line}: a label must be an integer, as on line {train[0].line}: got "
                    f"{example.label!r}; correct it"
                )
        keys = tuple(map(str, sorted({int(as_integer(example.label or "") or 0) for example in train})))
    else:
        keys = tuple(sorted({example.label or "" for example in train}))
    return LabelSet(names=keys, keys=keys)
