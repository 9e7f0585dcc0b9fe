"""Runs as the report reads them, wherever they come from: a study's store, a console log, another trainer's state."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from lrscope.config import StudyConfig, TrialConfig
from lrscope.errors import DataError
from lrscope.records import Metric, Status
from lrscope.runs.applied_rates import AppliedRates
from lrscope.runs.said import Said
from lrscope.runs.score_table import ScoreTable

# What files call a split and a rate.
SPLITS = {"val": "dev", "valid": "dev", "validation": "dev", "eval": "dev"}
RATES = ("lr", "learning_rate", "peak_rate")
# Settings of training, by what programs call them: arms that differ in one are different arms.
SETTING = re.compile(
    r"^(((max|n|num|num_train|train|total)_?)?epochs|max_steps|.*batch_size.*|grad(ient)?_acc.*|.*dropout.*|weight_?decay|.*sched.*|warmup.*"
    r"|optim(izer)?|(pretrained_)?model(_name)?(_or_path|_path)?|option|clip.*|max_grad_norm|.*smoothing.*|max_(seq_)?len.*|layer_decay"
    r"|head_multiplier|(adam_)?(beta|eps).*|momentum|train(_file|_part)?)$", re.I
)  # fmt: skip
_EPOCHS = re.compile(r"^((max|n|num|num_train|train|total)_?)?epochs$", re.I)
# Metrics that are better when they are less, by a word of their name.
_LESS_IS_BETTER = re.compile(
    r"loss$|(^|[_ /.-])(perplexity|ppl|errors?|err|mse|rmse|mae|nll|bpb|bpc|wer|cer|ter|brier|ece)([_ /.-]|$)", re.I
)


@dataclass(frozen=True)
class EpochPoint:
    """What was measured after an epoch, 1-based: metrics by split, such as {"dev": {"loss": 1.2}}."""

    epoch: float
    splits: Mapping[str, Mapping[str, float]]

    def value(self, split: str, metric: str) -> float:
        """Return a metric of a split, NaN where it was not measured."""
        return self.splits.get(split, {}).get(metric, math.nan)


@dataclass(frozen=True)
class Run:
    """One training run of an arm. `status` is as in the store;

    `final` holds what was reported at the very end, such as the test metric of the checkpoint that was kept;
    `applied` the rates that it was trained at, where they are known; `epoch_noise` the standard deviation of what an
    epoch's dev value has to itself, where examples tell.
    """

    arm: str
    seed: int | None
    rate: float | None
    points: tuple[EpochPoint, ...]
    status: Status = "completed"
    final: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    seconds: float = math.nan
    reason: str = ""
    applied: AppliedRates | None = None
    epoch_noise: float = math.nan

    def series(self, split: str, metric: str) -> list[tuple[float, float]]:
        """Return (epoch, value) where the metric was measured.

        >>> Run("a", 0, 1e-3, (EpochPoint(1, {"dev": {"loss": 0.5}}), EpochPoint(2, {}))).series("dev", "loss")
        [(1, 0.5)]
        """
        found = [(point.epoch, point.value(split, metric)) for point in self.points]
        return [(epoch, value) for epoch, value in found if not math.isnan(value)]

    def last(self, split: str, metric: str) -> float:
        """Return the value at the endpoint, NaN where there is none, or where it was none."""
        measured = [point.splits[split][metric] for point in self.points if metric in point.splits.get(split, {})]
        return measured[-1] if measured else math.nan

    def best(self, split: str, metric: Metric) -> tuple[float, float]:
        """Return the epoch with the best value, the first of equals, and that value; NaN where there is none."""
        found, value = math.nan, math.nan
        for epoch, now in self.series(split, metric.name):
            if metric.better(now, None if math.isnan(value) else value):
                found, value = epoch, now
        return found, value


@dataclass(frozen=True)
class Runs:
    """All runs of one comparison, with what is known of how they were measured.

    `scores` are per example at the endpoint, where there are any. `sizes` counts the examples of each split, `chance`
    is what guessing the commonest answer gives, NaN where not known. `unread` lists lines that could not be read, as
    (line number, text), `notes` what is odd about them.
    `study` is what was asked for, and `configs` the arms' own, where lrscope ran them. With `at_best` each run is
    judged at its best epoch on dev, not at the end of its training. `varied` are the settings that arms differ in
    beside the rate, `kinds` each arm's values of them.
    """

    source: str
    metric: Metric
    runs: tuple[Run, ...]
    sizes: Mapping[str, int]
    scores: ScoreTable | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[Said, ...] = ()
    unread: tuple[tuple[int, str], ...] = ()
    is_imported: bool = False
    configs: Mapping[str, TrialConfig] = field(default_factory=dict)
    at_best: bool = False
    varied: tuple[str, ...] = ()
    kinds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    study: StudyConfig | None = None

    @cached_property
    def counted(self) -> frozenset[str]:
        """The states of runs whose values count: of unfinished ones only where none is complete and all came as far."""
        done = frozenset({"completed", "stopped"})
        if any(run.status in done and not math.isnan(self.value(run)) for run in self.runs):
            return done
        lengths = {run.points[-1].epoch for run in self.runs if run.points and run.status == "interrupted"}
        return done | {"interrupted"} if len(lengths) == 1 else done

    def value(self, run: Run) -> float:
        """Return the value that a run is judged by; NaN where it has none."""
        end = run.last("dev", self.metric.name)
        return run.best("dev", self.metric)[1] if self.at_best and not math.isnan(end) else end

    @property
    def arms(self) -> dict[str, list[Run]]:
        """Runs by arm: by rising rate where all have one, else as they came."""
        found: dict[str, list[Run]] = {}
        for run in self.runs:
            found.setdefault(run.arm, []).append(run)
        if all(run.rate is not None for run in self.runs):
            return dict(sorted(found.items(), key=lambda item: float(item[1][0].rate or 0.0)))
        return found


def shared_settings(each: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the settings that all runs have alike.

    >>> shared_settings([{"epochs": "5", "seed": "1"}, {"epochs": "5", "seed": "2"}])
    {'epochs': '5'}
    """
    first = each[0] if each else {}
    return {key: value for key, value in first.items() if all(other.get(key) == value for other in each)}


def epochs_of(settings: Mapping[str, str]) -> str | None:
    """Return how many epochs settings ask for, by whatever name.

    >>> epochs_of({"warmup_epochs": "1", "num_train_epochs": "5"})
    '5'
    """
    return next((value for name, value in settings.items() if _EPOCHS.match(name)), None)


def decision_metric(names: Iterable[str], wanted: str | None = None) -> Metric:
    """Return the metric to compare by: the one that is wanted, else the first by name that is better when larger.

    Raises:
        DataError: the one that is wanted was not measured.

    >>> decision_metric({"loss", "acc"}), decision_metric({"loss", "dev_ppl"}, "dev_ppl")
    (Metric(name='acc', direction='maximize'), Metric(name='dev_ppl', direction='minimize'))
    """
    known = sorted(names)
    if wanted is not None and wanted not in known:
        raise DataError(
            f"runs are compared by a metric that was measured on dev: got {wanted!r}; it has {', '.join(known)}"
        )
    larger = [name for name in known if not _LESS_IS_BETTER.search(name)]
    name = wanted or (larger or known)[0]
    return Metric(name, "maximize" if name in larger else "minimize")


def passed_over(names: Iterable[str], metric: Metric) -> tuple[Said, ...]:
    """Say which other metrics of dev could have been compared by; the loss is shown anyway."""
    others = sorted(set(names) - {metric.name, "loss"})
    return (Said("other-metrics", {"chosen": metric.name, "others": others}),) if others else ()
