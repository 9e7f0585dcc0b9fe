"""A run's log as its checks read it: one axis, entries in order, what was evaluated beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from lrscope.findings.checkup.statements import Places
from lrscope.records import Status
from lrscope.runs.applied_schedule import AppliedSchedule, Unit
from lrscope.runs.quantities import Epoch, Interval, LogEntry, Q, Step
from lrscope.runs.run import Run
from lrscope.runs.score_table import Floats
from lrscope.runs.training_log import TrainingLog

SAME = 1e-6  # of the largest rate: applied and planned rates that differ by less are the same


def exactly(value: Q) -> Interval[Q]:
    """Return a quantity as the interval that holds it alone."""
    return Interval(value, value)


class Followed(NamedTuple):
    """A schedule that was asked for and applied at every step: its text, and its peak rate."""

    schedule: str
    peak: float


@dataclass(frozen=True, eq=False)
class LogView:
    """What a run logged, entry by entry, at positions `at` that count `unit`s; NaN is what was not logged.

    A loss or a gradient norm that was logged and is no finite number is infinite. `dev` are the dev losses, as
    (position, value), where they stand on the same axis; `total` is how long the training was to be. Where `is_planned`
    the schedule is lrscope's own, which is known; `followed` is what was asked for where it is what was applied. Where
    `is_rewarded` the loss is one of reinforcement learning: that it rises, or is 0, tells nothing.
    """

    arm: str
    at: Floats
    unit: Unit
    rates: Floats
    losses: Floats
    norms: Floats
    dev: tuple[tuple[float, float], ...] = ()
    total: float = math.nan
    schedule: AppliedSchedule | None = None
    status: Status = "completed"
    settings: Mapping[str, str] | None = None
    is_planned: bool = False
    before: TrainingLog | None = None
    is_rewarded: bool = False
    followed: Followed | None = None

    def place(self, position: float) -> Places:
        """Return a position as a step, an epoch, or an entry of the log."""
        if self.unit == "step":
            return exactly(Step(position))
        return exactly(Epoch(round(position, 3))) if self.unit == "epoch" else exactly(LogEntry(position))

    def here(self, index: int) -> Places:
        """Return where an entry stands."""
        return self.place(float(self.at[index]))

    @cached_property
    def peak(self) -> float:
        """The peak rate, NaN where no rate was logged."""
        if self.schedule is not None:
            return self.schedule.peak
        known = self.rates[np.isfinite(self.rates)]
        return float(known.max()) if len(known) else math.nan

    def rate(self, index: int) -> float:
        """Return the rate at an entry: its own, else the last that was logged before it; NaN where there is none."""
        known = np.flatnonzero(np.isfinite(self.rates[: index + 1]))
        return float(self.rates[known[-1]]) if len(known) else math.nan

    @property
    def end(self) -> float:
        """The furthest position that is known of the training."""
        return max([float(self.at[-1]), *(position for position, _ in self.dev)]) if len(self.at) else 0.0

    @property
    def spacing(self) -> float:
        """How far apart two entries usually are."""
        return float(np.median(np.diff(self.at))) if len(self.at) > 1 else math.nan

    @property
    def is_complete(self) -> bool:
        """Whether the training is known to have come to its end: its length is known, and it came that far."""
        return self.status == "completed" and not math.isnan(self.total)


def log_view(run: Run) -> LogView | None:
    """Return a run's log as checks read it; None where nothing was logged of its training.

    Where no log was kept, the training losses beside the evaluations are one.
    """
    log = run.log
    if log is None or not len(log.rates):
        return _of_points(run)
    counts_epochs = log.counts_entries and len(log.epochs) == len(log.rates) and bool(np.isfinite(log.epochs).all())
    unit: Unit = "step" if not log.counts_entries else "epoch" if counts_epochs else "entry"
    missing = np.full(len(log.rates), math.nan)
    losses = log.losses if len(log.losses) == len(log.rates) else missing
    norms = log.gradient_norms if len(log.gradient_norms) == len(log.rates) else missing
    if log.planned is not None:  # every step's loss was kept
        losses = np.where(np.isfinite(losses), losses, math.inf)
    return LogView(
        run.arm, log.epochs if unit == "epoch" else log.positions, unit, log.rates, losses, norms, _dev(run, unit),
        {"step": log.total_steps, "epoch": log.total_epochs}.get(unit, math.nan), log.schedule, run.status,
        run.settings, log.planned is not None, log.before, log.is_rewarded,
        _followed(run, log),
    )  # fmt: skip


def _followed(run: Run, log: TrainingLog) -> Followed | None:
    if log.planned is None or run.rate is None or log.off_by > SAME or not run.settings.get("schedule"):
        return None
    return Followed(run.settings["schedule"], run.rate)


def _of_points(run: Run) -> LogView | None:
    measured = [point for point in run.points if "loss" in point.splits.get("train", {})]
    if not measured:
        return None
    unit: Unit = run.axis
    losses = np.array([point.splits["train"]["loss"] for point in measured], np.float64)
    at = [_position(point.step, point.epoch, unit) for point in measured]
    missing = np.full(len(at), math.nan)
    return LogView(
        run.arm, np.array(at, np.float64), unit, missing, np.where(np.isfinite(losses), losses, math.inf), missing,
        _dev(run, unit), status=run.status, settings=run.settings,
    )  # fmt: skip


def _dev(run: Run, unit: Unit) -> tuple[tuple[float, float], ...]:
    """Return the dev losses on the axis of the log; none where an evaluation does not stand on it."""
    each = [(_position(p.step, p.epoch, unit), p.splits["dev"]["loss"]) for p in run.points if _has_loss(p.splits)]
    return () if any(math.isnan(position) for position, _ in each) else tuple(each)


def _has_loss(splits: Mapping[str, Mapping[str, float]]) -> bool:
    return "loss" in splits.get("dev", {})


def _position(step: int | None, epoch: float | None, unit: Unit) -> float:
    position = {"step": step, "epoch": epoch}.get(unit)
    return math.nan if position is None else float(position)


def setting_of(settings: Mapping[str, str] | None, names: Sequence[str]) -> str:
    """Return what settings say under one of these names, whatever stands before a dot; empty where nothing.

    >>> setting_of({"training.max_grad_norm": "1.0"}, ["max_grad_norm"])
    '1.0'
    """
    by_name = {name.rsplit(".", 1)[-1].lower(): value for name, value in (settings or {}).items()}
    return next((by_name[name].strip() for name in names if by_name.get(name)), "")
