"""Predictions as a table that spreadsheets and programs read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lrscope.visible_text import as_cell


def predictions_tsv(names: Sequence[str], probabilities: NDArray[np.float32]) -> str:
    r"""Return a header and one line a row: the most probable name, then the probability of each.

    >>> predictions_tsv(["bad", "good"], np.array([[0.25, 0.75]], dtype=np.float32))
    'prediction\tbad\tgood\ngood\t0.250000\t0.750000\n'
    """
    safe = [as_cell(name) for name in names]
    lines = ["\t".join(("prediction", *safe))]
    lines += ["\t".join((safe[int(row.argmax())], *(f"{p:.6f}" for p in row))) for row in probabilities]
    return "\n".join(lines) + "\n"
