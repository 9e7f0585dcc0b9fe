"""What the runs show, each finding with the quantities that carry it, in no language."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence

from lrscope.config.catalogue import title_of
from lrscope.findings import statements as s
from lrscope.findings.checkup.checkup import checkup
from lrscope.findings.checkup.statements import RateJumps
from lrscope.findings.course_findings import course_findings
from lrscope.findings.edges import contenders_at_edges
from lrscope.findings.prior_findings import prior_findings
from lrscope.runs.quantities import (
    Count,
    Difference,
    Interval,
    Names,
    Number,
    Proportion,
    Rate,
    Setting,
    Settings,
    Share,
    Text,
    Value,
)  # fmt: skip
from lrscope.runs.statement import Statement
from lrscope.runs.training_log import schedule_notes
from lrscope.statistics.arm_view import ArmView
from lrscope.statistics.conclusions import Conclusions
from lrscope.statistics.distributions import share_interval

FAR = 6.0  # standard deviations below the other seeds


def findings(c: Conclusions) -> list[Statement]:
    """Return all findings: of the comparison, of single settings, of the records themselves."""
    checked = checkup(c.runs)
    jumping = {arm for each in checked if isinstance(each, RateJumps) for arm in each.arms}
    logs = [
        (arm.name, [run.log for run in arm.runs if run.log and not (arm.name in jumping and run.log.num_rises == 1)])
        for arm in c.arms
    ]
    return [
        *_comparison(c), *_peak(c), *prior_findings(c), *_edges(c), *course_findings(c), *_generalises(c), *checked,
        *schedule_notes(logs), *c.audit, *_records(c), *_assumptions(c), *c.runs.notes,
    ]  # fmt: skip


def _comparison(c: Conclusions) -> Iterator[s.Finding]:
    for standing, kind in (("too low", s.TooLow), ("worse", s.NotBest), ("too high", s.TooHigh)):
        out = [arm for arm in c.arms if arm.standing == standing and arm.beaten_through is None]
        if out and (gap := _range(_gap(c, arm) for arm in out)):
            yield kind(_names(out), gap)
    if by_order := [arm for arm in c.arms if arm.beaten_through is not None]:
        yield s.RuledOutByOrder(_names(by_order))
    if c.verdict.single_peak == "contradicted":
        yield s.TwoPeaks(Value(c.verdict.single_peak_p))
    yield from _guessing(c)
    left = [arm for arm in c.arms if arm.standing == "contender"]
    if len(c.arms) == 1:
        yield s.OneSetting()
    elif len(left) > 1 and not c.verdict.is_decided and c.knows_spread and (needed := _range(_reaches(c))):
        yield s.Undecided(_names(left), needed)
    if c.runs.varied and len(c.arms) > 1 and c.is_confounded:
        yield s.Confounded(Names(title_of(name) for name in c.runs.varied))


def _guessing(c: Conclusions) -> Iterator[s.Finding]:
    """Name the settings that did no better than guessing, where others did: where none did, the answer says so."""
    if c.learned is not None and c.learned.anything:
        no_better = [arm for arm, is_better in zip(c.arms, c.learned.arms, strict=True) if is_better is False]
        if no_better:
            yield s.NotAboveGuessing(_names(no_better), Value(c.learned.baseline))


def _peak(c: Conclusions) -> Iterator[s.Finding]:
    top = c.peak
    if top is None or c.search is not None:  # which has said where the best rate is
        return
    if top.low and top.high:
        yield s.Peak(Rate(top.rate), Interval(Rate(top.low), Rate(top.high)))
    else:
        tried = [arm.rate for arm in c.arms if arm.rate is not None]
        yield s.PeakOpen(Rate(top.rate), Interval(Rate(min(tried)), Rate(max(tried))))


def _edges(c: Conclusions) -> Iterator[s.Finding]:
    """Name a contender at an end of the rates that were tried."""
    for kind, arm in zip((s.EdgeLow, s.EdgeHigh), contenders_at_edges(c), strict=True):
        if arm is not None:
            yield kind(Setting(arm.name), Rate(arm.rate or 0.0))


def _names(arms: Sequence[ArmView]) -> Settings:
    return Settings(arm.name for arm in arms)


def _range(values: Iterator[float]) -> Interval[Value] | None:
    """Return the least and the most of what is known of these; None where nothing is."""
    known = [value for value in values if math.isfinite(value)]
    return Interval(Value(min(known)), Value(max(known))) if known else None


def _gap(c: Conclusions, arm: ArmView) -> float:
    """Return how far an arm is below the one that shows that it is not the best."""
    e = c.evidence
    if arm.beaten_by is None or math.isnan(arm.value):
        return math.nan
    return float(e.differences[e.names.index(arm.beaten_by), e.names.index(arm.name)])


def _reaches(c: Conclusions) -> Iterator[float]:
    """Yield by how much, at least and at most, one contender would have to lead another for that one to be out."""
    reaches = c.verdict.among(c.verdict.best_reach)
    yield from (float(reaches.min()), float(reaches.max()))


def _generalises(c: Conclusions) -> Iterator[s.Finding]:
    """Say how far test is from dev, for arms whose test values are known: never used to choose."""
    metric, sizes = c.runs.metric, c.runs.sizes
    if metric.direction != "maximize" or not sizes.get("dev") or not sizes.get("test"):
        return
    for arm in c.arms:
        tests = [run.final.get("test", {}).get(metric.name, math.nan) for run in arm.done]
        known = [value for value in tests if not math.isnan(value)]
        if not known or not 0.0 < arm.value < 1.0:
            continue
        test = sum(known) / len(known)
        error = math.sqrt(arm.value * (1 - arm.value) / sizes["dev"] + test * (1 - test) / sizes["test"])
        gap, reach = arm.value - test, 1.96 * error
        interval = Interval(Difference(gap - reach), Difference(gap + reach))
        yield s.DevTestGap(Setting(arm.name), Value(test), Difference(gap), interval)


def _collapsed(c: Conclusions) -> Iterator[s.Finding]:
    """Name runs that ended far below the other seeds of their arm: further than seeds spread in the arms on the whole.

    Spreads are medians of distances from the median, which a collapsed seed does not widen.
    """
    sign = c.runs.metric.sign
    values = {arm.name: [(run, sign * c.runs.value(run)) for run in arm.done] for arm in c.arms if len(arm.done) > 2}
    if not values:
        return
    middles = {name: statistics.median(value for _, value in of_arm) for name, of_arm in values.items()}
    spread = statistics.median(
        statistics.median(abs(value - middles[name]) for _, value in of_arm) for name, of_arm in values.items()
    )
    for arm in c.arms:
        noise = c.value_error(arm)
        reach = FAR * max(1.5 * spread, 0.0 if math.isnan(noise) else noise)
        for run, value in values.get(arm.name, []):
            if reach > 0.0 and middles[arm.name] - value > reach:
                middle = Value(sign * middles[arm.name])
                yield s.SeedCollapsed(Setting(arm.name), Number(run.seed or 0), Value(sign * value), middle)


def _records(c: Conclusions) -> Iterator[s.Finding]:
    for arm in c.arms:
        for kind, number in ((s.Diverged, arm.num_diverged), (s.Failed, arm.num_failed)):
            if number:
                low, high = share_interval(number, len(arm.runs))
                interval = Interval(Share(low), Share(high))
                yield kind(Setting(arm.name), Count(number), Count(len(arm.runs)), interval)
    yield from _collapsed(c)


def _assumptions(c: Conclusions) -> Iterator[s.Finding]:
    if sum(not math.isnan(arm.value) for arm in c.arms) < 2:
        return
    if c.is_assumed and c.knows_spread:
        yield _assumed_spread(c)
    elif c.is_assumed:
        yield s.UnknownSpread()
    if c.is_of_these:
        # Of how many examples a loss is the mean does not tell how much it varies among them.
        yield s.UnknownSize() if c.is_share and not c.runs.sizes.get("dev") else s.MeansOnly()


def _assumed_spread(c: Conclusions) -> s.Finding:
    """Name the seed noise that is assumed, where it is from, and at which the verdict would change."""
    taken = c.assumption
    flips = None if c.flips_at is None else Value(c.flips_at)
    if taken.recorded is None:
        return s.AssumedSpread(Value(taken.sd), flips, taken.is_asked)
    first, second = (float(c.evidence.values[arm]) for arm in c.order[:2])
    lead = first - second
    return s.RecordedSpread(
        Count(taken.recorded.settings), Text(taken.recorded.largest), Share(taken.recorded.usual),
        Share(taken.recorded.high), Value(taken.sd), Value(lead), Proportion(lead / taken.sd), flips,
    )  # fmt: skip
