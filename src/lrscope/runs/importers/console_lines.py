"""A console log as lines: read in pieces, whatever its size; bars, escapes and what is too long are cut first."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from lrscope.errors import DataError
from lrscope.runs.importers.checked import file_name
from lrscope.runs.importers.text import encoding_of
from lrscope.runs.reading import reached

MAX_LINE = 10_000  # characters; what people write of a run is shorter, and no pattern is tried on more
_CHUNK = 1 << 20
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_BLOCKS = re.compile(r"[█▉▊▋▌▍▎▏]+")
_BAR = re.compile(r"\d%\|[^|]*\|\s*\d[\d.]*[kM]?/\d|\dit \[|it/s\]|s/it\]")  # a progress bar of tqdm


def chunks_of(path: Path) -> Iterator[str]:
    """Yield a file's text in pieces; bytes that are no text become U+FFFD.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_CHUNK)
            decoder = codecs.getincrementaldecoder(encoding_of(content))(errors="replace")
            while content:
                yield decoder.decode(content)
                reached(file.tell())
                content = file.read(_CHUNK)
            yield decoder.decode(b"", final=True)
    except OSError as error:
        raise DataError(f"cannot read {file_name(path)}: {error.strerror or error}") from error


def lines_of(
    chunks: Iterator[str], skips: Callable[[str], bool] = lambda line: False
) -> Iterator[tuple[int, str, bool]]:
    r"""Yield a log's lines with their numbers, without bars, escapes and blanks; a redrawn line is several.

    The third value is False for a last line that no line break ends. Lines that `skips` holds for, as they stand in the
    file, are left out.

    >>> [line[:2] for line in lines_of(iter(["a█▌\r\n\n b\r", "c"]))]
    [(1, 'a'), (3, 'b'), (3, 'c')]
    """
    number, rest = 1, ""
    for chunk in chunks:
        lines = (rest + chunk).split("\n")
        rest = lines.pop()
        for line in lines:
            if skips(line):
                number += 1
                continue
            for part in line.split("\r") if "\r" in line else (line,):
                if part and (cleaned := _cleaned(part)):
                    yield number, cleaned, True
            number += 1
        if len(rest) > MAX_LINE:  # bars that were redrawn without a line break, or one endless line
            *parts, rest = rest.split("\r")
            for part in parts:
                if part and (cleaned := _cleaned(part)):
                    yield number, cleaned, True
            rest = rest[: MAX_LINE + 1]
    parts = [cleaned for part in rest.split("\r") if (cleaned := _cleaned(part))]
    for index, part in enumerate(parts, start=1):
        yield number, part, index < len(parts) or rest.endswith("\r")


def _cleaned(part: str) -> str:
    part = part[:MAX_LINE]
    if part.endswith(("it/s]", "s/it]")):
        return part.strip() if "|Loss: " in part else ""  # torchtune's bar tells the loss
    if "%|" in part and "=" in part and part.startswith("Epoch "):  # Lightning's, or an own loop's
        return part.strip()
    if ("%|" in part or "it [" in part or "it]" in part or "it/s" in part) and _BAR.search(part):
        part = part[part.rfind("]") + 1 :]  # what a program prints may stand right behind a bar
    if not part.isascii():
        part = _BLOCKS.sub("", part)
    if "\x08" in part:
        part = part.replace("\x08", "")
    return (_ESCAPES.sub("", part) if "\x1b" in part else part).strip()
