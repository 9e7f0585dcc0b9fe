"""Arrays as compressed bytes: little-endian whatever the machine, so that a study can be read elsewhere."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lrscope.records import StepRecord

STEP = np.dtype(
    [
        ("learning_rate", "<f8"),
        ("loss", "<f8"),
        ("count", "<f8"),
        ("gradient_norm", "<f8"),
        ("seconds", "<f4"),
        ("diverged", "u1"),
    ]
)

# zlib can make a thousand bytes of one. What is measured never shrinks so far: more than this is damage, or a trap.
MAX_RATIO, ALWAYS_ALLOWED = 20, 2**26


def series_of(records: Sequence[StepRecord]) -> NDArray[np.void]:
    """Return consecutive step records as an array with the fields of `STEP`; the step numbers are implied."""
    rows = [(r.learning_rate, r.loss, r.count, r.gradient_norm, r.seconds, r.diverged) for r in records]
    return np.array(rows, dtype=STEP)


def pack_steps(records: Sequence[StepRecord]) -> bytes:
    """Return consecutive step records as bytes; the step numbers are implied by the first."""
    return pack_series(series_of(records))


def pack_series(series: NDArray[np.void]) -> bytes:
    """Return a step series that is an array already as bytes."""
    return zlib.compress(np.ascontiguousarray(series, dtype=STEP).tobytes())


def unpack_steps(blob: bytes, num_steps: int) -> NDArray[np.void]:
    """Return a structured array of `num_steps` rows with the fields of `STEP`.

    Raises:
        ValueError: the bytes are not so many steps.
    """
    data = _inflated(blob)
    if len(data) != num_steps * STEP.itemsize:
        raise ValueError(f"{num_steps} steps have {num_steps * STEP.itemsize} bytes: got {len(data)}")
    return np.frombuffer(data, dtype=STEP)


def pack_floats(values: NDArray[np.float32]) -> bytes:
    """Return an array of any shape as compressed float32 bytes, in C order."""
    return zlib.compress(np.ascontiguousarray(values, dtype="<f4").tobytes())


def unpack_floats(blob: bytes, num_rows: int) -> NDArray[np.float32]:
    """Return what `pack_floats` packed: shape (num_rows,) or (num_rows, columns).

    Raises:
        ValueError: the bytes are not so many rows.
    """
    data = _inflated(blob)
    if len(data) % 4 or (len(data) // 4) % num_rows if num_rows else data:
        raise ValueError(f"{num_rows} rows of float32 cannot have {len(data)} bytes")
    flat = np.frombuffer(data, dtype="<f4").astype(np.float32)
    return flat if num_rows in (0, len(flat)) else flat.reshape(num_rows, -1)


def _inflated(blob: bytes) -> bytes:
    most = max(ALWAYS_ALLOWED, MAX_RATIO * len(blob))
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(blob, most)
    except zlib.error as error:
        raise ValueError(f"packed values cannot be unpacked: {error}") from error
    if not inflater.eof or inflater.unused_data:
        raise ValueError(f"packed values of {len(blob)} bytes unpack to more than {most}, or are cut short")
    return data
