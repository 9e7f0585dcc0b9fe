"""What the runs show, each finding with the numbers that carry it, in no language."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator

from lrscope.findings.learning_curves import Course, course, gap_begins
from lrscope.records import Metric
from lrscope.runs.applied_rates import schedule_findings
from lrscope.runs.said import Said
from lrscope.statistics.conclusions import ArmView, Conclusions
from lrscope.statistics.distributions import share_interval

FAR = 6.0  # standard deviations below the other seeds


def findings(c: Conclusions) -> list[Said]:
    """Return all findings: of the comparison, of single arms, of the records themselves."""
    applied = [(arm.name, [run.applied for run in arm.runs if run.applied is not None]) for arm in c.arms]
    return [*_comparison(c), *_courses(c), *_generalises(c), *schedule_findings(applied), *_records(c)]


def _comparison(c: Conclusions) -> Iterator[Said]:
    for place in ("too low", "worse", "too high"):
        out = [arm for arm in c.arms if arm.standing == place]
        if out:
            yield Said(
                place.replace(" ", "-"), {"arms": [arm.name for arm in out], "gaps": [_gap(c, arm) for arm in out]}
            )
    left = [arm for arm in c.arms if arm.standing == "contender"]
    rates = [arm.rate for arm in c.arms]
    if len(c.arms) == 1:
        yield Said("one-arm")
    elif len(left) > 1 and not c.verdict.is_decided and c.knows_spread:
        low, high = _reaches(c)
        yield Said("not-told-apart", {"arms": [arm.name for arm in left], "least": low, "most": high})
    if c.runs.varied and len(c.arms) > 1 and c.is_confounded:
        yield Said("confounded", {"settings": [name.replace("_", " ") for name in c.runs.varied]})
    if (top := c.peak) is not None:
        tried = [rate for rate in rates if rate is not None]
        if top.low and top.high:
            yield Said("peak", {"rate": top.rate, "low_rate": top.low, "high_rate": top.high})
        else:
            yield Said("peak-open", {"rate": top.rate, "low_rate": min(tried), "high_rate": max(tried)})
    known = sum(not math.isnan(arm.value) for arm in c.arms)
    if known > 1 and all(rate is not None for rate in rates) and not c.is_confounded:
        ends = min(rate for rate in rates if rate), max(rate for rate in rates if rate)
        for kind, end in zip(("edge-low", "edge-high"), ends, strict=True):
            at_end = next((arm for arm in left if arm.rate == end), None)
            if at_end is not None and ends[0] < ends[1]:
                yield Said(kind, {"rate": end}, at_end.name)


def _gap(c: Conclusions, arm: ArmView) -> tuple[float, float]:
    """Return how far an arm is below the one that shows that it is not the best, and the standard error of that."""
    e = c.evidence
    if arm.beaten_by is None or math.isnan(arm.value):
        return math.nan, math.nan
    rival, own = e.names.index(arm.beaten_by), e.names.index(arm.name)
    return float(e.differences[rival, own]), float(e.errors[rival, own])


def _reaches(c: Conclusions) -> tuple[float, float]:
    """Return by how much, at least and at most, one contender would have to lead another for that one to be out."""
    left = c.verdict.contenders
    reaches = [float(c.verdict.best_reach[a, b]) for a in left for b in left if a < b]
    return min(reaches), max(reaches)


def _courses(c: Conclusions) -> Iterator[Said]:
    metric = c.runs.metric
    for arm in c.arms:
        error = c.value_error(arm)
        dev = course(arm.done, "dev", metric, error)
        if dev is None or math.isnan(error):
            continue
        if (rise := dev.still_rises()) is not None:
            yield Said("still-rises", {"rise": rise[0], "error": rise[1], "epoch": dev.points[-1][0]}, arm.name)
        if (swings := dev.swings()) is not None:
            yield Said("unstable", {"number": swings[0], "fall": swings[1], "error": swings[2]}, arm.name)
        if (fall := dev.falls_after_best()) is not None:
            yield Said("falls", {"epoch": fall[0], "fall": fall[1], "error": fall[2]}, arm.name)
        yield from _overfits(arm, metric, dev, error)


def _overfits(arm: ArmView, metric: Metric, dev: Course, error: float) -> Iterator[Said]:
    train = course(arm.done, "train", metric, error)
    if train is not None and (begins := gap_begins(train, dev, math.sqrt(2.0) * error)) is not None:
        sign = metric.sign
        values = {"epoch": begins, "train": sign * train.points[-1][1], "dev": sign * dev.points[-1][1]}
        yield Said("gap", values, arm.name)
    loss = Metric("loss", "minimize")
    on_loss = course(arm.done, "dev", loss, 0.0)
    fitted = course(arm.done, "train", loss, 0.0)
    if metric != loss and on_loss is not None and fitted is not None and len(on_loss.points) > 2:
        epoch, least = on_loss.best
        if epoch < on_loss.points[-1][0] and -on_loss.points[-1][1] > -least * 1.02:
            values = {"epoch": epoch, "least": -least, "last": -on_loss.points[-1][1]}
            yield Said("loss-rises", values, arm.name)


def _generalises(c: Conclusions) -> Iterator[Said]:
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
        if gap >= 0.0:
            yield Said("generalises", {"gap": gap, "from": gap - reach, "to": gap + reach, "test": test}, arm.name)
        else:
            yield Said("test-above", {"gap": -gap, "from": -gap - reach, "to": -gap + reach, "test": test}, arm.name)


def _fallen(c: Conclusions) -> Iterator[Said]:
    """Name runs that ended far below the other seeds of their arm: further than seeds spread in the arms on the whole.

    Spreads are medians of distances from the median, which a fallen seed does not widen.
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
                told = {"seed": run.seed, "value": sign * value, "middle": sign * middles[arm.name]}
                yield Said("seed-fell", told, arm.name)


def _records(c: Conclusions) -> Iterator[Said]:
    for arm in c.arms:
        for kind, number in (("diverged", arm.num_diverged), ("failed", arm.num_failed)):
            if number:
                low, high = share_interval(number, len(arm.runs))
                yield Said(kind, {"number": number, "of": len(arm.runs), "low": low, "high": high}, arm.name)
    yield from _fallen(c)
    known = sum(not math.isnan(arm.value) for arm in c.arms)
    if c.is_assumed and known > 1:
        if c.knows_spread:
            named = {"sd": c.assumed_sd, "flips": c.flips_at, "is_named": c.seed_sd is not None}
            yield Said("assumed-sd", named)
        else:
            yield Said("no-spread")
    if c.is_of_these and known > 1:
        yield Said("size-unused" if c.runs.sizes.get("dev") else "no-sizes")
    yield from c.runs.notes
