"""Files of other people's making as text: whatever encoding they are in."""

from __future__ import annotations

import codecs
from pathlib import Path

from lrscope.data.table_rows import read_bytes
from lrscope.errors import DataError

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def encoding_of(head: bytes) -> str:
    """Return the encoding that a file's first bytes show: UTF-8, or UTF-16, as PowerShell's `>` writes it."""
    return next((encoding for mark, encoding in _MARKS if head.startswith(mark)), "utf-8")


def decoded(head: bytes, *, errors: str = "strict") -> str:
    """Return bytes as text, in the encoding that the first of them show."""
    return head.decode(encoding_of(head), errors=errors)


def text_of(path: Path) -> str:
    """Return a file's text, in UTF-8 or UTF-16.

    Raises:
        DataError: it cannot be read, or is no such text.
    """
    content = read_bytes(path)
    try:
        return decoded(content)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} must be text in UTF-8 or UTF-16: got other bytes at {error.start}; save it as UTF-8"
        ) from error
