"""Protocol Buffers' wire format, as far as reading a few fields of a message takes.

Sources: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    r"""Yield a message's fields in order: their numbers, and an integer or the bytes of anything else.

    Raises:
        ValueError: it is no message.

    >>> list(fields(b"\x08\x96\x01\x12\x02hi"))
    [(1, 150), (2, b'hi')]
    """
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        if kind == 2:
            size, at = _varint(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"a field is of kind 0, 1, 2 or 5: got {kind}")
        if at + size > len(data):
            raise ValueError("a field ends with its message")
        yield number, data[at : at + size]
        at += size


def double(value: int | bytes) -> float:
    """Return a field of 8 bytes as a number.

    Raises:
        ValueError: it is no such field.
    """
    if not isinstance(value, bytes) or len(value) != 8:
        raise ValueError("a double has 8 bytes")
    return float(struct.unpack("<d", value)[0])


def signed(value: int) -> int:
    """Return an integer that is stored with its sign in the last bit.

    >>> signed(3), signed(4)
    (-2, 2)
    """
    return (value >> 1) ^ -(value & 1)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    result = 0
    for place in range(10):
        if at + place >= len(data):
            break
        byte = data[at + place]
        result |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return result, at + place + 1
    raise ValueError("an integer has at most 10 bytes and ends with its message")
