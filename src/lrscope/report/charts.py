"""The report's charts, as data: the metric against the rate, and every setting's training curves.

The page, the Markdown and the image files of a sweep all draw these: one colour a setting, one interval.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from lrscope.config.arms import described
from lrscope.findings.learning_curves import course
from lrscope.records import Metric
from lrscope.report.chart import PATTERNS, Chart, Dots, Points, Series, Sign
from lrscope.report.rate_spans import rate_spans
from lrscope.report.thinned_curve import Spread, thinned
from lrscope.report.wording import Wording
from lrscope.report.wording import number as written
from lrscope.statistics.arm_view import ArmView
from lrscope.statistics.conclusions import Conclusions
from lrscope.statistics.distributions import t_critical

MAX_CURVES, BEST_CURVES = 21, 8  # settings whose curves are drawn; of more, the best
MAX_WHOLE, BEST = 30, 12  # settings that are drawn with intervals and seeds; of more, the best
MAX_TICKS = 15  # rates that are named on the axis, where there is room; of more, round ones
MAX_LINES = 8  # that a legend names
MAX_SPREADS, BEST_SPREADS = 7, 4  # settings whose seeds' bands are drawn; of more, which cover one another, the best
LOSS = Metric("loss", "minimize")


def rate_chart(c: Conclusions, wording: Wording) -> Chart | None:
    """Return every setting's value with its interval against its rate, contenders shaded; None where one has no rate.

    Settings that differ in the rate alone are joined by a line.
    """
    if any(arm.rate is None or arm.rate <= 0.0 for arm in c.arms):
        return None
    families: dict[tuple[str, ...], list[int]] = {}
    for number, arm in enumerate(c.arms):
        families.setdefault(c.runs.kinds.get(arm.name, ()), []).append(number)
    series: list[Series] = []
    lines: list[tuple[Sign, str]] = []
    offsets: dict[str, float] = {}
    for line_number, (kind, numbers) in enumerate(families.items()):
        offset = 7.0 * (line_number - (len(families) - 1) / 2.0)
        name = wording.setting(described(dict(zip(c.runs.varied, kind, strict=True))))
        pattern = line_number % len(PATTERNS)
        lines += [(PATTERNS[pattern], name)] * (len(families) > 1)
        if len(families) > MAX_LINES:  # which cover one another
            lines, offset = [], 0.0
        line = tuple((_rate(c.arms[n]), c.arms[n].value) for n in numbers)
        if len(families) <= MAX_LINES:
            series.append(Series(name, line, None, dots="none", dashes=pattern, offset=offset, is_named=False))
        for number in numbers:
            series += _arm(c, number, offset, wording)
            offsets[c.arms[number].name] = offset
    known = [arm for arm in c.arms if not math.isnan(arm.value)]
    spans = rate_spans(c, wording)
    rates, first = tuple(sorted({_rate(arm) for arm in c.arms})), c.recommended
    return Chart(
        wording.word("by-rate"), wording.word("rate"), wording.word("dev-metric"), tuple(series), log=True,
        ticks=rates if len(rates) <= MAX_TICKS else (),
        bands=_contender_bands(c) if len(families) == 1 else (),
        levels=_levels(c, c.runs.metric),
        ring=(_rate(first), first.value) if first is not None and len(known) > 1 else None,
        ring_offset=0.0 if first is None else offsets[first.name],
        notes=tuple(
            (_rate(arm), wording.word("num-diverged", number=arm.num_diverged), number)
            for number, arm in enumerate(c.arms)
            if arm.num_diverged
        ),
        legend=(
            *_legend(c, wording, is_band=len(families) == 1), *((span.sign, span.name) for span in spans),
            *lines,
        ),
        spans=spans,
    )  # fmt: skip


def _rate(arm: ArmView) -> float:
    return float(arm.rate or 0.0)


def _arm(c: Conclusions, number: int, offset: float, wording: Wording) -> list[Series]:
    """Return a setting's mean with its interval, full where it may be the best, and its seeds beside it."""
    arm, name = c.arms[number], wording.setting(c.arms[number].name)
    dots: Dots = "filled" if arm.standing == "contender" else "hollow"
    mean = Series(
        name, ((_rate(arm), arm.value),), number, line=False, dots=dots, offset=offset,
        errors=(half_width(c, number),) if number in _whole(c) else (),
    )  # fmt: skip
    if len(arm.done) < 2 or number not in _whole(c):
        return [mean]
    seeds = tuple((_rate(arm), c.runs.value(run)) for run in arm.done)
    return [mean, Series(name, seeds, number, line=False, dots="seed", offset=offset + 7.0)]


