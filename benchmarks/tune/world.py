"""A recorded landscape as a place to spend a budget in: runs of any rate, seed and length, and the truth.

Between rates that were recorded, the mean over seeds of log(loss) is interpolated in log10 rate (PCHIP). A seed is that
mean plus a Normal mixture of the recorded seeds' residuals, which has their covariance; what a seed has at all rates
in common stays so, the rest keeps its variance between two rates. A seed diverges where a recorded one, drawn with it,
did: from the middle between its last rate that ended and the next one. The truth is the mean over seeds at full length.
"""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from landscape import Landscape, landscapes
from left_out import parameters_of
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from range_settings import SETTINGS as RANGE_SETTINGS
from range_settings import SHORT, TRUTH

Floats = NDArray[np.float64]
FINE = 801
PUBLIC_NOISE = 0.001  # of log(loss) between seeds, where there is one: that of our own SFT at 135M, about


@dataclass(frozen=True)
class Ended:
    """What a user sees of a run: dev log-loss and metric, nan where it diverged."""

    loss: float
    metric: float


class Curves:
    """Losses and metrics of one length, by log10 rate and seed."""

    def __init__(self, x: Floats, loss: Floats, metric: Floats, single_noise: float = 0.0) -> None:
        order = np.argsort(x)
        self.x, loss, metric = x[order], loss[order], metric[order]
        ended = np.isfinite(loss)
        edges = np.append((self.x[1:] + self.x[:-1]) / 2.0, np.inf)
        tops = [np.flatnonzero(one)[-1] if one.any() else 0 for one in ended.T]
        self.last = edges[tops]  # from where a seed diverges
        self.logs = logs = np.log(np.where(ended, loss, np.nan))
        self.log_mean = np.where(ended.all(1), _mean(logs), np.inf)
        self.mean = _fine(self.x, _mean(logs))
        self.metric = _fine(self.x, _mean(metric))
        residuals = np.where(ended, logs - _mean(logs)[:, None], 0.0)
        self.common = residuals[np.isfinite(_mean(logs))].mean(0)
        self.own = residuals - self.common
        self.num_seeds, self.single_noise = loss.shape[1], single_noise

    def at(self, curve: Floats, rate: float) -> float:
        """Return a curve's value at a log10 rate."""
        return float(np.interp(rate, _grid(self.x), curve))


def _grid(x: Floats) -> Floats:
    return np.linspace(x[0], x[-1], FINE)


def _fine(x: Floats, y: Floats) -> Floats:
    known = np.isfinite(y)
    return np.asarray(PchipInterpolator(x[known], y[known])(np.minimum(_grid(x), x[known][-1])))


def _mean(values: Floats) -> Floats:
    count = np.isfinite(values).sum(1)
    return np.asarray(np.where(count > 0, np.nansum(values, axis=1) / np.maximum(count, 1), np.nan))


@dataclass(eq=False)
class World:
    """One setting: what is told of it beforehand, its recorded lengths, and the truth."""

    name: str
    model: str
    method: str
    size: int
    batch_size: int
    steps: int
    optimizer: str
    curves: dict[float, Curves]  # halvings → curves
    costs: dict[float, float]  # halvings → full runs
    low: float
    high: float
    group: str = "corpus"
    rank: int = 16
    fine: Floats = field(init=False)
    truth: Floats = field(init=False)

    def __post_init__(self) -> None:
        full = self.curves[0.0]
        self.fine = np.linspace(self.low, self.high, FINE)
        known = np.interp(self.fine, _grid(full.x), full.mean)
        diverged = (self.fine[:, None] >= full.last[None, :]).mean(1)
        self.truth = np.asarray(np.exp((1 - diverged) * known + diverged * full.mean.max()))
        self.metrics = np.interp(self.fine, _grid(full.x), full.metric)
        self.best = float(self.fine[self.truth.argmin()])

    @property
    def untrained(self) -> float | None:
        """Return log(loss) of the model before training: at most as the least rate leaves it, in the shortest runs.

        None for the public landscapes, whose least rate trains.
        """
        if self.group == "public":
            return None
        return max(float(curves.log_mean[0]) for curves in self.curves.values())

    @property
    def is_sft(self) -> bool:
        """Return whether it is supervised fine-tuning; a classification otherwise."""
        return "gsm8k" in self.name or "alpaca" in self.name or self.group == "public"

    def regret(self, rate: float) -> tuple[float, float, float]:
        """Return the regret of a log10 rate: in log-loss, relative to the best, and in the metric."""
        rate = min(max(rate, self.low), self.high)
        loss, least = float(np.interp(rate, self.fine, self.truth)), float(self.truth.min())
        metric = float(self.metrics.max() - np.interp(rate, self.fine, self.metrics))
        return loss - least, loss / least - 1.0, metric


