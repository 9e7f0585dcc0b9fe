"""What is known of best learning rates: measured landscapes and rules of the literature, packaged as tables.

Made by `benchmarks/landscapes/make_priors.py`: `evidence.csv` has a row a landscape or a rule, `curves.csv` the
landscapes' losses, `fit.json` what was fitted to them.
"""

from __future__ import annotations

import csv
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from lrscope.priors.question import METHODS, Method, Question

Edge = Literal["", "high", "low"]
Regime = Literal["weights", "head"]
REGIMES: tuple[Regime, ...] = get_args(Regime)
FOLDER = Path(__file__).parent


@dataclass(frozen=True, kw_only=True, eq=False)
class Landscape:
    """Where the best rate of a fine-tune was found: its log10 with a standard error, and at which edge of the grid.

    `rates` are the log10 of the rates that were trained, and `excess` how far each loss lies above that of the best
    rate, as a share of it: infinite where a run diverged.
    """

    name: str
    source: str
    at: Question
    best: float
    se: float
    edge: Edge = ""
    rates: tuple[float, ...] = ()
    excess: tuple[float, ...] = ()


@dataclass(frozen=True)
class Rule:
    """What the literature says of a coefficient of the model: a normal with this mean and standard deviation."""

    coefficient: str
    mean: float
    sd: float
    source: str


@dataclass(frozen=True)
class Variances:
    """Standard deviations, in decades, of what tells one best rate from another beyond the coefficients.

    Between families, models of a family, data sets, settings (a model by one method on one data set), and the rest.
    """

    family: float
    model: float
    data: float
    setting: float
    residual: float


def regime_of(method: Method) -> Regime:
    """Return what a method shares its coefficients and variances with."""
    return "head" if method == "head" else "weights"


@dataclass(frozen=True)
class HeldOutScore:
    """How families of models that were left out were foretold: the share of `landscapes` whose best rate the 80%
    interval held, and what the rate to start at cost there, on the average.
    """

    coverage: float
    landscapes: int
    families: int
    regret: float


@dataclass(frozen=True, eq=False)  # one is the same as itself alone, and can be a key
class Evidence:
    """All of it, and the variances that were fitted to it. `held_out` has scores by method and task, `lora sft`.

    Heads alone, on features that stay, share nothing with fine-tunes but the form of the model: `of_method` takes the
    part of the evidence that a method belongs to, with its own variances.
    """

    landscapes: tuple[Landscape, ...]
    rules: tuple[Rule, ...]
    variances: Mapping[Method, Variances]
    held_out: Mapping[str, HeldOutScore] = field(default_factory=dict)

    @functools.cached_property
    def _parts(self) -> dict[Regime, Evidence]:
        return {
            regime: replace(self, landscapes=tuple(e for e in self.landscapes if regime_of(e.at.method) == regime))
            for regime in REGIMES
        }

    def of_method(self, method: Method) -> Evidence:
        """Return the evidence that counts for a method, the same object every time."""
        return self._parts[regime_of(method)]

    def without_family(self, family: str) -> Evidence:
        """Return the evidence as it would be had a family never been measured; the variances stay."""
        return replace(self, landscapes=tuple(each for each in self.landscapes if each.at.family != family))


@functools.cache
def read_evidence(folder: Path = FOLDER) -> Evidence:
    """Return the packaged evidence."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for row in _rows(folder / "curves.csv"):
        excess = float(row["excess"] or "inf")
        curves.setdefault(row["name"], []).append((float(row["log10_rate"]), excess))
    landscapes, rules = [], []
    for row in _rows(folder / "evidence.csv"):
        best, se = float(row["estimate"]), float(row["se"])
        if row["kind"] == "rule":
            rules.append(Rule(row["name"], best, se, row["source"]))
            continue
        rates, excess_at = zip(*curves[row["name"]], strict=True)
        landscapes.append(
            Landscape(
                name=row["name"], source=row["source"], at=_question(row), best=best, se=se,
                edge=row["edge"], rates=rates, excess=excess_at,
            )
        )  # fmt: skip
    fit = json.loads((folder / "fit.json").read_text(encoding="utf-8"))
    variances: dict[Method, Variances] = {method: Variances(**fit["variances"][method]) for method in METHODS}
    scores = {kind: HeldOutScore(**each) for kind, each in fit["held_out"].items()}
    return Evidence(tuple(landscapes), tuple(rules), variances, scores)


def _rows(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _question(row: Mapping[str, Any]) -> Question:
    return Question(
        method=row["method"], task=row["task"], parameters=float(row["parameters"]), family=row["family"],
        model=row["model"], data=row["data"], batch_size=int(row["batch"]), steps=int(row["steps"]),
        rank=int(row["rank"] or Question.rank), alpha=float(row["alpha"] or Question.alpha),
    )  # fmt: skip
