"""What a task is to the rest of lrscope: how examples become batches, a loss, and scores that arms are compared by.

Nothing above this seam knows whether a metric is an accuracy or a perplexity, nor what a model's outputs mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from lrscope.config import DataConfig, StudyConfig, TrialConfig
from lrscope.models.checkpoints import Checkpoint
from lrscope.models.tokenizers import TextTokenizer
from lrscope.models.trainable import TrainableModel
from lrscope.randomness import StepRows
from lrscope.records import Answered, Metric, Scores, Unit
from lrscope.schedules.horizon import TrainingSize


class Loss(NamedTuple):
    """A micro-batch's loss as sum and count, so that accumulation and averaging are exact.

    `scores` are per-example (values, weights) by metric name, detached: the training pass's own measurements.
    """

    total: Tensor
    num_units: float
    scores: Mapping[str, tuple[Tensor, Tensor]]


@dataclass(frozen=True, eq=False)
class EncodedSplit:
    """A split as token ids, laid end to end: example i is `ids[offsets[i] : offsets[i + 1]]`.

    `targets` are the task's: one an example, negative where an example has none.
    """

    name: str
    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]
    targets: NDArray[np.int64]
    num_cut: int = 0

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Return the number of tokens of each example."""
        return np.diff(self.offsets)

    @property
    def num_examples(self) -> int:
        """Return how many examples there are."""
        return len(self.offsets) - 1

    @property
    def size(self) -> TrainingSize:
        """Return its examples and the tokens that a model reads of them."""
        return TrainingSize(self.num_examples, len(self.ids))

    @property
    def has_targets(self) -> bool:
        """Return whether every example has its target."""
        return bool((self.targets >= 0).all())

    def take(self, indices: NDArray[np.int64]) -> EncodedSplit:
        """Return these examples as a split of their own."""
        rows = [self.ids[self.offsets[i] : self.offsets[i + 1]] for i in indices]
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows], dtype=np.int64)]).astype(np.int64)
        ids = np.concatenate(rows) if rows else self.ids[:0]
        return EncodedSplit(self.name, ids, offsets, self.targets[indices])


@dataclass(frozen=True, eq=False, kw_only=True)
class TaskInputs:
    """What a task has read for a study.

    `fingerprint` is one digest an input; `overlaps` are (split, split, how many examples of the second the first holds
    too); `state` is what the task must know again of a finished study; `summary` and `notes` are for the user.
    """

    splits: Mapping[str, EncodedSplit]
    checkpoint: Checkpoint
    tokenizer: TextTokenizer
    implementation: str
    fingerprint: Mapping[str, str]
    state: Mapping[str, Any]
    summary: str = ""
    overlaps: tuple[tuple[str, str, int], ...] = ()
    notes: tuple[str, ...] = ()


class Examples(Protocol):
    """Examples of a file, as a task reads them: what `encode` takes."""

    @property
    def name(self) -> str:
        """Return what the split is called."""

    @property
    def path(self) -> Path:
        """Return the file."""

    @property
    def num_examples(self) -> int:
        """Return how many examples there are."""

    @property
    def notes(self) -> Sequence[str]:
        """Return what a user must know of the file where it is measured by itself."""

    @property
    def fingerprint(self) -> str:
        """Return a digest of the examples in their order, wherever and however they are kept."""


class Evaluation(NamedTuple):
    """What a split's outputs amount to: metrics by name, and per-example scores of those that are means."""

    metrics: dict[str, float]
    scores: dict[str, Scores]


class Endpoint(NamedTuple):
    """What is measured once, of a model that has been trained, and a row an example for people to look at."""

    evaluation: Evaluation
    rows: Sequence[Mapping[str, Any]]


