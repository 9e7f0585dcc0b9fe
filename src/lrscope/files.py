r"""Files written whole or not at all, always as UTF-8 with `\n`, whatever the console's code page."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lrscope.errors import StudyError

MAX_NUMBER = 1e300


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; what is written there takes the place of `path` when the block ends.

    Synchronised to the disk before the rename, so a power cut leaves the old file or the new one, never half of one.

    Raises:
        StudyError: the folder is not writable or the disk is full; the old file is untouched.
    """
    if not path.name:
        raise StudyError(f"a file has a name: got {str(path)!r}, a folder; name a file in it")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        _remove(temporary)
        raise StudyError(f"cannot write {path}: {error.strerror or error}; {_way_out(error)}") from error
    except BaseException as error:
        _remove(temporary)
        if isinstance(error, ValueError) and not _can_be_a_path(path):
            raise StudyError(f"a path must be text that a file system takes: got {str(path)!r}; rename it") from error
        raise


def _remove(temporary: Path) -> None:
    with suppress(OSError, ValueError):
        temporary.unlink(missing_ok=True)


def _can_be_a_path(path: Path) -> bool:
    try:
        return b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        return False


def _way_out(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "make its folder first"
    if error.errno == errno.ENAMETOOLONG:
        return "choose a shorter name"
    return "free some space or choose another folder"


def write_text(path: Path, text: str) -> None:
    r"""Write `text` to `path` atomically as UTF-8, lines ending in `\n`; what UTF-8 cannot hold is escaped."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file that lrscope wrote.

    Raises:
        StudyError: it cannot be read, or holds something else.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StudyError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:  # bytes that are no UTF-8 are a ValueError too
        raise damaged(path, "it is not JSON") from error
    if not isinstance(values, dict):
        raise damaged(path, f"it holds {type(values).__name__} where an object is expected")
    return values


def damaged(path: Path, why: str) -> StudyError:
    """Return the error for a file that lrscope wrote and that has been changed or cut since."""
    return StudyError(f"{path} is damaged: {why}; restore it from a copy")


def number_in(values: dict[str, Any], name: str, path: Path) -> float:
    """Return the finite number that an object read from `path` holds under a name.

    Raises:
        StudyError: it holds none, or something else.

    >>> number_in({"margin": 0.02}, "margin", Path("looks.json"))
    0.02
    """
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MAX_NUMBER:
        raise damaged(path, f"{name} must be a number: got {value!r:.60}")
    return float(value)


def count_in(values: dict[str, Any], name: str, path: Path) -> int:
    """Return the whole number of at least 0 that an object read from `path` holds under a name.

    Raises:
        StudyError: it holds none, or something else.
    """
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise damaged(path, f"{name} must be a whole number: got {value!r:.60}")
    return value
