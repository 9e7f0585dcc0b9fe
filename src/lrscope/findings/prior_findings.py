"""What was expected of the best rate before anything was trained, beside what the runs show."""

from __future__ import annotations

from collections.abc import Iterator

from lrscope.config import StudyConfig, TrialConfig
from lrscope.findings.statements import Finding, PriorHeld, PriorMissed
from lrscope.priors.of_study import prior_over
from lrscope.priors.prior import Prior
from lrscope.runs.quantities import Interval, Multiple, Rate
from lrscope.statistics.conclusions import Conclusions


def prior_findings(c: Conclusions) -> Iterator[Finding]:
    """Hold the best rate against the prior of the study: where the runs bound it, and the prior says anything."""
    top = c.peak
    if top is None or not (top.low and top.high) or (prior := expected_before(c)) is None:
        return
    low, high = prior.interval()
    expected, found = Interval(Rate(low), Rate(high)), Rate(top.rate)
    if low <= top.rate <= high:
        yield PriorHeld(expected, found)
    else:
        yield PriorMissed(expected, found, Multiple(abs(prior.deviation(top.rate))))


def expected_before(c: Conclusions) -> Prior | None:
    """Return what was expected of the best rate before training; None where that says no more than a range test would.

    Of runs that others made nothing is known that a prior could be asked for.
    """
    study = c.runs.study
    if not isinstance(study, StudyConfig):
        return None
    trial = next((each for each in c.runs.configs.values() if isinstance(each, TrialConfig)), study.trial)
    steps = max((point.step or 0 for run in c.runs.runs for point in run.points), default=0)
    prior = prior_over(study, trial, steps)
    return prior if prior is not None and prior.is_narrow else None