def _whole(c: Conclusions) -> set[int]:
    """Return which settings are drawn with their intervals and seeds: of very many, those of the best."""
    return set(range(len(c.arms)) if len(c.arms) <= MAX_WHOLE else c.order[:BEST])


def _legend(c: Conclusions, wording: Wording, *, is_band: bool) -> tuple[tuple[Sign, str], ...]:
    standings = {arm.standing for arm in c.arms}
    several = any(len(arm.done) > 1 for arm in c.arms)
    has_interval = any(half_width(c, number) > 0.0 for number in range(len(c.arms)))
    first = "first" if c.recommends_arm else "first-that-ran"
    signs: list[tuple[Sign, str, bool]] = [
        ("ring", first, c.recommended is not None and c.num_known > 1),
        ("band" if is_band else "filled", "contender", "contender" in standings),
        ("hollow", "worse", bool(standings & {"too low", "too high", "worse"})),
        ("interval", "interval", has_interval),
        ("seed", "one-seed", several),
    ]
    if len(_whole(c)) < len(c.arms):
        best = wording.word("interval-of-best", number=BEST)
        signs = [(sign, best if sign == "interval" else key, is_shown) for sign, key, is_shown in signs]
    named = tuple((sign, wording.locale.words.get(key, key)) for sign, key, is_shown in signs if is_shown)
    return (*named, *_guessing(c, wording, c.runs.metric))


def _guessing(c: Conclusions, wording: Wording, metric: Metric) -> tuple[tuple[Sign, str], ...]:
    """Return the legend's entry for what guessing gets by a metric; none where it is not known."""
    baseline = c.runs.baseline.get(metric.name)
    return () if baseline is None else (("level", wording.word("guessing-level", value=written(baseline))),)


def _levels(c: Conclusions, metric: Metric) -> tuple[float, ...]:
    return (c.runs.baseline[metric.name],) if metric.name in c.runs.baseline else ()


def _contender_bands(c: Conclusions) -> tuple[tuple[float, float], ...]:
    """Return intervals of the rate that hold the contenders and no other setting."""
    arms = sorted(c.arms, key=_rate)
    logs = [math.log10(_rate(arm)) for arm in arms]
    gaps = [b - a for a, b in pairwise(logs) if b > a]
    room = min([0.12, *(0.35 * gap for gap in gaps)])
    bands: list[tuple[float, float]] = []
    is_open = False
    for arm, at in zip(arms, logs, strict=True):
        is_in = arm.standing == "contender"
        if is_in and is_open:
            bands[-1] = bands[-1][0], 10.0 ** (at + room)
        elif is_in:
            bands.append((10.0 ** (at - room), 10.0 ** (at + room)))
        is_open = is_in
    return tuple(bands)


def half_width(c: Conclusions, number: int) -> float:
    """Return half of the 95% interval that an arm is drawn with: half of what tells it from another.

    The median standard error of its differences from the others, over √2: what is common to all arms is left out.
    """
    from lrscope.statistics.multiplicity import effective_freedom

    e = c.evidence
    others = np.flatnonzero(~np.isnan(e.values) & (np.arange(e.num_arms) != number))
    if not len(others):
        return 1.96 * c.value_error(c.arms[number])
    error = float(np.median(e.errors[number, others])) / math.sqrt(2.0)
    if not math.isfinite(error):
        return math.nan
    # As well as its noise is known from any pair: pairs that share few seeds know little of it.
    shares, freedoms = e.shares[number, others].round(2), e.freedom[number, others]
    least = {float(known): float(shares[freedoms == known].min()) for known in np.unique(freedoms)}
    freedom = max(effective_freedom(share, known, c.error) for known, share in least.items())
    return t_critical(c.error / 2.0, freedom) * error


