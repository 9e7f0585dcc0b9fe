r"""A hierarchical normal of log10 of the best rate, in closed form.

    y = x·(β + b[family]) + Σ_group τ[group]·u[group] + e,   e ~ N(0, σ² + se²)
    β ~ N(rules),   b ~ N(0, OWN²),   u ~ N(0, 1),   groups: family, model, data, setting

x are the covariates of a question and se is the standard error of a landscape's own best rate. Every family has its own
exponents of the rank and of the steps. How far groups lie apart, τ, and the rest, σ, are those of the method: what sets
LoRA's best rates apart sets full fine-tuning's apart in the same direction, but not as far. With the coefficients and
the effects of groups integrated out, landscapes y and a question's best rate are jointly normal:

    cov(y_i, y_j) = x_i S x_jᵀ + x_i OWN² x_jᵀ·[one family] + Σ_group τ_i·τ_j·[i and j are of one group]

so that the answer is a normal too, conditioned on what was measured. A family or a data set that was never measured
has its variance added. Covariates are logarithms around a fine-tune in the middle of the evidence.

Source: Gelman et al., Bayesian Data Analysis, 3rd edition, chapter 15.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrscope.priors.evidence import Evidence, Rule
from lrscope.priors.question import Method, Question

Floats = NDArray[np.float64]
COEFFICIENTS = (
    "base", "full", "head", "classification", "size", "small_size", "small_full", "rank", "alpha", "batch", "steps",
)  # fmt: skip
SMALL = 1e8  # parameters below which the size has a slope of its own: toys tell nothing of the slope of large models
# How far exponents differ from family to family: the rank's as landscapes show (0.05 to 0.15 fit them alike), the
# horizon's as there is no universal one.
_OWN = {"rank": 0.1, "steps": 0.15}
OWN = np.array([_OWN.get(name, 0.0) for name in COEFFICIENTS])
GROUPS = ("family", "model", "data", "setting")


def covariates(at: Question) -> list[float]:
    """Return x of a question, in the order of `COEFFICIENTS`: words as 0 or 1, numbers as log10 over a usual value."""
    size, is_lora = math.log10(at.parameters / 1e9), at.method == "lora"
    small = min(math.log10(at.parameters / SMALL), 0.0)
    return [
        1.0,
        float(at.method == "full"),
        float(at.method == "head"),
        float(at.task == "classification"),
        size,
        small,
        small * (at.method == "full"),
        math.log10(at.rank / 16) if is_lora else 0.0,
        math.log10(at.alpha / 32) if is_lora else 0.0,
        math.log10(at.batch_size / 32),
        math.log10(at.steps / 200),
    ]


def group_of(at: Question, group: str) -> str:
    """Return which of a group a question is of; empty where that is unknown, which is never the same as another."""
    if group == "setting":
        return f"{at.model} {at.data} {at.method}" if at.model and at.data else ""
    return str(getattr(at, group))


@dataclass(frozen=True)
class Answer:
    """What the model says of a question: the mean and standard deviation of log10 of its best rate."""

    mean: float
    sd: float


class Posterior:
    """The model conditioned on the landscapes that count for a method."""

    def __init__(self, evidence: Evidence, method: Method = "lora") -> None:
        evidence = evidence.of_method(method)
        self._evidence = evidence
        self._at = [each.at for each in evidence.landscapes]
        x, prior_mean, _ = design(self._at, evidence.rules)
        covariance = self._shared(self._at, self._at) + np.diag(noise(evidence))
        self._inverse = np.linalg.inv(covariance)
        self._deviation = self._inverse @ (np.array([each.best for each in evidence.landscapes]) - x @ prior_mean)

    def answer(self, at: Question) -> Answer:
        """Return the distribution of log10 of the best rate of a question."""
        x, prior_mean, _ = design([at], self._evidence.rules)
        to_evidence = self._shared([at], self._at)[0]
        own = float(self._shared([at], [at])[0, 0])
        v = self._evidence.variances[at.method]
        own += sum(getattr(v, group) ** 2 for group in GROUPS if not group_of(at, group))
        own += 0.0 if at.family else float(((OWN * x[0]) ** 2).sum())
        variance = own - float(to_evidence @ self._inverse @ to_evidence) + v.residual**2
        return Answer(float(x[0] @ prior_mean + to_evidence @ self._deviation), math.sqrt(max(variance, 0.0)))

    def coefficients(self) -> dict[str, Answer]:
        """Return each coefficient as it is known after the landscapes."""
        x, prior_mean, prior_sd = design(self._at, self._evidence.rules)
        to_evidence = (x * prior_sd**2).T
        mean = prior_mean + to_evidence @ self._deviation
        variance = prior_sd**2 - np.einsum("ij,jk,ik->i", to_evidence, self._inverse, to_evidence)
        return {
            name: Answer(float(m), math.sqrt(max(float(v), 0.0)))
            for name, m, v in zip(COEFFICIENTS, mean, variance, strict=True)
        }

    def _shared(self, rows: Sequence[Question], columns: Sequence[Question]) -> Floats:
        x, _, prior_sd = design(rows, self._evidence.rules)
        z, _, _ = design(columns, self._evidence.rules)
        shared = of_coefficients(x, z, prior_sd, same_group(rows, columns, "family"))
        for group in GROUPS:
            spread = np.outer(self._spread(rows, group), self._spread(columns, group))
            shared = shared + spread * same_group(rows, columns, group)
        return shared

    def _spread(self, at: Sequence[Question], group: str) -> Floats:
        return np.array([getattr(self._evidence.variances[each.method], group) for each in at])


def design(at: Sequence[Question], rules: Sequence[Rule]) -> tuple[Floats, Floats, Floats]:
    """Return the covariates of questions, shape (questions, coefficients), and the mean and sd of each coefficient."""
    known = {rule.coefficient: rule for rule in rules}
    x = np.array([covariates(each) for each in at]).reshape(len(at), len(COEFFICIENTS))
    mean = np.array([known[name].mean for name in COEFFICIENTS])
    return x, mean, np.array([known[name].sd for name in COEFFICIENTS])


def of_coefficients(x: Floats, z: Floats, prior_sd: Floats, same_family: Floats) -> Floats:
    """Return what the best rates of two lists of questions share by their covariates, shape (of x, of z)."""
    shared: Floats = (x * prior_sd**2) @ z.T
    own: Floats = (x * OWN**2) @ z.T
    return shared + own * same_family


def same_group(rows: Sequence[Question], columns: Sequence[Question], group: str) -> Floats:
    """Return 1 where two questions are of one group, else 0."""
    of_rows: Any = np.array([group_of(each, group) for each in rows], dtype=object)
    of_columns: Any = np.array([group_of(each, group) for each in columns], dtype=object)
    return np.asarray((of_rows[:, None] == of_columns) & (of_rows[:, None] != ""), dtype=np.float64)


def noise(evidence: Evidence) -> Floats:
    """Return the variance of each landscape's best rate that it shares with no other."""
    residuals = [evidence.variances[each.at.method].residual for each in evidence.landscapes]
    return np.array([each.se**2 + residual**2 for each, residual in zip(evidence.landscapes, residuals, strict=True)])
