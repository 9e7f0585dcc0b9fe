"""A study's input files, for machines that do not see them: named absolutely, looked for, cut up and put together."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from lrscope.config import AnyStudy
from lrscope.executors.file_transfer import IncomingFolder, Piece


def input_paths(config: AnyStudy) -> dict[str, str]:
    """Return the files and folders that a study reads, by setting, absolute; a model of the hub is none of them."""
    paths = {name: Path(value).expanduser() for name, value in config.input_paths.items()}
    return {name: str(path.resolve()) for name, path in paths.items() if path.exists()}


def unseen(config: AnyStudy) -> list[str]:
    """Return the settings whose absolute path does not exist here."""
    named = {name: Path(value) for name, value in config.input_paths.items()}
    return [name for name, path in named.items() if path.is_absolute() and not path.exists()]


class Sent(NamedTuple):
    """An input on its way: its name, whether it is a file, and what stands for each of its pieces."""

    name: str
    is_file: bool
    cut: Sequence[Any]


def unpack(sent: Mapping[str, Sent], folder: Path, read: Callable[[Any], Piece]) -> dict[str, str]:
    """Put inputs together below `folder`, unless they lie there whole already; return where each is.

    `read` makes a piece of what stands for one.
    """
    if not folder.is_dir():
        arrival = IncomingFolder(folder.with_name(f"{folder.name}.{uuid4().hex}"))
        for setting, (name, is_file, cut) in sent.items():
            for piece in map(read, cut):
                path = f"{setting}/{name}" if is_file else f"{setting}/{name}/{piece.path}"
                arrival.add(Piece(path, piece.content))
        arrival.finish()
        try:
            arrival.folder.replace(folder)
        except OSError:  # another worker on this machine was faster
            shutil.rmtree(arrival.folder, ignore_errors=True)
    return {setting: str(folder / setting / name) for setting, (name, _, _) in sent.items()}


def key_of(*parts: Any) -> str:
    """Return a short name for plain values, equal where they are equal."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:24]
