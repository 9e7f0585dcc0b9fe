"""The check-up of runs: each by its own log, and what holds of several alike said once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from lrscope.findings.checkup import statements as s
from lrscope.findings.checkup.breaks import Break, break_findings, find_breaks, find_rise
from lrscope.findings.checkup.causes import above_all_others, cause
from lrscope.findings.checkup.lengths import epochs_of_entries, length_findings
from lrscope.findings.checkup.log_view import LogView, exactly, log_view
from lrscope.findings.checkup.loss_statements import NothingOdd
from lrscope.findings.checkup.losses import gradient_findings, loss_findings
from lrscope.findings.checkup.resumption import resumption_findings
from lrscope.findings.checkup.schedule_check import schedule_findings
from lrscope.findings.checkup.spikes import spike_findings
from lrscope.runs.quantities import Count, Interval, Settings
from lrscope.runs.run import Run
from lrscope.runs.runs import Runs

FEW = 12  # entries: of fewer, losses tell little


def is_one_setting(runs: Runs) -> bool:
    """Whether there is nothing to compare: all runs are of one setting."""
    return len(runs.arms) == 1


def checkup(runs: Runs) -> list[s.CheckFinding]:
    """Return what the log of each run shows; where settings are compared, only what is odd."""
    views = [(run, view) for run in runs.runs if (view := log_view(run)) is not None]
    breaks = [find_breaks(view) for _, view in views]
    diverged = [run.rate for (run, _), each in zip(views, breaks, strict=True) if each and run.rate]
    healthy = [run.rate for (run, _), each in zip(views, breaks, strict=True) if not each and run.rate]
    found: list[tuple[Run, s.CheckFinding]] = []
    for (run, view), own in zip(views, breaks, strict=True):
        is_above = run.rate is not None and above_all_others(run.rate, diverged, healthy)
        of_run = list(_of_run(run, view, own, is_above=is_above))
        if not any(each.IS_ODD for each in of_run):
            entries = int((~np.isnan(view.losses) | ~np.isnan(view.rates)).sum())
            of_run.append(NothingOdd(exactly(Count(entries)), entries < FEW, view.is_planned))
        found += [(run, each) for each in of_run]
    told = found if is_one_setting(runs) else [(run, each) for run, each in found if each.IS_ODD]
    return _together(told, runs)


def schedule_of(checked: Iterable[s.CheckFinding]) -> s.CheckFinding:
    """Return what the check-up of a run that stands alone says of the schedule that was applied."""
    kinds = s.ScheduleApplied, s.ScheduleKnown, s.RateAlwaysZero, s.RatesNotLogged
    return next((each for each in checked if isinstance(each, kinds)), s.RatesNotLogged())


def _of_run(run: Run, view: LogView, breaks: Sequence[Break], *, is_above: bool) -> Iterator[s.CheckFinding]:
    yield from schedule_findings(view)
    if run.log is not None:
        yield from resumption_findings(view, run.log)
        yield from length_findings(view, epochs_of_entries(run.log.steps, run.log.epochs))
    yield from break_findings(view, breaks)
    if breaks:
        yield cause(view, breaks[0], above_others=is_above)
    rose = breaks[0] if breaks else find_rise(view)
    if not view.is_rewarded:
        yield from spike_findings(view, None if rose is None else rose.index)
    if not breaks:
        if not view.is_rewarded:
            yield from loss_findings(view)
        yield from gradient_findings(view)


def _together(found: Sequence[tuple[Run, s.CheckFinding]], runs: Runs) -> list[s.CheckFinding]:
    """Return findings of one kind and wording as one, from the least of their numbers to the largest."""
    groups: dict[tuple[Any, ...], list[tuple[Run, s.CheckFinding]]] = {}
    for run, each in found:
        groups.setdefault(_alike(each), []).append((run, each))
    return [_folded(group, runs) for group in groups.values()]


def _alike(each: s.CheckFinding) -> tuple[Any, ...]:
    """Return what findings must have in common to be one: all but their numbers, whose types must be the same."""
    values = [(item.name, getattr(each, item.name)) for item in fields(each)]
    return (
        type(each),
        each.wording,
        *((name, type(value.low) if isinstance(value, Interval) else repr(value)) for name, value in values),
    )


def _folded(group: Sequence[tuple[Run, s.CheckFinding]], runs: Runs) -> s.CheckFinding:
    first = group[0][1]
    arms = Settings(dict.fromkeys(run.arm for run, _ in group))
    spans = {
        item.name: _span(getattr(each, item.name) for _, each in group)
        for item in fields(first)
        if isinstance(getattr(first, item.name), Interval)
    }
    of = sum(len(runs.arms[arm]) for arm in arms)
    return replace(first, arms=arms, number=Count(len(group)), of=Count(of), **spans)


def _span(values: Iterable[Interval[Any]]) -> Interval[Any]:
    each = list(values)
    return Interval(min(value.low for value in each), max(value.high for value in each))
