"""The rates that a run was really trained at, held against what its schedule promised."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lrscope.runs.notes import Note, RateRises, ScheduleCut, ScheduleDiffers
from lrscope.runs.quantities import Count, Settings, Share
from lrscope.runs.score_table import Floats

NOTICED = 0.01  # of the largest rate: a rise by less is none
HIGH = 0.1  # of the largest rate: a run that should have ended lower was cut short


@dataclass(frozen=True, eq=False)
class AppliedRates:
    """Rates as they were applied, in order: all steps, or those that were logged.

    `planned` are those of the schedule for every step to its end, None where only the rates are known.
    """

    rates: Floats
    planned: Floats | None = None

    @property
    def num_rises(self) -> int:
        """How many times the rate rose again after it had fallen. A warmup is not counted: nothing fell before it.

        >>> AppliedRates(np.array([0.5, 1.0, 0.5, 0.0, 0.5, 1.0, 0.5])).num_rises
        1
        """
        top = float(self.rates.max(initial=0.0))
        steps = np.diff(self.rates)
        moves = np.sign(steps[np.abs(steps) > NOTICED * top])
        return int(np.sum((moves[1:] > 0) & (moves[:-1] < 0)))

    @property
    def left_at(self) -> float | None:
        """The share of its largest rate that a run was left at, where its schedule would have ended far lower."""
        if self.planned is None or len(self.rates) >= len(self.planned) or not len(self.rates):
            return None
        last, end, top = float(self.rates[-1]), float(self.planned[-1]), float(self.planned.max())
        return last / top if last - end > HIGH * top else None

    @property
    def off_by(self) -> float:
        """Largest difference of applied and planned rates, as a share of the largest; 0 where none is known."""
        if self.planned is None or not len(self.rates):
            return 0.0
        planned = self.planned[: len(self.rates)]
        return float(np.abs(self.rates[: len(planned)] - planned).max() / planned.max())


def schedule_notes(arms: Sequence[tuple[str, Sequence[AppliedRates]]]) -> Iterator[Note]:
    """Say which arms' schedules were not what their names say: one note a kind, with all its arms."""
    off = {name: max((each.off_by for each in rates), default=0.0) for name, rates in arms}
    if differing := [name for name in off if off[name] > 1e-6]:
        yield ScheduleDiffers(Settings(differing), Share(max(off.values())))
    # What a schedule of ours plans may rise; what rises without a plan is a schedule that is periodic by mistake.
    rises = {name: max((each.num_rises for each in rates if each.planned is None), default=0) for name, rates in arms}
    if rising := [name for name in rises if rises[name]]:
        yield RateRises(Settings(rising), Count(max(rises.values())))
    left = {name: [each.left_at for each in rates if each.left_at is not None] for name, rates in arms}
    if cut := [name for name in left if left[name]]:
        yield ScheduleCut(Settings(cut), Share(max(share for shares in left.values() for share in shares)))
