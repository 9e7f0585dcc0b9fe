"""Findings as a report says them: what holds of several settings alike is one sentence, which names them together."""

from __future__ import annotations

from collections.abc import Sequence

from lrscope.findings import statements as s
from lrscope.runs.quantities import Interval, Settings, Value
from lrscope.runs.statement import Statement


def gathered(findings: Sequence[Statement]) -> list[Statement]:
    """Return findings with those on overfitting gathered, where several settings overfit; all others as they are.

    A sentence stands where the first of those that it gathers stood.
    """
    fits = [each for each in findings if isinstance(each, s.Overfitting)]
    rises = [each for each in findings if isinstance(each, s.DevLossRises)]
    told = list(findings)
    if len(fits) > 1:
        gaps = [abs(each.train - each.dev) for each in fits]
        _replace(told, fits, s.SeveralOverfit(_arms(fits), _range(gaps)))
    if len(rises) > 1:
        by = [each.last - each.least for each in rises]
        _replace(told, rises, s.SeveralDevLossesRise(_arms(rises), _range(by)))
    return told


def _arms(findings: Sequence[s.Overfitting] | Sequence[s.DevLossRises]) -> Settings:
    return Settings(each.arm for each in findings)


def _range(values: Sequence[float]) -> Interval[Value]:
    return Interval(Value(min(values)), Value(max(values)))


def _replace(told: list[Statement], each: Sequence[Statement], together: Statement) -> None:
    told[told.index(each[0])] = together
    for one in each[1:]:
        told.remove(one)
