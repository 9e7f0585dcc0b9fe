"""Runs of which files of several formats tell: a program's own record, its events, what it printed. Each counts once.

Copies in one format are found where runs are made arms (`runs/reconcile.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lrscope.runs.equal_values import Digits, is_rounded
from lrscope.runs.importers.base import Imported
from lrscope.runs.importers.checked import file_name
from lrscope.runs.notes import RecordsLeftOut
from lrscope.runs.quantities import Count, Names
from lrscope.runs.run import Run

SINGLE = 2e-6  # how far the same value is from itself where one program kept it in single precision
FEWEST = 4  # significant digits of a record that rounds: with fewer, two runs may agree by chance
TELLING, DECIMALS = 3, 3  # so many equal values, of so many digits after the point, are not equal by chance
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
    if not is_rounded(*zip(*values, strict=True), fewest=FEWEST, near=SINGLE):
        return False
    return len({pair for pair in values if Digits.most(pair).after >= DECIMALS}) >= TELLING


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


def _num_values(run: Run) -> int:
    dev = sum(len(values) for point in run.points for values in point.splits.values())
    return dev + (0 if run.log is None else len(run.log.losses)) + len(run.settings)
