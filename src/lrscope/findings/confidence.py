"""How sure a recommendation is, in one word, by a rule that a reader can check."""

from __future__ import annotations

import math
from typing import Literal

from lrscope.findings.edges import contenders_at_edges, unmeasured
from lrscope.runs.ahead import RunsLeft
from lrscope.runs.notes import SeedUnused
from lrscope.statistics.conclusions import Conclusions

Level = Literal["high", "medium", "low"]
Reason = Literal[
    "winner",
    "equivalent",
    "firm",
    "recorded",
    "undecided",
    "none-ruled-out",
    "edge",
    "unmeasured",
    "few-seeds",
    "assumed",
    "unknown",
    "alone",
    "unfinished",
    "same-seeds",
]
MIN_SEEDS = 3


def confidence(c: Conclusions) -> tuple[Level, Reason]:
    """Return the level, and the reason that decides it.

    high: one setting is left, or all that are left are equivalent within the margin; the noise of seeds was measured,
    with three seeds or more; and the best rate does not lie at an end of those that were tried, nor may it be one that
    has no result; and all runs that were planned have ended. medium: the same, but
    several settings are left, or the noise is assumed and none from a tenth to ten times of what is usual would change
    what is left. low: all else.
    """
    if isinstance(c.runs.ahead, RunsLeft):
        return "low", "unfinished"
    known = [arm for arm in c.arms if not math.isnan(arm.value)]
    left = c.verdict.contenders
    if len(known) < 2:
        return "low", "alone"
    if any(isinstance(note, SeedUnused) for note in c.audit):
        return "low", "same-seeds"
    if not c.knows_spread:
        return "low", "unknown"
    if c.flips is not None and not (c.flips.is_firm and c.verdict.is_decided):
        return "low", "assumed"
    if not c.verdict.is_decided and len(left) == len(known):
        return "low", "none-ruled-out"
    if unmeasured(c):
        return "low", "unmeasured"
    if any(contenders_at_edges(c)):
        return "low", "edge"
    if c.is_assumed:
        return "medium", "firm" if c.assumption.recorded is None else "recorded"
    if max(len(c.arms[arm].done) for arm in left) < MIN_SEEDS:
        return "low", "few-seeds"
    if not c.verdict.is_decided:
        return "medium", "undecided"
    return "high", "winner" if len(left) == 1 else "equivalent"
