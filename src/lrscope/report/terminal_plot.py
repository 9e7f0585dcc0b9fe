"""A curve drawn with characters: eight dots a character where the terminal has them, asterisks elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# The bits of a braille pattern by column and row of its dots (Unicode block 2800).
DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
BLANK = 0x2800


def plot_lines(
    values: NDArray[np.float64],
    *,
    width: int = 64,
    height: int = 9,
    log: bool = False,
    ascii_only: bool = False,
    ticks: Sequence[tuple[float, str]] = (),
) -> list[str]:
    r"""Return the lines of a plot of `values` over their index, the axis from 0 (or, with `log`, from the least) on.

    `ticks` are (place from 0 to 1, label) along the bottom.

    >>> print(*plot_lines(np.array([0.0, 0.5, 1.0]), width=3, height=3, ascii_only=True), sep="\n")
                1 +  *
                  | *
                0 +*
                  +---
    """
    shown = np.where(values > 0, values, np.nan) if log else np.asarray(values, dtype=float)
    finite = shown[np.isfinite(shown)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (1.0, 1.0)
    if not log:
        low = min(low, 0.0)
    if low == high:
        low, high = (low / 2, high * 2) if log else (low, low + 1.0)
    columns, rows = (width, height) if ascii_only else (2 * width, 4 * height)
    filled = _fill(_scaled(shown, low, high, log), columns, rows)
    labels = {0: f"{high:.3g}", height - 1: f"{low:.3g}"}
    axis, lines = "+|+-" if ascii_only else "┤│└─", []
    for row in range(height):
        body = _ascii_row(filled, row) if ascii_only else _braille_row(filled, row, width)
        lines.append(f"{labels.get(row, ''):>13} {axis[0] if row in labels else axis[1]}{body}".rstrip())
    lines.append(" " * 14 + axis[2] + axis[3] * width)
    if ticks:
        lines.append(" " * 15 + _tick_row(ticks, width))
    return lines


def _scaled(values: NDArray[np.float64], low: float, high: float, log: bool) -> NDArray[np.float64]:
    if log:
        values, low, high = np.log(values), math.log(low), math.log(high)
    return np.asarray((values - low) / (high - low))


def _fill(heights: NDArray[np.float64], columns: int, rows: int) -> NDArray[np.bool_]:
    """Return which dots are set, row 0 on top: each column from its least to its greatest value, without gaps."""
    filled = np.zeros((rows, columns), dtype=bool)
    edges = np.linspace(0, len(heights), columns + 1)
    before: int | None = None
    for column in range(columns):
        first = min(int(edges[column]), len(heights) - 1)
        part = heights[first : max(int(edges[column + 1]), first + 1)]
        part = part[np.isfinite(part)]
        if not len(part):
            before = None
            continue
        least, most = (round((1.0 - float(value)) * (rows - 1)) for value in (part.max(), part.min()))
        if before is not None:  # a jump between columns is drawn as a line
            least, most = min(least, max(before, least)), max(most, min(before, most))
            least, most = (min(least, before + 1), most) if before < least else (least, max(most, before - 1))
        filled[least : most + 1, column] = True
        before = most if part[-1] <= part[0] else least
    return filled


def _braille_row(filled: NDArray[np.bool_], row: int, width: int) -> str:
    cells = []
    for column in range(width):
        bits = 0
        for right, dots in enumerate(DOTS):
            for down, bit in enumerate(dots):
                if filled[4 * row + down, 2 * column + right]:
                    bits |= bit
        cells.append(chr(BLANK + bits) if bits else " ")
    return "".join(cells)


def _ascii_row(filled: NDArray[np.bool_], row: int) -> str:
    return "".join("*" if dot else " " for dot in filled[row])


def _tick_row(ticks: Sequence[tuple[float, str]], width: int) -> str:
    line = [" "] * (width + 8)
    free = 0
    for place, label in ticks:
        start = max(0, min(round(place * (width - 1)) - len(label) // 2, width + 8 - len(label)))
        if start >= free:
            line[start : start + len(label)] = label
            free = start + len(label) + 1
    return "".join(line).rstrip()
