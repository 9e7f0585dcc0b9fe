"""Inside the bracket: short complete schedules, which say more than any ramp, and what they come to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lrscope.runs.arm_summary import ArmSummary
from lrscope.statistics.noise import pooled_sd


def rates_within(low: float, high: float, number: int) -> list[float]:
    """Return rates evenly spaced on the logarithm, both ends included.

    >>> rates_within(1e-4, 1e-2, 3)
    [0.0001, 0.001, 0.01]
    """
    return [float(f"{rate:.6g}") for rate in np.geomspace(low, high, number)]


def confirmed(summaries: Sequence[ArmSummary], epochs: int) -> dict[str, Any]:
    """Return the rate with the least mean dev loss, those that are not told apart from it, and a sentence.

    Told apart: by more than two standard errors of the difference, from the spread pooled over rates.
    """
    whole = [s for s in summaries if s.loss.number and np.isfinite(s.loss.mean)]
    if not whole:
        return {"rate": None, "among": [], "sentence": "no rate of the bracket trained to its end: lower it"}
    best = min(whole, key=lambda s: s.loss.mean)
    sd, freedom = pooled_sd([s.loss for s in whole])
    error = sd * np.sqrt(2.0 / best.loss.number) if freedom else float("inf")
    among = [s.arm.config.peak_rate for s in whole if s.loss.mean - best.loss.mean <= 2.0 * error]
    rate = best.arm.config.peak_rate
    length = f"{epochs} epoch{'s' * (epochs > 1)}"
    if len(among) > 1:
        others = ", ".join(f"{other:.2g}" for other in among if other != rate)
        sentence = f"take {rate:.2g}: least dev loss after complete runs of {length}; not told apart from {others}"
    else:
        sentence = f"take {rate:.2g}: least dev loss after complete runs of {length}, by more than two standard errors"
    losses = {f"{s.arm.config.peak_rate:.6g}": s.loss.mean for s in whole}
    return {"rate": rate, "among": among, "dev_loss": losses, "sentence": sentence}
