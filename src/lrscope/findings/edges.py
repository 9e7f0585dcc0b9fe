"""Whether the best rate may lie where nothing was measured: beyond the rates tried, or at one without a result."""

from __future__ import annotations

import math

from lrscope.runs.ahead import RunsLeft
from lrscope.statistics.arm_view import ArmView
from lrscope.statistics.conclusions import Conclusions


def contenders_at_edges(c: Conclusions) -> tuple[ArmView | None, ArmView | None]:
    """Return what may be the best at the lowest rate that was tried, and at the highest; None where nothing does.

    A rate at which runs failed tells nothing, and does not count as tried; one at which they diverged is too high.
    Where a search is followed its interval says whether the best rate may lie beyond an end.
    Nothing is said where rates were tried at other settings than others, or an arm has none.
    """
    rates = [arm.rate for arm in c.arms if arm.rate and not _tells_nothing(arm)]
    if isinstance(c.runs.ahead, RunsLeft):  # what is still to run at a rate beyond says more than a guess
        rates += c.runs.ahead.rates
    known = sum(not math.isnan(arm.value) for arm in c.arms)
    if known < 2 or not _lies_along_rates(c) or min(rates) == max(rates):
        return None, None
    contenders = [c.arms[arm] for arm in c.verdict.contenders]
    low, high = (next((arm for arm in contenders if arm.rate == end), None) for end in (min(rates), max(rates)))
    goes_low, goes_high = _search_goes_beyond(c, min(rates), max(rates))
    return (low if goes_low else None), (high if goes_high else None)


def _search_goes_beyond(c: Conclusions, lowest: float, highest: float) -> tuple[bool, bool]:
    """Return whether the best rate may lie below and above these, by the search; both where none is followed."""
    if c.search is None or not c.follows_search:
        return True, True
    if c.search.interval is None:
        return (not c.search.is_bracketed,) * 2
    return c.search.interval[0] < lowest, c.search.interval[1] > highest


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
