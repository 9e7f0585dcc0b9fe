"""TensorFlow's record files, as event files are: records with checksums, read in batches.

A record is its length in 8 bytes, the checksum of those, the data, and the checksum of the data; checksums are CRC-32C,
rotated and shifted by a constant (tensorflow/core/lib/hash/crc32c.h). TensorBoard's own reader computes them byte by
byte in Python: here those of many records are computed together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

HEADER, FOOTER = 12, 4
BATCH, BATCH_BYTES = 20_000, 1 << 24
LARGEST = 1 << 20  # of a record that is read: images, sounds and graphs are larger, scalars and arguments are not
_POLYNOMIAL, _SHIFT = 0x82F63B78, 0xA282EAD8
Checksums = NDArray[np.uint32]


def event_records(path: Path) -> Iterator[bytes]:
    """Yield the records of a file; one that breaks off, because its writer was killed, ends it.

    Raises:
        ValueError: a record before the end is damaged.
        OSError: the file cannot be read.
    """
    size, number = path.stat().st_size, 0
    with path.open("rb") as file:
        while batch := _batch(file, size):
            lengths = masked_checksums([head[:8] for head, _, _ in batch])
            data = masked_checksums([content for _, content, _ in batch])
            for (head, content, footer), of_length, of_data in zip(batch, lengths, data, strict=True):
                number += 1
                if of_length != int.from_bytes(head[8:], "little") or (
                    footer and of_data != int.from_bytes(footer, "little")
                ):
                    raise ValueError(f"record {number} is damaged")
                yield content


def _batch(file: BinaryIO, size: int) -> list[tuple[bytes, bytes, bytes]]:
    """Return the next records as (length and its checksum, data, checksum); of those that are too large, no data."""
    batch: list[tuple[bytes, bytes, bytes]] = []
    taken = 0
    while len(batch) < BATCH and taken < BATCH_BYTES:
        head = file.read(HEADER)
        length = int.from_bytes(head[:8], "little")
        if len(head) < HEADER:
            break
        if file.tell() + length + FOOTER > size:  # it breaks off, or its length is damaged: the checksum tells
            if masked_checksums([head[:8]])[0] != int.from_bytes(head[8:], "little"):
                batch.append((head, b"", b""))
            file.seek(size)
            break
        if length > LARGEST:
            file.seek(length + FOOTER, 1)
            batch.append((head, b"", b""))
            continue
        batch.append((head, file.read(length), file.read(FOOTER)))
        taken += length
    return batch


def masked_checksums(each: Sequence[bytes]) -> Checksums:
    """Return the checksums of several pieces of data, those of one length computed together.

    >>> [hex(value) for value in masked_checksums([b"123456789", b""]).tolist()]
    ['0xc78ab0e5', '0xa282ead8']
    """
    result = np.zeros(len(each), np.uint32)
    by_length: dict[int, list[int]] = {}
    for place, data in enumerate(each):
        by_length.setdefault(len(data), []).append(place)
    table = _table()
    for length, places in by_length.items():
        content = np.frombuffer(b"".join(each[place] for place in places), np.uint8).reshape(len(places), length)
        checksum = np.full(len(places), 0xFFFFFFFF, np.uint32)
        for column in content.T:
            checksum = table[(checksum ^ column) & 0xFF] ^ (checksum >> np.uint32(8))
        checksum ^= np.uint32(0xFFFFFFFF)
        rotated = (checksum >> np.uint32(15)) | (checksum << np.uint32(17))
        result[places] = rotated + np.uint32(_SHIFT)
    return result


@cache
def _table() -> Checksums:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> np.uint32(1)) ^ np.uint32(_POLYNOMIAL), table >> np.uint32(1))
    return table
