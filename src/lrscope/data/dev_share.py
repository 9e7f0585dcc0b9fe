"""A share of the training examples that dev takes, as it is written: `10%`."""

from __future__ import annotations

import math

from lrscope.errors import ConfigError, Problem


def parse_share(text: str) -> float | None:
    """Return the share that a text such as `10%` means; None where it does not end in a percent sign.

    >>> parse_share("10%"), parse_share("dev.txt")
    (0.1, None)

    Raises:
        ConfigError: it is no share between 0% and 100%.
    """
    if not text.strip().endswith("%"):
        return None
    try:
        share = float(text.strip()[:-1]) / 100.0
    except ValueError:
        share = math.nan
    if not 0.0 < share < 1.0:
        rule = "a share of the training examples lies between 0% and 100%"
        raise ConfigError(Problem(rule, repr(text), "write 10%, or name a file"))
    return share
