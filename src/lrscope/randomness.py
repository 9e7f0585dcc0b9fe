"""Randomness by name: every generator is derived from (seed, purpose, numbers), and none is shared.

So the data order of epoch 7 does not depend on how much dropout was drawn before it, two arms at one seed share
their heads and orders, and a resumed run draws what the uninterrupted one would have drawn.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple


def derive_seed(seed: int, purpose: str, *numbers: int) -> int:
    """Return a 63-bit seed for one purpose ("head", "order", "dropout") at one place (epoch or step).

    BLAKE2b over the written-out arguments: equal on every machine and Python version.

    >>> derive_seed(0, "order", 3) == derive_seed(0, "order", 3)
    True
    >>> derive_seed(0, "order", 3) == derive_seed(0, "dropout", 3)
    False
    """
    text = "/".join((str(seed), purpose, *map(str, numbers)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


class StepRows(NamedTuple):
    """The rows of a micro-batch in its step's batch, and the step's seed.

    What is drawn for a step is drawn for all its rows from `seed`: so a step computed in four parts draws what the same
    step computed at once would draw.
    """

    seed: int
    first_row: int
    num_rows: int
