"""A stretch of steps that stands twice in a log: training was resumed from an earlier checkpoint."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lrscope.findings.checkup import statements as s
from lrscope.findings.checkup.log_view import LogView, exactly
from lrscope.runs.quantities import Rate

SAME = 0.01  # of the peak: rates that lie nearer are the same


def resumption_findings(log: LogView) -> Iterator[s.CheckFinding]:
    """Yield which steps were trained twice, and whether at the same rates."""
    before = log.before
    if before is None or log.unit != "step":
        return
    now = dict(zip(log.at.tolist(), log.rates.tolist(), strict=True))
    differ = [
        (step, rate, now[step])
        for step, rate in zip(before.steps.tolist(), before.rates.tolist(), strict=True)
        if step in now and np.isfinite(rate) and np.isfinite(now[step]) and abs(rate - now[step]) > SAME * log.peak
    ]
    first, second = (None, None)
    if differ:
        _, then, again = differ[0]
        first, second = exactly(Rate(then)), exactly(Rate(again))
    yield s.TrainedTwice(log.place(float(before.steps[0])), log.place(float(before.steps[-1])), first, second)
