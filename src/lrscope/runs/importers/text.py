"""Files of other people's making as text: whatever encoding they are in."""

from __future__ import annotations

import codecs
from pathlib import Path

from lrscope.errors import DataError

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def text_of(path: Path, *, errors: str = "strict") -> str:
    """Return a file's text: UTF-8, or UTF-16 where its first bytes say so, as PowerShell's `>` writes it.

    Raises:
        DataError: it cannot be read. With `errors` "replace", bytes that are no text become U+FFFD.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    encoding = next((encoding for mark, encoding in _MARKS if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding, errors=errors)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} must be text in UTF-8 or UTF-16: got other bytes at {error.start}; save it as UTF-8"
        ) from error