class LinearHead(Protocol):
    """A head that is one matrix on features of a frozen backbone: many of them can be trained together.

    Letters: A trials, B sentences of a batch, N of a split, C rows of a head, D features.
    """

    @property
    def metrics(self) -> Sequence[str]:
        """Return the names of what `loss` measures besides the loss."""
        ...

    def features(self, model: nn.Module, batch: Any) -> Tensor:
        """Return what the head reads of each example, (B, D) in float32."""
        ...

    def loss(
        self, logits_BAC: Tensor, targets_B: Tensor, settings_A: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return each trial's summed loss (A,), its derivative by the logits (B, A, C), and its summed metrics (A,)."""
        ...

    def outputs(self, logits_NAC: Tensor) -> NDArray[np.float32]:
        """Return outputs as the task's own."""
        ...


class Task(Protocol):
    """One kind of fine-tuning. It holds no state: what it has read is handed to it. Batches are its own.

    `unit` is what the loss is a mean over. `has_linear_head` says whether heads of a frozen backbone can be trained
    together where the model is lrscope's own: `linear_head` gives theirs.
    """

    metric: Metric
    unit: Unit
    has_linear_head: bool

    def prepare(self, config: StudyConfig) -> TaskInputs:
        """Read and check a study's data, weights and tokenizer.

        Raises:
            DataError, CheckpointError, ConfigError: an input cannot be used; the message says which and why.
        """
        ...

    def baseline(self, split: EncodedSplit) -> dict[str, float]:
        """Return the metrics of the best answer that does not look at the examples, by name; none where unknown."""
        ...

    def restore(self, config: StudyConfig, state: Mapping[str, Any], checkpoint: Path) -> TaskInputs:
        """Return what is needed to use a checkpoint of a finished study; it has no splits."""
        ...

    def build_model(self, inputs: TaskInputs, trial: TrialConfig, precision: str) -> TrainableModel:
        """Return a fresh model; what is random in it depends on the seed alone, not on the arm."""
        ...

    def collate(
        self,
        inputs: TaskInputs,
        split: EncodedSplit,
        indices: NDArray[np.int64],
        device: str,
        rows: StepRows | None = None,
    ) -> Any:
        """Return a padded batch of these examples; `rows`, given in training, is what randomness may depend on."""
        ...

    def loss(self, model: nn.Module, batch: Any, trial: TrialConfig) -> Loss:
        """Return the training loss of a batch, differentiable."""
        ...

    def outputs(self, model: nn.Module, batch: Any) -> Tensor:
        """Return what the model says of each example: one float32 row an example, unscored."""
        ...

    def score(self, outputs: NDArray[np.float32], split: EncodedSplit) -> Evaluation:
        """Compare outputs with the targets of `split`."""
        ...

    def read(self, inputs: TaskInputs, data: DataConfig, path: Path) -> Examples:
        """Read more examples with their targets, as the study reads its own.

        Raises:
            DataError: the file cannot be used, or an example has no target.
        """
        ...

    def encode(self, inputs: TaskInputs, split: Any) -> EncodedSplit:
        """Return more examples as token ids.

        Raises:
            DataError: one is longer than the study takes.
        """
        ...

    def endpoint(self, model: TrainableModel, inputs: TaskInputs, split: EncodedSplit) -> Iterator[Endpoint | Answered]:
        """Measure what takes too long for every evaluation: yield how far it is meanwhile, and what came of it at last.

        Nothing is yielded where there is nothing to measure.
        """
        ...

    def endpoint_seconds(self, model: TrainableModel, inputs: TaskInputs, split: EncodedSplit) -> float:
        """Return about how long `endpoint` takes, by trying a part of it."""
        ...

    def sealed_targets(self, config: StudyConfig, state: Mapping[str, Any], digest: str | None) -> EncodedSplit:
        """Return the test split's targets alone, to score stored outputs by; `digest` is the test split's.

        Raises:
            StudyError: there are none, or the examples are not those that were predicted.
        """
        ...

    def save(
        self, inputs: TaskInputs, tensors: Mapping[str, Tensor], folder: Path, metadata: Mapping[str, str],
        trial: TrialConfig,
    ) -> None:  # fmt: skip
        """Write a checkpoint that loads with transformers, or adapters that load with PEFT."""
        ...

    def linear_head(self, inputs: TaskInputs) -> LinearHead | None:
        """Return the head of a frozen backbone, where many can be trained together; None: each trains by itself.

        It is asked for where `has_linear_head`.
        """
        ...
