"""What happened: plain values that the loop and the trial yield, the store keeps and the analysis reads.

They speak of metrics, values and directions, so that every task fits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Direction = Literal["maximize", "minimize"]
Unit = Literal["examples", "tokens"]  # what a loss is a mean over, and how fast training is counted
# "completed": the whole schedule ran. "stopped": early stopping ended it. "interrupted": resumable.
Status = Literal["planned", "running", "completed", "stopped", "diverged", "interrupted", "failed"]
FINISHED: frozenset[Status] = frozenset({"completed", "stopped", "diverged"})
WITH_VALUE: frozenset[Status] = frozenset({"completed", "stopped"})  # runs that ended well, and may be compared


class Metric(NamedTuple):
    """What arms are compared by, and which way is better."""

    name: str
    direction: Direction

    @property
    def sign(self) -> float:
        """What makes larger better: 1 where the metric is maximised, −1 where it is minimised.

        >>> Metric("loss", "minimize").sign
        -1.0
        """
        return 1.0 if self.direction == "maximize" else -1.0

    def better(self, value: float, than: float | None) -> bool:
        """Return whether `value` beats `than`; a tie does not, NaN never does, anything beats None.

        >>> Metric("loss", "minimize").better(0.5, 0.6), Metric("loss", "minimize").better(0.5, 0.5)
        (True, False)
        """
        if value != value:
            return False
        if than is None:
            return True
        return self.sign * value > self.sign * than

    def best_index(self, values: Sequence[float]) -> int | None:
        """Return the place of the best value, the earliest among equals; None where there is none but NaN.

        >>> Metric("accuracy", "maximize").best_index([0.3, 0.4, 0.4])
        1
        """
        best: int | None = None
        for place, value in enumerate(values):
            if self.better(value, None if best is None else values[best]):
                best = place
        return best


TRAIN_TOKENS = "train_tokens"  # in a study's task state: how many tokens an epoch trains on

# Of a study of the user's own training that does not name its metric: the first run shows what there is.
UNDECIDED = Metric("", "minimize")


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One optimizer update. `learning_rate` is the rate that the optimizer really held when it updated.

    `loss` is the mean over `count` units (examples, or tokens), NaN kept as NaN; `gradient_norm` is taken before
    clipping; `seconds` is wall time. A `diverged` step made no update.
    """

    step: int
    learning_rate: float
    loss: float
    count: float
    gradient_norm: float
    seconds: float
    diverged: bool = False

    @property
    def divergence_reason(self) -> str:
        """Return in words what became infinite or NaN, at which step, counted from 1, and at which rate."""
        loss_is_finite = abs(self.loss) < float("inf")
        what, value = ("gradient", self.gradient_norm) if loss_is_finite else ("loss", self.loss)
        return f"{what} became {value} at step {self.step + 1}, learning rate {self.learning_rate:.3g}"


class Scores(NamedTuple):
    """Per-example values of one metric, with the weight of each in the mean."""

    values: NDArray[np.float32]
    weights: NDArray[np.float32]

    def mean(self) -> float:
        """Return the weighted mean, NaN where the weights add up to nothing."""
        total = float(self.weights.sum(dtype=np.float64))
        weighted = float((self.values.astype(np.float64) * self.weights).sum())
        return weighted / total if total else float("nan")


def epoch_of(step: int, steps_per_epoch: int) -> float:
    """Return how many passes over the training set so many updates are: a whole number where it is one.

    >>> epoch_of(20, 10), epoch_of(25, 10)
    (2, 2.5)
    """
    return step // steps_per_epoch if step % steps_per_epoch == 0 else step / steps_per_epoch


@dataclass(frozen=True, slots=True)
class EvaluationRecord:
    """One split measured after `step` updates (`epoch` passes). `scores` are per example, by metric name."""

    step: int
    epoch: float
    split: str
    metrics: Mapping[str, float]
    seconds: float
    scores: Mapping[str, Scores] = field(default_factory=dict)
    improved: bool = False


@dataclass(frozen=True, slots=True)
class TrialResult:
    """How a trial ended. Divergence and early stopping are results, not failures.

    `best` and `endpoint` are values of the decision metric: at the best evaluation, and at the last one.
    """

    status: Status
    step: int
    total_steps: int
    metric: Metric
    best: float | None
    best_epoch: float | None
    endpoint: float | None
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Outcome:
    """All that a trial did: the one form in which results come back to a study.

    `series` has the fields of `store.blobs.STEP`, a row a step; `predictions` are (step, split, outputs), `openings` of
    sealed scores are (when, step, split, asked by what). `examples` is a digest of the examples that dev scores are of,
    where those have names.
    """

    status: Status
    reason: str
    step: int
    total_steps: int
    steps_per_epoch: int
    seconds: float
    series: NDArray[np.void]
    evaluations: tuple[EvaluationRecord, ...]
    predictions: tuple[tuple[int, str, NDArray[np.float32]], ...] = ()
    openings: tuple[tuple[str, int, str, str], ...] = ()
    examples: str = ""


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a run of the user's own training has come, where it shows that: so many steps of all."""

    step: int
    total_steps: int


@dataclass(frozen=True, slots=True)
class Answered:
    """How many prompts a trained model has answered, of all that it is asked.

    `tokens` were written so far, also of answers that have not ended; `part` is the least share of all work that is.
    """

    number: int
    total: int
    tokens: int = field(default=0, compare=False)
    part: float = field(default=0.0, compare=False)


Record = StepRecord | EvaluationRecord | TrialResult | Reached | Answered
