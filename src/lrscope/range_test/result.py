"""What a range test comes to: curves, every rule's suggestion with its spread over seeds, and a bracket."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lrscope.number_text import counted, short_rate
from lrscope.range_test.bracket import Bracket, bracket_of
from lrscope.range_test.curve import Curve, mean_of
from lrscope.range_test.figure import range_figure, save_range_figure
from lrscope.range_test.suggest import RULES, least
from lrscope.visible_text import paragraphs


@dataclass(frozen=True)
class Suggestion:
    """One rule's rates: each seed's, None where it has no answer, and the median of those that have one.

    `spread` is the largest over the smallest, NaN without an answer.
    """

    rule: str
    by_seed: tuple[float | None, ...]

    @property
    def known(self) -> list[float]:
        """The seeds' answers that there are."""
        return [rate for rate in self.by_seed if rate is not None]

    @property
    def median(self) -> float | None:
        """The median on the logarithm of the rate."""
        return float(np.exp(np.median(np.log(self.known)))) if self.known else None

    @property
    def spread(self) -> float:
        """How far the seeds are apart, as a ratio."""
        return max(self.known) / min(self.known) if self.known else math.nan


@dataclass(frozen=True, eq=False, repr=False)
class RangeTestResult:
    """The curves of one or several seeds, and all that follows from them; a notebook shows their picture.

    >>> rates = np.geomspace(1e-5, 1.0, 50)
    >>> RangeTestResult((Curve.of(rates, 1.0 - 0.1 * np.log10(rates / 1e-5) + 4.0 * rates),))
    <range test, 1 seed: search 5.8e-4 to 1.8e-2 (one seed: agreement between seeds is unknown)>
    """

    curves: tuple[Curve, ...]
    notes: tuple[str, ...] = ()

    @cached_property
    def suggestions(self) -> dict[str, float | None]:
        """Every rule's rate, the median over seeds; None where the curves have no answer."""
        return {item.rule: item.median for item in self.table}

    @cached_property
    def table(self) -> list[Suggestion]:
        """Every rule's rate by seed; of runs that began anew, the one rule that they need: the least loss."""
        if self.is_independent:
            return [Suggestion("least loss", tuple(least(curve) for curve in self.curves))]
        return [Suggestion(name, tuple(rule(curve) for curve in self.curves)) for name, rule in RULES.items()]

    @property
    def is_independent(self) -> bool:
        """Whether every rate began from the same weights, as in forks and runs."""
        return all(curve.independent_rates for curve in self.curves)

    @cached_property
    def bracket(self) -> Bracket:
        """The interval to search."""
        return bracket_of(self.curves)

    @property
    def mean(self) -> Curve:
        """The mean curve over seeds."""
        return mean_of(self.curves)

    def plot(self, path: Path | str | None = None) -> Any:
        """Draw the test; return matplotlib's figure, and write it where a path is given."""
        figure = range_figure(self.curves, self.bracket, self.suggestions)
        if path is not None:
            save_range_figure(figure, Path(path))
        return figure

    def __repr__(self) -> str:
        b, seeds = self.bracket, counted(len(self.curves), "seed")
        if b.low is None or b.high is None:
            return f"<range test, {seeds}: {b.sentence}>"
        return f"<range test, {seeds}: search {short_rate(b.low)} to {short_rate(b.high)} ({b.sentence})>"

    def _repr_html_(self) -> str:
        return str(self.plot().to_html(repr(self))) + paragraphs(self.notes)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        b = self.bracket
        return {
            "bracket": None if b.low is None else [b.low, b.high],
            "largest_stable": b.largest_stable,
            "confidence": b.sentence,
            "suggestions": [
                {
                    "rule": item.rule,
                    "median": item.median,
                    "spread": None if math.isnan(item.spread) else item.spread,
                    "by_seed": list(item.by_seed),
                }
                for item in self.table
            ],
            "curves": [
                {
                    "seed": curve.seed,
                    "rates": curve.rates.tolist(),
                    "losses": curve.losses.tolist(),
                    "too_large": curve.diverged_at,
                    "why_over": curve.end_reason,
                }
                for curve in self.curves
            ],
            "notes": list(self.notes),
        }
