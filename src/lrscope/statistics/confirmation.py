"""Inside the bracket: short complete schedules, which say more than any ramp, and what they show."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from lrscope.number_text import counted, short_rate
from lrscope.statistics.conclusions import Conclusions


def rates_within(low: float, high: float, number: int) -> list[float]:
    """Return rates evenly spaced on the logarithm, both ends included.

    >>> rates_within(1e-4, 1e-2, 3)
    [0.0001, 0.001, 0.01]
    """
    return [float(f"{rate:.6g}") for rate in np.geomspace(low, high, number)]


@dataclass(frozen=True)
class Confirmed:
    """What short runs inside a bracket show: the rate to use, None where none trained to its end, and a sentence.

    `among` are the rates that may be the best, `dev_loss` the mean dev loss of each.
    """

    rate: float | None
    among: tuple[float, ...]
    sentence: str
    dev_loss: dict[float, float] = field(default_factory=dict)


def confirm(c: Conclusions, epochs: int, title: str = "loss") -> Confirmed:
    """Return what conclusions by dev loss say of the rates of a bracket: the same choice as a report's.

    `title` is what people call that loss.
    """
    known = [arm for arm in c.arms if arm.rate is not None and not math.isnan(arm.value)]
    if not known:
        return Confirmed(None, (), "no rate of the bracket trained to its end: try lower rates")
    rate = c.arms[c.choice.first].rate
    assert rate is not None
    among = tuple(arm.rate for arm in known if arm.standing == "contender" and arm.rate is not None)
    sentence = f"use lr {short_rate(rate)}, by dev {title} after complete runs of {counted(epochs, 'epoch')}"
    others = ", ".join(short_rate(other) for other in among if other != rate)
    caveat = ", if seeds differ no more than assumed" if c.is_assumed else ""
    sentence += f"; not ruled out: {others}" if others else f"; the other rates are ruled out{caveat}"
    if c.recommended is None:
        sentence += "; no run is shown to do better than guessing, so confirm with longer runs"
    return Confirmed(rate, among, sentence, {arm.rate: arm.value for arm in known if arm.rate is not None})
