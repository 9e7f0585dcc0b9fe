"""Whether the best rate may lie where nothing was measured: beyond the rates tried, or at one without a result."""

from __future__ import annotations

import math

from lrscope.statistics.arm_view import ArmView
from lrscope.statistics.conclusions import Conclusions


def contenders_at_edges(c: Conclusions) -> tuple[ArmView | None, ArmView | None]:
    """Return what may be the best at the lowest rate that was tried, and at the highest; None where nothing does.

    A rate at which runs failed tells nothing, and does not count as tried; one at which they diverged is too high.
    Nothing is said where rates were tried at other settings than others, or an arm has none.
    """
    rates = [arm.rate for arm in c.arms if arm.rate and not _tells_nothing(arm)]
    known = sum(not math.isnan(arm.value) for arm in c.arms)
    if known < 2 or not _lies_along_rates(c) or min(rates) == max(rates):
        return None, None
    contenders = [c.arms[arm] for arm in c.verdict.contenders]
    low, high = (next((arm for arm in contenders if arm.rate == end), None) for end in (min(rates), max(rates)))
    return low, high


def without_result(c: Conclusions) -> list[ArmView]:
    """Return the arms of which nothing is known: no run of theirs came to a value, and none diverged."""
    return [arm for arm in c.arms if _tells_nothing(arm)]


def unmeasured(c: Conclusions) -> list[ArmView]:
    """Return the arms without a result that may be the best: no rate that is ruled out lies before them.

    With a single peak along the rates, what lies beyond a rate that is ruled out is no better.
    """
    missing, left = without_result(c), [c.arms[arm].rate or 0.0 for arm in c.verdict.contenders]
    if not _lies_along_rates(c) or not left:
        return missing
    out = [arm.rate or 0.0 for arm in c.arms if arm.standing != "contender" and arm not in missing]
    return [arm for arm in missing if not any(_is_between(rate, arm.rate or 0.0, left) for rate in out)]


def _tells_nothing(arm: ArmView) -> bool:
    return math.isnan(arm.value) and not arm.num_diverged


def _lies_along_rates(c: Conclusions) -> bool:
    return all(arm.rate for arm in c.arms) and not c.is_confounded


def _is_between(rate: float, end: float, left: list[float]) -> bool:
    return end < rate < min(left) or max(left) < rate < end
