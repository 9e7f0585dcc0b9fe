"""What a study came to, arm by arm: means and spreads over seeds. What follows is for the statistics to say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lrscope.config.arms import Arm, grouped
from lrscope.records import FINISHED
from lrscope.store.study import StudyStore
from lrscope.store.trials import TrialRow


@dataclass(frozen=True)
class Spread:
    """A mean over seeds with its sample standard deviation, NaN where there are fewer than two."""

    mean: float
    sd: float
    number: int

    @staticmethod
    def of(values: Sequence[float]) -> Spread:
        """Return the spread of values, NaN without any.

        >>> Spread.of([0.25, 0.75])
        Spread(mean=0.5, sd=0.3535533905932738, number=2)
        """
        if not values:
            return Spread(math.nan, math.nan, 0)
        mean = sum(values) / len(values)
        sd = math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1)) if len(values) > 1 else math.nan
        return Spread(mean, sd, len(values))

    def __str__(self) -> str:
        if not self.number:
            return "–"
        return f"{self.mean:.4f}" + (f" ± {self.sd:.4f}" if self.number > 1 else "")


@dataclass(frozen=True)
class ArmSummary:
    """One arm over its seeds, at the endpoint of the complete schedule.

    `metric` and `loss` are dev's, `seconds` what all of its runs took.
    """

    arm: Arm
    num_trials: int
    num_finished: int
    num_diverged: int
    num_failed: int
    metric: Spread
    loss: Spread
    best_epochs: tuple[float, ...]
    train_loss: Spread
    epochs_saved: float
    values: tuple[float, ...]
    seconds: float


def summarize(store: StudyStore) -> list[ArmSummary]:
    """Return every arm's summary, in the order the arms were planned."""
    return [_summary(store, arm, rows) for arm, rows in grouped(store.trials())]


def _summary(store: StudyStore, arm: Arm, rows: Sequence[TrialRow]) -> ArmSummary:
    values, losses, best_epochs, train_losses = [], [], [], []
    saved: float = 0
    for row in rows:
        if row.status not in ("completed", "stopped"):
            continue
        dev = store.evaluations(row.id, "dev")
        if not dev:
            continue
        values.append(dev[-1].metrics.get(store.metric.name, math.nan))
        losses += [dev[-1].metrics["loss"]] if "loss" in dev[-1].metrics else []
        best_epochs += [record.epoch for record in dev if record.improved and record.epoch][-1:]
        train = [record.metrics["loss"] for record in store.evaluations(row.id, "train") if "loss" in record.metrics]
        train_losses += train[-1:]
        if row.status == "stopped":
            saved += (row.config.length or dev[-1].epoch) - dev[-1].epoch
    return ArmSummary(
        arm=arm,
        num_trials=len(rows),
        num_finished=sum(row.status in FINISHED for row in rows),
        num_diverged=sum(row.status == "diverged" for row in rows),
        num_failed=sum(row.status == "failed" for row in rows),
        metric=Spread.of(values),
        loss=Spread.of(losses),
        best_epochs=tuple(best_epochs),
        train_loss=Spread.of(train_losses),
        epochs_saved=saved,
        values=tuple(values),
        seconds=sum(row.seconds for row in rows),
    )
