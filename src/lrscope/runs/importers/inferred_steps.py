"""The steps of entries that tell their epochs alone, as Trainer's console does: read back only where that is certain.

An epoch is printed to two digits after the point (transformers until 4.46), to four digits in all (transformers 5), or
in full. Where gradients are accumulated over more batches than an epoch's last update has, epochs are no even multiples
of steps: a step more or less is then let pass, where the spacing of the entries fits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MAX_LATE = 20  # steps by which a bar may be late
_SLACKS = (0.05, 1.0)  # steps by which an epoch may miss its step, beside its rounding


@dataclass(frozen=True)
class Mark:
    """An entry: its epoch, its number among those of training (0 for an evaluation), a bar behind it and one before it.

    Trainer redraws its bar behind an entry; the one before it may be late by a step, or by as many as were not drawn.
    """

    epoch: float
    number: int = 0
    bar: int | None = None
    before: int | None = None


def inferred_steps(
    marks: Sequence[Mark], steps_an_epoch: Iterable[float], total: float = math.nan
) -> tuple[list[int], float] | None:
    """Return the step of every entry, and the steps of an epoch; None where they cannot be told for certain.

    Args:
        marks: the entries, in the order in which they were written, nothing repeated.
        steps_an_epoch: how many steps an epoch may have: the first that fits all entries counts.
        total: how many steps the training was to take, NaN where that is not known.

    >>> inferred_steps([Mark(0.16, 1), Mark(0.32, 2), Mark(0.32), Mark(0.48, 3)], [100.0, 125.0], 375)
    ([16, 32, 32, 48], 100.0)
    >>> inferred_steps([Mark(0.16, 1, 20), Mark(0.32, 2, 40)], [100.0, 125.0])
    ([20, 40], 125.0)
    >>> inferred_steps([Mark(0.07)], [291.0])
    """
    if not marks or not all(math.isfinite(mark.epoch) and mark.epoch >= 0.0 for mark in marks):
        return None
    tolerances = _tolerances([mark.epoch for mark in marks])
    by_bars = [mark.bar / mark.epoch for mark in marks if mark.bar and mark.epoch > 0.0][-1:]
    rates = [rate for rate in steps_an_epoch if 0.0 < rate < 1e12]
    # Where output is buffered, bars stand beside other entries than their own: then they say nothing.
    without = [Mark(mark.epoch, mark.number) for mark in marks]
    for those, candidates in ((marks, [*rates, *by_bars]), (without, rates)):
        for rate in candidates:
            for slack in _SLACKS:
                off = [slack + rate * each for each in tolerances]
                steps = _steps(those, rate, off, total)
                if steps is not None:
                    return steps, rate
    return _by_bar_before(without, [mark.before for mark in marks], tolerances, total)


def _by_bar_before(
    marks: Sequence[Mark], bars: Sequence[int | None], tolerances: Sequence[float], total: float
) -> tuple[list[int], float] | None:
    """Return what a bar before an entry shows, where one way alone to read it puts all entries on whole steps."""
    at = next((at for at in reversed(range(len(bars))) if bars[at] and marks[at].epoch > 0.0), None)
    if at is None or len(marks) < 3:
        return None
    found = []
    for late in range(MAX_LATE):
        rate = ((bars[at] or 0) + late) / marks[at].epoch
        off = [0.002 + rate * each for each in tolerances]
        if max(off) < 0.1 and (steps := _steps(marks, rate, off, total)) is not None:
            found.append((steps, rate))
    return found[0] if len(found) == 1 else None


def _tolerances(epochs: Sequence[float]) -> list[float]:
    """Return by how much each epoch may be off: by what the coarsest rounding that all of them fit leaves out."""
    if all(each == int(each) for each in epochs):  # the ends of epochs
        return [1e-9] * len(epochs)
    if all(round(each, 2) == each for each in epochs):
        return [0.0051] * len(epochs)
    if all(float(f"{each:.4g}") == each for each in epochs):
        return [0.51 * 10.0 ** (math.floor(math.log10(each)) - 3) if each > 0.0 else 1e-9 for each in epochs]
    return [1e-9 * (1.0 + each) for each in epochs]


def _steps(marks: Sequence[Mark], rate: float, off: Sequence[float], total: float) -> list[int] | None:
    places = [mark.epoch * rate for mark in marks]
    if not math.isnan(total) and max(place - each for place, each in zip(places, off, strict=True)) > total:
        return None
    if any(m.bar is not None and abs(m.bar - p) > o + 0.01 for m, p, o in zip(marks, places, off, strict=True)):
        return None
    logged = [at for at, mark in enumerate(marks) if mark.number]
    evaluated = [at for at, mark in enumerate(marks) if not mark.number]
    steps = [0] * len(marks)
    for chosen, numbers, of_training in (
        (logged, [marks[at].number for at in logged], True),
        (evaluated, _numbered([marks[at].epoch for at in evaluated]), False),
    ):
        known = _of_kind(
            numbers, [places[at] for at in chosen], [off[at] for at in chosen],
            [marks[at].bar for at in chosen], total, of_training=of_training,
        )  # fmt: skip
        if known is None and not of_training:
            known = _beside(marks, chosen, steps)
        if known is None:
            return None
        for at, step in zip(chosen, known, strict=True):
            steps[at] = step
    return steps


def _beside(marks: Sequence[Mark], evaluated: Sequence[int], steps: Sequence[int]) -> list[int] | None:
    """Return the steps of evaluations that all have the epoch of the entry of training before them."""
    known: list[int] = []
    last = 0
    for at in evaluated:
        last = next((each for each in range(at - 1, last - 1, -1) if marks[each].number), last)
        if not marks[last].number or marks[last].epoch != marks[at].epoch:
            return None
        known.append(steps[last])
    return known


def _numbered(epochs: Sequence[float]) -> list[int]:
    """Return the numbers of evaluations; those of several sets at one epoch are one.

    >>> _numbered([0.5, 0.5, 1.0])
    [1, 1, 2]
    """
    numbers: list[int] = []
    for at, epoch in enumerate(epochs):
        numbers.append(1 if not numbers else numbers[-1] + (epoch != epochs[at - 1]))
    return numbers


def _of_kind(
    numbers: Sequence[int],
    places: Sequence[float],
    off: Sequence[float],
    bars: Sequence[int | None],
    total: float,
    *,
    of_training: bool,
) -> list[int] | None:
    if not numbers:
        return []
    known = [bar for bar in bars if bar is not None]
    if of_training and len(known) == len(numbers):
        return known
    spaced = _spaced(numbers, places, off)
    if spaced is None and not of_training and len(numbers) > 1 and abs(places[-1] - total) <= off[-1]:
        before = _spaced(numbers[:-1], places[:-1], off[:-1])  # the last one stands at the end, whatever the spacing
        spaced = None if before is None else [*before, round(total)]
    if spaced is not None:
        return spaced
    if all(abs(place - round(place)) <= each < 0.5 for place, each in zip(places, off, strict=True)):
        return [round(place) for place in places]
    return None


def _spaced(numbers: Sequence[int], places: Sequence[float], off: Sequence[float]) -> list[int] | None:
    """Return the steps of entries that are evenly spaced, or so but for one at the first step."""
    for first in (0, 1):
        count = numbers[-1] - first
        if count <= 0 or off[-1] / count >= 0.5:
            continue
        every = round(places[-1] / count)
        steps = [max((number - first) * every, 1) for number in numbers]
        if every and all(abs(step - place) <= each for step, place, each in zip(steps, places, off, strict=True)):
            return steps
    return None
