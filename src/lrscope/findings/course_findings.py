"""What the course of each setting along its training shows: better or worse at the end, unstable, overfitted."""

from __future__ import annotations

import math
from collections.abc import Iterator

from lrscope.findings import statements as s
from lrscope.findings.checkup.dev_loss import rise_after_least
from lrscope.findings.learning_curves import Course, course, gap_begins
from lrscope.records import Metric
from lrscope.runs.quantities import Count, Epoch, Estimate, Setting, Step, Value
from lrscope.statistics.arm_view import ArmView
from lrscope.statistics.conclusions import Conclusions


def course_findings(c: Conclusions) -> Iterator[s.Finding]:
    """Yield what the course of every setting shows: of the decision metric beyond its noise, and of the dev loss."""
    metric = c.runs.metric
    position = Epoch if c.runs.axis == "epoch" else Step
    for arm in c.arms:
        of_examples = c.value_error(arm)
        error = _seed_error(c) if math.isnan(of_examples) else of_examples
        dev = course(arm.done, "dev", metric, error)
        if dev is None or math.isnan(error):
            yield from _dev_loss_rises(arm, metric, set(), position)
            continue
        found = list(_on_metric(c, arm, dev, error, position))
        yield from found
        yield from _dev_loss_rises(arm, metric, {type(each) for each in found}, position)


def _on_metric(
    c: Conclusions, arm: ArmView, dev: Course, error: float, position: type[Epoch] | type[Step]
) -> Iterator[s.Finding]:
    """Say what a setting's course on the decision metric shows beyond its noise."""
    of_examples, name = c.value_error(arm), Setting(arm.name)
    if (rise := dev.still_rises()) is not None:
        yield s.StillImproving(name, Estimate(*rise), position(dev.points[-1][0]))
    if not math.isnan(of_examples) and (swings := dev.swings()) is not None:
        yield s.Unstable(name, Count(swings[0]), Estimate(*swings[1:]))
    if (fall := dev.falls_after_best()) is not None:
        yield s.WorseAfterBest(name, position(fall[0]), Estimate(*fall[1:]))
    if not math.isnan(of_examples):
        yield from _overfits(arm, c.runs.metric, dev, error, position)


def _seed_error(c: Conclusions) -> float:
    """Return how far a run's value is chance by how seeds differ, NaN where none shows it."""
    is_known = not c.is_assumed or c.seed_sd is not None
    return math.sqrt(c.evidence.noise.variance / 2.0) if is_known else math.nan


def _overfits(
    arm: ArmView, metric: Metric, dev: Course, error: float, position: type[Epoch] | type[Step]
) -> Iterator[s.Finding]:
    train = course(arm.done, "train", metric, error)
    if train is not None and (begins := gap_begins(train, dev, math.sqrt(2.0) * error)) is not None:
        sign = metric.sign
        last = Value(sign * train.points[-1][1]), Value(sign * dev.points[-1][1])
        yield s.Overfitting(Setting(arm.name), position(begins), *last)


def _dev_loss_rises(
    arm: ArmView, metric: Metric, told: set[type[s.Finding]], position: type[Epoch] | type[Step]
) -> Iterator[s.Finding]:
    """Say where the dev loss rose again, unless that is what was said already: that the metric, the loss, got worse."""
    loss = Metric("loss", "minimize")
    runs = arm.done or [run for run in arm.runs if run.status != "diverged"]
    dev, train = course(runs, "dev", loss, 0.0), course(runs, "train", loss, 0.0)
    if dev is None or (metric == loss and s.WorseAfterBest in told):
        return
    rise = rise_after_least([(at, -value) for at, value in dev.points])
    if rise is None:
        return
    at, least, last = rise
    # Where the training loss rises as well, training broke: that is no overfitting.
    fitted = [-value for place, value in train.points if place >= at] if train is not None else []
    if not fitted or fitted[-1] <= 1.1 * fitted[0]:
        yield s.DevLossRises(Setting(arm.name), position(at), Value(least), Value(last))