class Replay:
    """A world with its seeds drawn: the same run gives the same result."""

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        self.world, self._rng = world, rng
        self._seeds: dict[tuple[int, float], tuple[float, Floats, float]] = {}

    def run(self, rate: float, seed: int, halvings: float = 0.0) -> Ended:
        """Return what a run at a log10 rate shows."""
        curves = self.world.curves[halvings]
        if (seed, halvings) not in self._seeds:
            mix = self._rng.standard_normal(curves.num_seeds) / np.sqrt(max(1, curves.num_seeds - 1))
            last = float(curves.last[self._rng.integers(curves.num_seeds)])
            self._seeds[seed, halvings] = float(curves.common @ mix), curves.own @ mix, last
        common, own, last = self._seeds[seed, halvings]
        if rate >= last:
            return Ended(np.nan, np.nan)
        right = int(np.clip(np.searchsorted(curves.x, rate), 1, len(curves.x) - 1))
        share = (rate - curves.x[right - 1]) / (curves.x[right] - curves.x[right - 1])
        weights = np.array([1.0 - share, share])
        noise = common + float(weights @ own[right - 1 : right + 1] / np.sqrt(weights @ weights))
        if curves.single_noise:
            noise += curves.single_noise * float(self._rng.standard_normal())
        return Ended(float(np.exp(curves.at(curves.mean, rate) + noise)), curves.at(curves.metric, rate))


def corpus_worlds() -> Iterator[World]:
    """Yield the corpus's settings that have at least two seeds and their whole horizon."""
    found: dict[str, dict[Fraction, Landscape]] = defaultdict(dict)
    for each in landscapes():
        if len(each.seeds) >= 2 and len(each.rates) >= 6 and np.isfinite(each.loss).sum() > 8:
            found[each.setting.name][each.horizon] = each
    for name, lengths in found.items():
        whole = lengths.get(Fraction(1))
        if whole is None:
            continue
        setting, curves, costs = whole.setting, {}, {}
        for horizon, each in lengths.items():
            halvings = float(np.log2(1.0 / float(horizon)))
            curves[halvings] = Curves(np.log10(each.rates), each.loss, each.accuracy)
            costs[halvings] = setting.steps(horizon) / setting.total_steps
        x = curves[0.0].x
        yield World(
            name, setting.model, setting.part, parameters_of(setting.model), setting.batch_size, setting.total_steps,
            setting.optimizer, curves, costs, float(x[0]), float(x[-1]),
        )  # fmt: skip


def range_worlds() -> Iterator[World]:
    """Yield the settings that range tests are judged on: the whole length, and complete runs of one epoch.

    Some rates have three seeds, those near the best eight: of the others, the three stand for all eight.
    """
    truth, short = (json.loads(path.read_text(encoding="utf-8")) for path in (TRUTH, SHORT))
    for setting in RANGE_SETTINGS:
        if setting.name not in truth or setting.name not in short or setting.epochs < 2:
            continue
        whole, one = (_recorded(each[setting.name]) for each in (truth, short))
        halvings = float(np.log2(setting.epochs))
        model = "sample" if setting.data == "sample" else "stories"
        name, size = f"range-{setting.name}", parameters_of(model)
        steps = setting.epochs * -(-(setting.num_train or 4000) // setting.batch_size)
        costs = {0.0: 1.0, halvings: 1.0 / setting.epochs}
        yield World(
            name, model, setting.part, size, setting.batch_size, steps, setting.optimizer,
            {0.0: whole, halvings: one}, costs, float(whole.x[0]), float(whole.x[-1]),
        )  # fmt: skip


def _recorded(rates: dict[str, dict[str, float | None]]) -> Curves:
    x = np.log10(np.array([float(rate) for rate in rates]))
    seeds = max(len(each) for each in rates.values())
    rows = [[np.nan if loss is None else loss for loss in each.values()] for each in rates.values()]
    loss = np.array([[row[seed % len(row)] for seed in range(seeds)] for row in rows])
    return Curves(x, loss, -loss)


def public_worlds(path: Path) -> Iterator[World]:
    """Yield a world a model of the public sweep: the rank with most rates, the largest of those."""
    rows: dict[str, dict[int, dict[float, float]]] = defaultdict(lambda: defaultdict(dict))
    with path.open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if row["Test NLL"]:
                rows[row["model"]][int(row["LoRA Rank"])][float(row["LR"])] = float(row["Test NLL"])
    for model, ranks in rows.items():
        rank = max(ranks, key=lambda each: (len(ranks[each]), each))
        losses = ranks[rank]
        if len(losses) < 4:
            continue
        x, y = np.log10(np.array(sorted(losses))), np.array([losses[rate] for rate in sorted(losses)])[:, None]
        curves = {0.0: Curves(x, y, -y, PUBLIC_NOISE)}
        size = _size(model)
        yield World(
            model, model, "lora", size, 128, 780, "adamw", curves, {0.0: 1.0}, float(x[0]), float(x[-1]), "public", rank
        )


def _size(model: str) -> int:
    found = re.findall(r"(\d+(?:\.\d+)?)B", model)
    return int(float(found[0]) * 1e9) if found else 100_000_000_000
