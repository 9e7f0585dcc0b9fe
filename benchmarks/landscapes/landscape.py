"""One landscape of the corpus: the dev loss and metric by rate and seed, at one length of the run.

The best rate is the vertex of a parabola in log10 rate through the best rate and its neighbours, all seeds together;
its interval is the delta method's on the residuals. The stretch is where the mean over seeds, interpolated in log10
rate (PCHIP), lies within half a percent of its least.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from corpus import Row, read_corpus
from numpy.typing import NDArray
from scipy import stats
from scipy.interpolate import PchipInterpolator
from settings import HORIZONS, SETTINGS, Setting

from lrscope.parabola import Parabola

NEIGHBOURS = 1  # rates on either side of the best that the parabola goes through
WITHIN = 0.005


class Landscape:
    """A setting's dev losses and metrics at the end of runs of one length: (rates, seeds); nan where one diverged."""

    def __init__(self, setting: Setting, horizon: Fraction, rows: list[Row]) -> None:
        self.setting, self.horizon = setting, horizon
        self.rates = np.array(sorted({row["rate"] for row in rows}))
        self.seeds = sorted({row["seed"] for row in rows})
        table = {(row["rate"], row["seed"]): row for row in rows}
        at = [[table.get((rate, seed), {}) for seed in self.seeds] for rate in self.rates]
        self.loss, self.accuracy, self.seconds = (
            np.array([[_number(row.get(name)) for row in line] for line in at])
            for name in ("dev_loss", "dev_accuracy", "seconds")
        )

    @property
    def mean(self) -> NDArray[np.float64]:
        """Return the mean loss of each rate; infinite where a seed diverged or is not there."""
        return np.where(np.isnan(self.loss).any(1), np.inf, np.nan_to_num(self.loss).mean(1))

    @property
    def top(self) -> int:
        """Return which rate has the least mean loss."""
        return int(self.mean.argmin())

    def best(self) -> tuple[float, float, float]:
        """Return the best rate and its 95% interval; without one where the best is at an edge of the grid."""
        near = slice(max(0, self.top - NEIGHBOURS), self.top + NEIGHBOURS + 1)
        x, y = np.repeat(np.log10(self.rates[near]), self.loss.shape[1]), self.loss[near].ravel()
        x, y = x[np.isfinite(y)], y[np.isfinite(y)]
        if len(x) < 4 or not 0 < self.top < len(self.rates) - 1:
            return float(self.rates[self.top]), math.nan, math.nan
        through, freedom = Parabola.through(x, y), len(x) - 3
        rest = math.sqrt(((y - through.at(x)) ** 2).sum() / freedom)
        half = float(stats.t.ppf(0.975, freedom)) * through.vertex_sd(rest)
        low, middle, high = (10 ** (through.vertex + side * half) for side in (-1, 0, 1))
        return middle, low, high

    def curve(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return rates and the interpolated mean loss at them."""
        known = np.isfinite(self.mean)
        x = np.log10(self.rates[known])
        fine = np.linspace(x[0], x[-1], 2001)
        return 10**fine, PchipInterpolator(x, self.mean[known])(fine)

    def stretch(self) -> tuple[float, float]:
        """Return between which rates the mean loss is within half a percent of its least."""
        rates, losses = self.curve()
        good = rates[losses <= losses.min() * (1.0 + WITHIN)]
        return float(good[0]), float(good[-1])

    def cost(self, rate: float) -> float:
        """Return by how much, relatively, the mean loss at a rate lies above its least."""
        rates, losses = self.curve()
        return float(np.interp(np.log10(rate), np.log10(rates), losses) / losses.min() - 1.0)

    def regret(self, rate: float) -> float:
        """Return by how much the mean loss at a rate lies above its least.

        From half-way between the last rate at which every seed ended and the next one on, the largest mean loss counts.
        """
        rates, losses = self.curve()
        last = int(np.searchsorted(self.rates, rates[-1] * (1 - 1e-9)))
        above = last + 1 < len(self.rates)
        spacing = self.rates[last + 1] / self.rates[last] if above else self.rates[last] / self.rates[last - 1]
        if rate > self.rates[last] * math.sqrt(spacing):
            return float(losses.max() - losses.min())
        return float(np.interp(np.log10(rate), np.log10(rates), losses) - losses.min())

    def noise(self) -> float:
        """Return the standard deviation between seeds of the loss, at the best rate and its two neighbours."""
        if len(self.seeds) < 2:
            return math.nan
        return float(np.sqrt(np.nanmean(np.nanvar(self.loss[max(0, self.top - 1) : self.top + 2], axis=1, ddof=1))))


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def landscapes() -> Iterator[Landscape]:
    """Yield every landscape of the corpus: settings in their order, each from its longest runs to its shortest."""
    found: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for row in read_corpus():
        if row["status"] != "running":
            found[row["setting"], row["total_steps"]].append(row)
    for setting in SETTINGS.values():
        for horizon in HORIZONS:
            if rows := found.get((setting.name, setting.steps(horizon))):
                yield Landscape(setting, horizon, rows)
