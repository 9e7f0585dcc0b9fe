"""A stretch of steps that stands twice in a log: training was resumed from an earlier checkpoint."""

from __future__ import annotations

from collections.abc import Iterator

from lrscope.findings.checkup import statements as s
from lrscope.findings.checkup.log_view import LogView, exactly
from lrscope.runs.quantities import Epoch, Rate, Step
from lrscope.runs.training_log import TrainingLog

SAME = 0.01  # of the peak: rates that lie nearer are the same


def resumption_findings(view: LogView, log: TrainingLog) -> Iterator[s.CheckFinding]:
    """Yield which steps were trained twice, and whether at the same rates; equal losses are a copy of the log.

    Entries are matched by their steps, or by their epochs where only those were logged.
    """
    before = log.before
    if before is None:
        return
    by_epoch = not set(before.steps.tolist()) <= set(log.steps.tolist())
    by_epoch = by_epoch or log.counts_entries or before.counts_entries
    places, at = (before.epochs, log.epochs) if by_epoch else (before.steps, log.steps)
    now = {place: index for index, place in enumerate(at.tolist())}
    both = [(index, now[place]) for index, place in enumerate(places.tolist()) if place in now]
    if not any(before.losses[then] != log.losses[again] for then, again in both):
        return
    pairs = ((float(before.rates[then]), float(log.rates[again])) for then, again in both)
    differ = next((pair for pair in pairs if abs(pair[0] - pair[1]) > SAME * view.peak), None)
    first, second = (None, None) if differ is None else (exactly(Rate(differ[0])), exactly(Rate(differ[1])))
    begin, end = float(places[both[0][0]]), float(places[both[-1][0]])
    if by_epoch:
        yield s.TrainedTwice(exactly(Epoch(begin)), exactly(Epoch(end)), first, second)
    else:
        yield s.TrainedTwice(exactly(Step(begin)), exactly(Step(end)), first, second)
