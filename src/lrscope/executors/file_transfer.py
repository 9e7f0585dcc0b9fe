"""Folders that travel between machines: cut into pieces at one end, whole or not at all at the other."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

PIECE_BYTES = 64 * 2**20


class Piece(NamedTuple):
    """A part of a file: its path below the folder, with slashes, and what comes next in it."""

    path: str
    content: bytes


def pieces(source: Path, wanted: Callable[[str], bool] | None = None, size: int = PIECE_BYTES) -> Iterator[Piece]:
    """Cut the files of a folder that are wanted, or a single file, in order of their paths.

    `wanted` is asked with a file's path below the folder, with slashes; a single file has its name alone. None: all.
    """
    files = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
    for file in files:
        name = file.name if file == source else file.relative_to(source).as_posix()
        if wanted is not None and not wanted(name):
            continue
        with file.open("rb") as stream:
            content = stream.read(size)
            yield Piece(name, content)
            while content := stream.read(size):
                yield Piece(name, content)


class IncomingFolder:
    """A folder that is put together beside the one it replaces, and replaces it when it is whole."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._beside = folder, folder.with_name(f"{folder.name}.arriving")
        shutil.rmtree(self._beside, ignore_errors=True)
        self._beside.mkdir(parents=True)

    def add(self, piece: Piece) -> None:
        """Write what comes next in a file."""
        path = PurePosixPath(piece.path)
        assert not path.is_absolute()
        assert ".." not in path.parts, "a piece lies within its folder"
        target = self._beside / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("ab") as stream:
            stream.write(piece.content)

    def finish(self) -> None:
        """Replace the folder by what has come."""
        before = self.folder.with_name(f"{self.folder.name}.replaced")
        shutil.rmtree(before, ignore_errors=True)
        if self.folder.exists():
            self.folder.replace(before)
        self._beside.replace(self.folder)
        shutil.rmtree(before, ignore_errors=True)

    def drop(self) -> None:
        """Forget what has come so far."""
        shutil.rmtree(self._beside, ignore_errors=True)
