"""What a GGUF file says of itself: metadata by key, and where each tensor lies.

    "GGUF", version, number of tensors, number of metadata
    a metadatum    key, type, value; texts and arrays begin with their length
    a tensor       name, dimensions with the fastest first, type, place in the data
    the data       begins at the next multiple of general.alignment

Everything is little-endian. Source: ggml's `docs/gguf.md`, versions 2 and 3.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lrscope.errors import CheckpointError

VERSIONS = (2, 3)
# Types of metadata by number; 8 is a text and 9 an array.
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
TEXT, ARRAY = 8, 9
MAX_DIMENSIONS = 4
DEFAULT_ALIGNMENT = 32


def is_gguf(path: Path) -> bool:
    """Return whether a path is called as GGUF files are."""
    return path.suffix.lower() == ".gguf"


@dataclass(frozen=True)
class GgufTensor:
    """A tensor as it is stored. `shape` has the rows first; `kind` is ggml's number of its type."""

    shape: tuple[int, ...]
    kind: int
    offset: int  # from the beginning of the file


@dataclass(frozen=True)
class GgufHeader:
    """Metadata by key, arrays as their length; tensors by the file's own names."""

    metadata: Mapping[str, Any]
    tensors: Mapping[str, GgufTensor]


def read_gguf_header(path: Path) -> GgufHeader:
    """Read all but the tensors' values.

    Raises:
        CheckpointError: it is cut short, corrupt, or no GGUF file that is known.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return _Reader(content).header()
    except (OSError, ValueError, struct.error, OverflowError) as error:  # ValueError: an empty file, and broken UTF-8
        raise CheckpointError(f"{path} is not a GGUF file that can be read: {error}; copy it anew") from error


class _Reader:
    def __init__(self, content: mmap.mmap) -> None:
        self.content = content
        self.place = 0

    def header(self) -> GgufHeader:
        if self.content[:4] != b"GGUF":
            raise ValueError("it does not begin with GGUF")
        self.place = 4
        version, num_tensors, num_metadata = self.numbers("IQQ")
        if version not in VERSIONS:
            raise ValueError(f"its version is {version}, and not 2 or 3")
        metadata: dict[str, Any] = {}
        for _ in range(num_metadata):
            key = self.text()
            [kind] = self.numbers("I")
            metadata[key] = self.value(kind)
        stored: dict[str, tuple[tuple[int, ...], int, int]] = {}
        for _ in range(num_tensors):
            name = self.text()
            [num_dimensions] = self.numbers("I")
            if not 1 <= num_dimensions <= MAX_DIMENSIONS:
                raise ValueError(f"{name[:40]!r} has {num_dimensions} dimensions")
            shape = self.numbers(f"{num_dimensions}Q")[::-1]
            kind, offset = self.numbers("IQ")
            stored[name] = (shape, kind, offset)
        alignment = metadata.get("general.alignment", DEFAULT_ALIGNMENT)
        if not isinstance(alignment, int) or not 1 <= alignment <= 2**20:
            raise ValueError(f"its alignment is {str(alignment)[:40]}")
        first = math.ceil(self.place / alignment) * alignment
        tensors = {name: GgufTensor(shape, kind, first + offset) for name, (shape, kind, offset) in stored.items()}
        return GgufHeader(metadata, tensors)

    def numbers(self, layout: str) -> tuple[Any, ...]:
        layout = f"<{layout}"
        found = struct.unpack_from(layout, self.content, self.place)
        self.place += struct.calcsize(layout)
        return found

    def text(self) -> str:
        return self.skipped_text().decode("utf-8")

    def skipped_text(self) -> bytes:
        [length] = self.numbers("Q")
        if length > len(self.content) - self.place:
            raise ValueError("it ends in the middle of a text")
        first, self.place = self.place, self.place + length
        return self.content[first : self.place]

    def value(self, kind: int) -> Any:
        if kind in SCALARS:
            return self.numbers(SCALARS[kind])[0]
        if kind == TEXT:
            return self.text()
        if kind != ARRAY:
            raise ValueError(f"it has metadata of a type {kind}")
        [of, length] = self.numbers("IQ")
        if of in SCALARS:
            self.place += struct.calcsize(f"<{SCALARS[of]}") * length
        elif of == TEXT:
            for _ in range(length):
                self.skipped_text()
        else:
            raise ValueError(f"it has an array of a type {of}")
        if self.place > len(self.content):
            raise ValueError("it ends in the middle of an array")
        return length
