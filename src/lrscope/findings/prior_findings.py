"""What was expected of the best rate before anything was trained, beside what the runs show."""

from __future__ import annotations

from collections.abc import Iterator

from lrscope.config import StudyConfig, TrialConfig
from lrscope.findings.statements import Finding, PriorHeld, PriorMissed
from lrscope.priors.of_study import prior_over
from lrscope.runs.quantities import Interval, Multiple, Rate
from lrscope.statistics.conclusions import Conclusions


def prior_findings(c: Conclusions) -> Iterator[Finding]:
    """Hold the best rate against the prior of the study: where the runs bound it, and the prior says anything."""
    study, top = c.runs.study, c.peak
    if not isinstance(study, StudyConfig) or top is None or not (top.low and top.high):
        return
    trial = next((each for each in c.runs.configs.values() if isinstance(each, TrialConfig)), study.trial)
    steps = max((point.step or 0 for run in c.runs.runs for point in run.points), default=0)
    prior = prior_over(study, trial, steps)
    if prior is None or not prior.is_narrow:
        return
    low, high = prior.interval()
    expected, found = Interval(Rate(low), Rate(high)), Rate(top.rate)
    if low <= top.rate <= high:
        yield PriorHeld(expected, found)
    else:
        yield PriorMissed(expected, found, Multiple(abs(prior.deviation(top.rate))))
