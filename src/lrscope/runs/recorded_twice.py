"""Runs of which files of several formats tell: a program's own record, its events, what it printed. Each counts once.

Copies in one format are found where runs are made arms (`runs/reconcile.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from lrscope.runs.importers.base import Imported
from lrscope.runs.importers.checked import file_name
from lrscope.runs.notes import RecordsLeftOut
from lrscope.runs.quantities import Count, Names
from lrscope.runs.run import Run

SINGLE = 2e-6  # how far the same value is from itself where one program kept it in single precision
TELLING = 3  # so many equal values, of three digits or more, are not equal by chance
DIGITS, MOST_DIGITS = 3, 5  # of what a program prints
NEAR = 0.05  # peak rates that were read back differ by less
MAX_NAMED = 5

Values = Mapping[tuple[float, str], float]  # by position and name


def once(files: Sequence[tuple[Path, Imported]]) -> list[tuple[Path, Imported]]:
    """Return files without those whose only run another format tells more of; a note names them."""
    left_out: dict[int, Path] = {}
    for place, other in _pairs(files):
        if place in left_out or other in left_out:
            continue
        (one,), (two,) = files[place][1].runs, files[other][1].runs
        if is_same(one, two):
            poorer = place if _num_values(one) < _num_values(two) else other
            left_out[poorer] = files[poorer][0]
    if not left_out:
        return list(files)
    names = [file_name(path) for path in list(left_out.values())[:MAX_NAMED]]
    note = RecordsLeftOut(Count(len(left_out)), Names([*names, *(["…"] if len(left_out) > MAX_NAMED else [])]))
    (path, first), *rest = [file for place, file in enumerate(files) if place not in left_out]
    return [(path, replace(first, notes=(*first.notes, note))), *rest]


def _pairs(files: Sequence[tuple[Path, Imported]]) -> Iterator[tuple[int, int]]:
    """Yield the places of files of one run that may be the same: of other formats, evaluated first at the same step."""
    by_first: dict[float, list[int]] = {}
    for place, (_, file) in enumerate(files):
        if len(file.runs) == 1 and file.scores is None and file.runs[0].points:
            first = file.runs[0].points[0]
            for position in {first.step, first.epoch} - {None}:
                by_first.setdefault(float(position or 0), []).append(place)
    seen = set()
    for places in by_first.values():
        for number, place in enumerate(places):
            for other in places[number + 1 :]:
                if files[place][1].kind != files[other][1].kind and (place, other) not in seen:
                    seen.add((place, other))
                    yield place, other


def is_same(one: Run, two: Run) -> bool:
    """Whether two runs of different formats have the same values wherever both have any, and enough of them."""
    if one.seed is not None and two.seed is not None and one.seed != two.seed:
        return False
    if one.rate is not None and two.rate is not None and abs(one.rate - two.rate) > NEAR * max(one.rate, two.rate):
        return False
    return any(_agree(one, two, by_step=by_step) for by_step in (True, False))


def _agree(one: Run, two: Run, *, by_step: bool) -> bool:
    """Whether values agree at the steps, or the epochs, that both runs have."""
    if any((point.step if by_step else point.epoch) is None for run in (one, two) for point in run.points):
        return False
    first, second = _dev(one, by_step=by_step), _dev(two, by_step=by_step)
    common = first.keys() & second.keys()
    if not common or len({at for at, _ in common}) < min(len(one.points), len(two.points)):
        return False
    values = [(first[key], second[key]) for key in common]
    if by_step:
        logged = _logged(one), _logged(two)
        values += [(logged[0][key], logged[1][key]) for key in logged[0].keys() & logged[1].keys()]
    rounded = [_Rounding.of(each) for each in zip(*values, strict=True)]
    if not all(any(each.allows(*pair) for each in rounded) for pair in values):
        return False
    return len({pair for pair in values if any(_digits(each)[0] >= DIGITS for each in pair)}) >= TELLING


def _dev(run: Run, *, by_step: bool) -> Values:
    return {
        (float((point.step if by_step else point.epoch) or 0), name): value
        for point in run.points
        for name, value in point.splits.get("dev", {}).items()
    }


def _logged(run: Run) -> Values:
    if run.log is None or run.log.counts_entries or len(run.log.steps) != len(run.log.losses):
        return {}
    steps = zip(run.log.steps.tolist(), run.log.losses.tolist(), strict=True)
    return {(step, "loss"): loss for step, loss in steps if not math.isnan(loss)}


@dataclass(frozen=True)
class _Rounding:
    """How far printed values may be off, absolutely and as a share; both 0 for values with all of their digits."""

    absolute: float
    share: float

    @staticmethod
    def of(values: Sequence[float]) -> _Rounding:
        digits = [_digits(value) for value in values]
        after, significant = max(each[0] for each in digits), max(each[1] for each in digits)
        return _Rounding(
            0.6 * 10.0**-after if DIGITS <= after <= MOST_DIGITS else 0.0,
            0.6 * 10.0 ** (1 - significant) if DIGITS < significant <= MOST_DIGITS else 0.0,
        )

    def allows(self, one: float, two: float) -> bool:
        if math.isnan(one) or math.isnan(two):
            return math.isnan(one) and math.isnan(two)
        return abs(one - two) <= max(max(SINGLE, self.share) * max(abs(one), abs(two)), self.absolute)


def _digits(value: float) -> tuple[int, int]:
    """Return how many digits a number has after the point, and how many in all."""
    if not math.isfinite(value):
        return 0, 0
    _, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    return max(-int(exponent), 0), len(digits)


def _num_values(run: Run) -> int:
    dev = sum(len(values) for point in run.points for values in point.splits.values())
    return dev + (0 if run.log is None else len(run.log.losses)) + len(run.settings)
