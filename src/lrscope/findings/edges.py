"""Whether the best rate may lie beyond those that were tried."""

from __future__ import annotations

import math

from lrscope.statistics.arm_view import ArmView
from lrscope.statistics.conclusions import Conclusions


def contenders_at_edges(c: Conclusions) -> tuple[ArmView | None, ArmView | None]:
    """Return what may be the best at the lowest rate that was tried, and at the highest; None where nothing does.

    Nothing is said where rates were tried at other settings than others, or an arm has none.
    """
    rates = [arm.rate for arm in c.arms if arm.rate]
    known = sum(not math.isnan(arm.value) for arm in c.arms)
    if known < 2 or len(rates) < len(c.arms) or c.is_confounded or min(rates) == max(rates):
        return None, None
    contenders = [c.arms[arm] for arm in c.verdict.contenders]
    low, high = (next((arm for arm in contenders if arm.rate == end), None) for end in (min(rates), max(rates)))
    return low, high
