"""What to do about what a check-up found: each remedy follows from one finding, with the settings to change."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from lrscope.findings import statements as findings
from lrscope.findings import suggestions as to
from lrscope.findings.checkup import loss_statements as losses
from lrscope.findings.checkup import statements as schedules
from lrscope.findings.checkup.causes import HUGE
from lrscope.runs.quantities import Rate
from lrscope.runs.statement import Statement

RATE = (
    "rate-huge",
    "rate-runs",
    "rate-norm",
    "rate-loss",
    "highest-rate",
    "unknown",
    "coarse",
    "coarse-entries",
    "precision-unknown",
)
BATCH = ("batch", "sudden", "low-rate", "start")
PRECISION = ("precision", "precision-unknown", "sudden", "low-rate")
UNCLEAR = ("highest-rate", "coarse", "coarse-entries", "unknown", "start")

USUAL = 1e-4  # a rate to begin with where the one that was tried is none

F = TypeVar("F", bound=Statement)


@dataclass(frozen=True)
class Remedy:
    """One thing to do, the kind of finding it is `because` of, and the settings of a sweep that does it; none where
    lrscope's own training is not what has to change.
    """

    suggestion: to.Suggestion
    because: type[Statement]
    changes: dict[str, Any] = field(default_factory=dict)


def remedies(statements: Sequence[Statement], peak: float, *, is_own: bool = False) -> Iterator[Remedy]:
    """Yield what follows from findings; `peak` is the smallest peak rate of the runs they are of, NaN without one.

    Where `is_own`, lrscope trained them: every step was kept, and no option of another program helps.
    """
    yield from _of_divergence(statements, peak, is_own=is_own)
    for kind in (schedules.RateEndedEarly, schedules.RateStillHigh, schedules.WarmupUnfinished):
        # A floor that is held to the end may be meant so.
        if any(each.wording not in ("unfinished", "log-ends", "floor") for each in _of(statements, kind)):
            yield Remedy(to.MatchLength(), kind)
            break
    still = _first(statements, (losses.LossUnmoved, losses.DevUnmoved, losses.GradientZero))
    if still is not None and peak > 0.0:
        rate = _short(10.0 * peak)
        yield Remedy(to.CheckTrainable(Rate(rate)), still, {"peak_rate": rate})
    improving = {each.arm for each in _of(statements, findings.StillImproving)}  # by what settings are compared by
    for rise in [each for each in _of(statements, findings.DevLossRises) if each.arm not in improving][:1]:
        yield Remedy(to.KeepBest(rise.at, is_own), findings.DevLossRises)


def _of_divergence(statements: Sequence[Statement], peak: float, *, is_own: bool) -> Iterator[Remedy]:
    causes = _of(statements, losses.DivergenceCause)
    named, because = {each.wording for each in causes}, losses.DivergenceCause
    if named & {*RATE} and peak > 0.0:
        rate = USUAL if peak > HUGE else _short(peak / 3.0)
        yield Remedy(to.LowerRate(Rate(rate), peak <= HUGE), because, {"peak_rate": rate})
    if named & {*PRECISION} and not is_own:
        yield Remedy(to.UseBfloat16(), because)
    places = [each.at.low for each in _of(statements, losses.LossBroke) if named & {*BATCH}]
    if places:
        yield Remedy(to.InspectBatch(places[0]), because)
    elif zero := _of(statements, losses.LossZero):
        yield Remedy(to.InspectBatch(zero[0].at.low), losses.LossZero)
    elif spikes := _of(statements, losses.LossSpikes):
        yield Remedy(to.InspectBatch(spikes[0].at.low), losses.LossSpikes)
    if named & {*UNCLEAR} and not is_own:
        yield Remedy(to.LogMore(), because)


def _short(rate: float) -> float:
    return float(f"{rate:.2g}") if math.isfinite(rate) else rate


def _of(statements: Sequence[Statement], kind: type[F]) -> list[F]:
    return [each for each in statements if isinstance(each, kind)]


def _first(statements: Sequence[Statement], kinds: Sequence[type[Statement]]) -> type[Statement] | None:
    return next((kind for kind in kinds if _of(statements, kind)), None)