def curve_charts(c: Conclusions, wording: Wording, *, with_loss: bool = True) -> list[Chart]:
    """Return the decision metric, and the loss, along training: dev and train together, a colour a setting.

    Where settings are many, the best of them; without the loss where that is drawn from what was logged. Runs of one
    evaluation have no course: what they came to stands beside their rates, and in the table.
    """
    shown = drawn_settings(c)
    return [
        chart
        for metric, title in ((c.runs.metric, wording.metric), (LOSS, wording.word("loss")))
        if with_loss or metric.name != LOSS.name
        if metric is not LOSS or c.runs.metric.name != LOSS.name
        if (chart := _curves(c, wording, metric, shown, title)).has_courses
    ]


def drawn_settings(c: Conclusions) -> list[int]:
    """Return the settings whose courses are drawn, in their order: of very many, the best."""
    best = set(c.order[: MAX_CURVES if len(c.arms) <= MAX_CURVES else BEST_CURVES])
    return [number for number in range(len(c.arms)) if number in best]


def _banded(c: Conclusions, shown: list[int]) -> list[int]:
    """Return whose seeds' bands are drawn: of many settings those that may be the best, then the best of the others."""
    if len(shown) <= MAX_SPREADS:
        return shown
    order = [number for number in c.order if number in shown and len(c.arms[number].done) > 1]
    return sorted(order, key=lambda number: c.arms[number].standing != "contender")[:BEST_SPREADS]


def _curves(c: Conclusions, wording: Wording, metric: Metric, shown: list[int], title: str) -> Chart:
    dev, train = [], []
    has_dev = any(not math.isnan(run.last("dev", metric.name)) for n in shown for run in c.arms[n].done)
    dots: Dots = "none" if has_dev else "filled"
    banded = _banded(c, shown)
    for number in shown:
        name = wording.setting(c.arms[number].name)
        pattern = (0, 2, 3)[number // 7 % 3]
        points, spread = _curve(c.arms[number], "dev", metric)
        dev.append(Series(name, points, number, dashes=pattern, spread=spread if number in banded else ()))
        points, _ = _curve(c.arms[number], "train", metric)
        label = f"{name}, {wording.word('train')}"
        train.append(Series(name, points, number, dots=dots, dashes=1, is_named=not has_dev, label=label))
    positions = sorted({x for series in (*dev, *train) for x, _ in series.finite})
    range_of = "seed-range" if len(shown) <= MAX_SPREADS else "seed-range-of-best"
    signs: list[tuple[Sign, str, bool]] = [
        ("solid", "dev", any(series.finite for series in dev)),
        ("dashed", "train", any(series.finite for series in train)),
        ("spread", range_of, any(series.spread for series in dev)),
    ]
    named = tuple((sign, wording.word(key, number=len(banded))) for sign, key, is_shown in signs if is_shown)
    return Chart(
        title, wording.word(c.runs.axis), title, (*train, *dev),
        ticks=tuple(positions) if len(positions) <= 15 and all(x == int(x) for x in positions) else (),
        levels=_levels(c, metric) if positions else (),
        legend=(*named, *_guessing(c, wording, metric)),
    )  # fmt: skip


def _curve(arm: ArmView, split: str, metric: Metric) -> tuple[Points, Spread]:
    """Return the mean over seeds where all were measured, and the least and the most of them where they are several.

    Of very many points those are left out that nobody would see.
    """
    mean = course(arm.done, split, metric, 0.0)
    if mean is None:
        return (), ()
    points = tuple((position, metric.sign * value) for position, value in mean.points)
    seeds = [dict(run.series(split, metric.name)) for run in arm.done]
    each = [by_position for by_position in seeds if by_position]
    if len(each) < 2:
        return thinned(points)
    return thinned(points, tuple((min(s[x] for s in each), max(s[x] for s in each)) for x, _ in points))
