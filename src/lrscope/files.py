r"""Files written whole or not at all, always as UTF-8 with `\n`, whatever the console's code page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lrscope.errors import StudyError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; what is written there takes the place of `path` when the block ends.

    Synchronised to the disk before the rename, so a power cut leaves the old file or the new one, never half of one.

    Raises:
        StudyError: the folder is not writable or the disk is full; the old file is untouched.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StudyError(f"cannot write {path}: {error.strerror or error}; {_way_out(error)}") from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _way_out(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "make its folder first"
    return "free some space or choose another folder"


def write_text(path: Path, text: str) -> None:
    r"""Write `text` to `path` atomically as UTF-8, lines ending in `\n`."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
