"""The report's charts: the metric against the rate, and the course of every arm."""

from __future__ import annotations

import math

import numpy as np

from lrscope.findings.learning_curves import course
from lrscope.records import Metric
from lrscope.report.chart import Chart, Series
from lrscope.report.wording import Wording
from lrscope.statistics.conclusions import ArmView, Conclusions
from lrscope.statistics.distributions import t_critical

MAX_CURVES = 21


def rate_chart(c: Conclusions, wording: Wording) -> Chart | None:
    """Draw every arm's value with its interval against its rate, contenders shaded; None where arms have no rates."""
    families: dict[str, list[tuple[int, ArmView]]] = {}
    for number, arm in enumerate(c.arms):
        if arm.rate is None or arm.rate <= 0:
            return None
        rest = ", ".join(part for part in arm.name.split(", ") if not part.startswith("lr "))
        families.setdefault(rest, []).append((number, arm))
    series = []
    for number, (name, arms) in enumerate(families.items()):
        points = [(float(arm.rate or 0.0), arm.value) for _, arm in arms if not math.isnan(arm.value)]
        errors = [half_width(c, place) for place, arm in arms if not math.isnan(arm.value)]
        series.append(Series(name, points, number, errors))
        singles = [
            (float(arm.rate or 0.0), c.runs.value(run)) for _, arm in arms for run in arm.done if len(arm.done) > 1
        ]
        series.append(Series("", singles, number, is_faint=True, has_line=False))
    left = [float(arm.rate or 0.0) for arm in c.arms if arm.standing == "contender"]
    bands = [(min(left), max(left))] if left and len(families) == 1 else []
    return Chart(
        wording.word("by-rate"), wording.word("rate"), wording.word("dev"),
        [item for item in series if item.points], log=True, bands=bands,
    )  # fmt: skip


def half_width(c: Conclusions, number: int) -> float:
    """Return half of the 95% interval that an arm is drawn with: half of what tells it from another.

    The median standard error of its differences from the others, over √2: what is common to all arms is left out.
    """
    from lrscope.statistics.multiplicity import effective_freedom

    e = c.evidence
    others = [arm for arm in range(e.num_arms) if arm != number and not math.isnan(e.values[arm])]
    if not others:
        return 1.96 * c.value_error(c.arms[number])
    error = float(np.median(e.errors[number, others])) / math.sqrt(2.0)
    if not math.isfinite(error):
        return math.nan
    # As well as its noise is known from any pair: pairs that share few seeds know little of it.
    kinds = {(round(float(e.shares[number, other]), 2), float(e.freedom[number, other])) for other in others}
    freedom = max(effective_freedom(share, freedom, c.error) for share, freedom in kinds)
    return t_critical(c.error / 2.0, freedom) * error


def course_charts(c: Conclusions, wording: Wording) -> list[Chart]:
    """Draw the decision metric on dev by epoch, and the training loss, a line an arm; the best arms where many."""
    order = [c.arms[number] for number in c.order][:MAX_CURVES]
    shown = [arm for arm in c.arms if arm in order]
    charts = []
    loss = Metric("loss", "minimize")
    for split, metric in (("dev", c.runs.metric), ("train", loss)):
        sign = metric.sign
        series = []
        for number, arm in enumerate(shown):
            found = course(arm.done, split, metric, 0.0)
            if found is not None:
                series.append(Series(arm.name, [(epoch, sign * value) for epoch, value in found.points], number))
        if series:
            charts.append(Chart(wording.word("curves"), wording.word(c.runs.axis), wording.word(split), series))
    return charts
