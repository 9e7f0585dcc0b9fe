"""What a run logged while it trained: its rates, losses and gradient norms, held against what its schedule promised."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from lrscope.number_text import as_typed
from lrscope.records import EvaluationRecord
from lrscope.runs.applied_schedule import AppliedSchedule, applied_schedule
from lrscope.runs.notes import Note, RateRises, ScheduleCut, ScheduleDiffers
from lrscope.runs.quantities import Count, Settings, Share
from lrscope.runs.score_table import Floats

NOTICED = 0.01  # of the largest rate: a rise by less is none
HIGH = 0.1  # of the largest rate: a run that should have ended lower was cut short


def _none() -> Floats:
    return np.zeros(0)


@dataclass(frozen=True, eq=False)
class TrainingLog:
    """What was logged while a run trained, in order, one value an entry; NaN where an entry does not have it.

    A loss or a gradient norm that was logged and is no finite number is infinite, so that it is told from one that was
    not logged. `steps` are the updates made when an entry was written, `epochs` the passes; without `steps` there is an
    entry an update. Where `counts_entries`, no step was told and `steps` numbers the entries. `total_steps` and
    `total_epochs` are how long the training was to be, NaN where that is not known. `planned` are the rates of the
    schedule at every step to its end, None where only what was applied is known. `before` is what was logged of steps
    that were trained once more after a resumption, the first time. `is_rewarded` is whether a reward was logged: the
    loss is one of reinforcement learning then, which begins near 0 and does not tell how well training goes.
    """

    rates: Floats
    planned: Floats | None = None
    steps: Floats = field(default_factory=_none)
    epochs: Floats = field(default_factory=_none)
    losses: Floats = field(default_factory=_none)
    gradient_norms: Floats = field(default_factory=_none)
    total_steps: float = math.nan
    total_epochs: float = math.nan
    counts_entries: bool = False
    before: TrainingLog | None = None
    is_rewarded: bool = False

    @staticmethod
    def of(
        records: Sequence[EvaluationRecord],
        *,
        total_steps: float = math.nan,
        total_epochs: float = math.nan,
        counts_entries: bool = False,
        before: TrainingLog | None = None,
    ) -> TrainingLog | None:
        """Return the log that records of training make; None where there are none."""
        logged = [each for each in records if each.split == "train"]
        if not logged:
            return None
        steps = np.array([each.step for each in logged], np.float64)
        epochs = np.array([each.epoch for each in logged], np.float64)

        def column(name: str) -> Floats:
            return np.array([_logged(each, name) for each in logged], np.float64)

        return TrainingLog(
            column("learning_rate"), None, steps, epochs, column("loss"), column("grad_norm"), total_steps,
            total_epochs, counts_entries, before,
            any("reward" in each.metrics for each in logged),
        )  # fmt: skip

    @property
    def positions(self) -> Floats:
        """Where each entry stands: the updates made, or its number where those are not known."""
        return self.steps if len(self.steps) else np.arange(1.0, len(self.rates) + 1.0)

    @property
    def known_rates(self) -> Floats:
        """The rates that were logged, in order."""
        return self.rates[np.isfinite(self.rates)]

    @cached_property
    def schedule(self) -> AppliedSchedule | None:
        """The schedule that was applied, as far as the logged rates show it; None where none was logged."""
        known = np.isfinite(self.rates)
        if not known.any():
            return None
        rates = self.rates[known]
        if self.planned is not None and not len(self.steps) and known.all() and (top := float(rates.max())) > 0.0:
            shared = _of_factors(np.round(rates / top, 12).tobytes(), self.total_steps)
            return None if shared is None else replace(shared, peak=as_typed(shared.peak * top))
        if not self.counts_entries:
            return applied_schedule(self.positions[known], rates, self.total_steps, unit="step")
        if len(self.epochs) == len(self.rates) and bool(np.isfinite(self.epochs[known]).all()):
            return applied_schedule(self.epochs[known], rates, self.total_epochs, unit="epoch")
        return applied_schedule(self.positions[known], rates, unit="entry")

    @property
    def num_rises(self) -> int:
        """How many times the rate rose again after it had fallen. A warmup is not counted: nothing fell before it.

        >>> TrainingLog(np.array([0.5, 1.0, 0.5, 0.0, 0.5, 1.0, 0.5])).num_rises
        1
        """
        rates = self.known_rates
        top = float(rates.max(initial=0.0))
        steps = np.diff(rates)
        moves = np.sign(steps[np.abs(steps) > NOTICED * top])
        return int(np.sum((moves[1:] > 0) & (moves[:-1] < 0)))

    @property
    def left_at(self) -> float | None:
        """The share of its largest rate that a run was left at, where its schedule would have ended far lower.

        None for a run that diverged: that its schedule was not complete is no news.
        """
        rates = self.known_rates
        if self.planned is None or len(rates) >= len(self.planned) or not len(rates):
            return None
        if any(len(each) and math.isinf(each[-1]) for each in (self.losses, self.gradient_norms)):
            return None
        last, end, top = float(rates[-1]), float(self.planned[-1]), float(self.planned.max())
        return last / top if last - end > HIGH * top else None

    @property
    def off_by(self) -> float:
        """Largest difference of applied and planned rates, as a share of the largest; 0 where none is known."""
        rates = self.known_rates
        if self.planned is None or not len(rates):
            return 0.0
        planned = self.planned[: len(rates)]
        return float(np.abs(rates[: len(planned)] - planned).max() / planned.max())


def _logged(record: EvaluationRecord, name: str) -> float:
    value = record.metrics.get(name)
    return math.nan if value is None else value if math.isfinite(value) else math.inf


def as_logged(values: Floats, given: NDArray[np.bool_]) -> Floats:
    """Return a column of a log: NaN where nothing is given, infinite where what is given is no finite number.

    >>> as_logged(np.array([1.0, math.nan, 0.0]), np.array([True, True, False])).tolist()
    [1.0, inf, nan]
    """
    return np.where(given, np.where(np.isfinite(values), values, math.inf), math.nan)


@lru_cache(maxsize=256)
def _of_factors(factors: bytes, total: float) -> AppliedSchedule | None:
    """Return the schedule of factors that were applied at every step: settings and seeds of a study share them."""
    rates = np.frombuffer(factors, np.float64)
    return applied_schedule(np.arange(1.0, len(rates) + 1.0), rates, total, unit="step")


def schedule_notes(arms: Sequence[tuple[str, Sequence[TrainingLog]]]) -> Iterator[Note]:
    """Say which arms' schedules were not what their names say: one note a kind, with all its arms."""
    off = {name: max((each.off_by for each in logs), default=0.0) for name, logs in arms}
    if differing := [name for name in off if off[name] > 1e-6]:
        yield ScheduleDiffers(Settings(differing), Share(max(off.values())))
    # What a schedule of ours plans may rise, and one that is resumed; what rises else is periodic by mistake.
    risen = {name: [each for each in logs if each.planned is None and each.before is None] for name, logs in arms}
    rises = {name: max((each.num_rises for each in logs), default=0) for name, logs in risen.items()}
    if rising := [name for name in rises if rises[name]]:
        yield RateRises(Settings(rising), Count(max(rises.values())))
    left = {name: [each.left_at for each in logs if each.left_at is not None] for name, logs in arms}
    if cut := [name for name in left if left[name]]:
        yield ScheduleCut(Settings(cut), Share(max(share for shares in left.values() for share in shares)))
