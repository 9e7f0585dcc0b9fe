"""Sentence classification: cross-entropy, accuracy (what arms are compared by), macro-F1.

Letters: B batch, T positions, C classes, N examples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from lrscope.config import DataConfig, StudyConfig, TrialConfig
from lrscope.data.guessing import guessing
from lrscope.data.labels import LabelSet
from lrscope.data.splits import Split, Splits, load_split, load_splits
from lrscope.errors import DataError, StudyError
from lrscope.models.classifier_transformers import classifier_matrices
from lrscope.models.tokenizers import read_tokenizer
from lrscope.models.trainable import TrainableModel
from lrscope.randomness import StepRows, derive_seed
from lrscope.records import Answered, Metric, Scores, Unit
from lrscope.tasks.adapters import adapters_of, check_adapters
from lrscope.tasks.base import EncodedSplit, Endpoint, Evaluation, LinearHead, Loss, TaskInputs
from lrscope.tasks.checkpoint import read_trained, save_weights
from lrscope.tasks.classification_head import ClassificationHead
from lrscope.tasks.classification_model import build_classifier, classifier_config
from lrscope.tasks.text import choose_implementation, dev_of, dropout_notes, encode, read_model, token_limit


@dataclass(frozen=True, eq=False)
class SentenceBatch:
    """Padded sentences. Padding follows the real tokens; nothing ever looks at it."""

    ids_BT: Tensor
    lengths_B: Tensor
    labels_B: Tensor
    rows: StepRows | None


@dataclass(frozen=True, eq=False, kw_only=True)
class ClassificationInputs(TaskInputs):
    """What classification has read: besides, its classes, and the sentences themselves where there are splits."""

    labels: LabelSet
    limit: int
    on_long: str
    sentences: Splits | None = None


class Classification:
    """The task of naming one of C classes a sentence."""

    metric = Metric("accuracy", "maximize")
    unit: Unit = "examples"
    has_linear_head = True

    def prepare(self, config: StudyConfig) -> ClassificationInputs:
        """Read sentences, label names, weights and tokenizer."""
        sentences = _read_sentences(config)
        checkpoint, tokenizer = read_model(config.model)
        implementation, why = choose_implementation(config.model, checkpoint)
        splits = {s.name: s for s in (sentences.train, sentences.dev, sentences.test) if s is not None}
        inputs = ClassificationInputs(
            splits={},
            checkpoint=checkpoint,
            tokenizer=tokenizer,
            implementation=implementation,
            fingerprint={
                **{name: split.fingerprint for name, split in splits.items()},
                "weights": checkpoint.fingerprint,
                "tokenizer": tokenizer.fingerprint,
            },
            state=sentences.labels.state,
            overlaps=tuple((first, second, number) for (first, second), number in sentences.overlaps.items()),
            labels=sentences.labels,
            limit=token_limit(checkpoint, config.data.max_tokens),
            on_long=config.data.on_long,
            sentences=sentences,
        )
        encoded = {name: self.encode(inputs, split) for name, split in splits.items()}
        notes = [*checkpoint.notes, *sentences.notes, *([why] if why else [])]
        notes += [
            f"{encoded[name].num_cut} of {split.num_examples} sentences in {split.path} are longer than "
            f"{inputs.limit} tokens and were cut"
            for name, split in splits.items()
            if encoded[name].num_cut
        ]
        notes += check_adapters(config, checkpoint, implementation, classifier_matrices)
        notes += dropout_notes(config, checkpoint, implementation)
        counts = ", ".join(f"{split.num_examples} {name}" for name, split in splits.items())
        summary = f"{counts} sentences in {len(sentences.labels.names)} classes"
        return replace(inputs, splits=encoded, summary=summary, notes=tuple(notes))

    def baseline(self, split: EncodedSplit) -> dict[str, float]:
        """Return the metrics of guessing on a split: of its commonest class, and of its classes' shares."""
        return guessing(split.targets)

    def restore(self, config: StudyConfig, state: Mapping[str, Any], checkpoint: Path) -> ClassificationInputs:
        """Return what is needed to use a checkpoint of a finished study."""
        weights = read_trained(config, checkpoint)
        implementation, _ = choose_implementation(config.model, weights)
        return ClassificationInputs(
            splits={},
            checkpoint=weights,
            tokenizer=read_tokenizer(None, checkpoint),
            implementation=implementation,
            fingerprint={},
            state=state,
            labels=LabelSet.of_state(state),
            limit=token_limit(weights, config.data.max_tokens),
            on_long=config.data.on_long,
        )

    def read(self, inputs: TaskInputs, data: DataConfig, path: Path) -> Split:
        """Read labelled sentences with the study's classes and columns.

        Where it is not known what files write for a class, they write all names, or else all numbers.
        """
        labels, columns = _labels(inputs), {"text_column": data.text_column, "label_column": data.label_column}
        try:
            split = load_split(path, labels, "data", **columns)
        except DataError:
            if inputs.state.get("keys_known", True):
                raise
            numbers = tuple(str(index) for index in range(len(labels.names)))
            split = load_split(path, LabelSet(labels.names, numbers), "data", **columns)
        if not split.labelled:
            raise DataError(f"{path} must have a label on every line to be evaluated; use lrscope predict instead")
        return split

    def encode(self, inputs: TaskInputs, split: Split) -> EncodedSplit:
        """Return sentences as token ids, with their classes."""
        assert isinstance(inputs, ClassificationInputs)
        return encode(
            split.name,
            split.texts,
            split.labels,
            inputs.tokenizer,
            limit=inputs.limit,
            on_long=inputs.on_long,
            where=split.where,
        )

    def build_model(self, inputs: TaskInputs, trial: TrialConfig, precision: str) -> TrainableModel:
        """Return a fresh classifier; its head and adapters depend on the seed alone, not on the arm."""
        return build_classifier(
            inputs, _num_classes(inputs), precision, dropout=trial.dropout, head_seed=derive_seed(trial.seed, "head"),
            adapters=adapters_of(trial),
        )  # fmt: skip

    def collate(
        self,
        inputs: TaskInputs,
        split: EncodedSplit,
        indices: NDArray[np.int64],
        device: str,
        rows: StepRows | None = None,
    ) -> SentenceBatch:
        """Return these examples padded to the longest of them."""
        return padded_batch(split, indices, inputs.tokenizer.pad_id, device, rows)

    def loss(self, model: nn.Module, batch: SentenceBatch, trial: TrialConfig) -> Loss:
        """Return the summed cross-entropy (label smoothing included), and how often the largest logit was right."""
        logits_BC = model(batch.ids_BT, batch.lengths_B, batch.rows)
        total = F.cross_entropy(logits_BC, batch.labels_B, reduction="sum", label_smoothing=trial.label_smoothing)
        right = (logits_BC.detach().argmax(-1) == batch.labels_B).float()
        return Loss(total, float(len(right)), {"accuracy": (right, torch.ones_like(right))})

    def outputs(self, model: nn.Module, batch: SentenceBatch) -> Tensor:
        """Return log-probabilities (B, C) in float32."""
        return F.log_softmax(model(batch.ids_BT, batch.lengths_B, None).float(), -1)

    def score(self, outputs: NDArray[np.float32], split: EncodedSplit) -> Evaluation:
        """Return loss (cross-entropy without smoothing), accuracy and macro-F1, with per-example losses and hits."""
        weights = np.ones(len(outputs), dtype=np.float32)
        predicted = outputs.argmax(-1)
        scores = {
            "loss": Scores(-outputs[np.arange(len(outputs)), split.targets], weights),
            "accuracy": Scores((predicted == split.targets).astype(np.float32), weights),
        }
        metrics = {name: score.mean() for name, score in scores.items()}
        metrics["macro_f1"] = macro_f1(predicted, split.targets)
        return Evaluation(metrics, scores)

    def endpoint(self, model: TrainableModel, inputs: TaskInputs, split: EncodedSplit) -> Iterator[Endpoint | Answered]:
        """Yield nothing: every evaluation measures all there is."""
        return iter(())

    def endpoint_seconds(self, model: TrainableModel, inputs: TaskInputs, split: EncodedSplit) -> float:
        """Return 0."""
        return 0.0

    def sealed_targets(self, config: StudyConfig, state: Mapping[str, Any], digest: str | None) -> EncodedSplit:
        """Return the test split's labels, without its sentences."""
        data = config.data
        assert data.test is not None
        split = load_split(
            Path(data.test),
            LabelSet.of_state(state),
            "test",
            text_column=data.text_column,
            label_column=data.label_column,
        )
        if split.fingerprint != digest:
            raise StudyError(
                f"test scores are of the sentences that were predicted: {data.test} has changed since then"
            )
        if not split.labelled:
            raise StudyError(f"test scores need labels: {data.test} has none, or not on every line")
        nothing = np.zeros(split.num_examples + 1, dtype=np.int64)
        return EncodedSplit("test", np.empty(0, dtype=np.int32), nothing, split.labels)

    def save(
        self, inputs: TaskInputs, tensors: Mapping[str, Tensor], folder: Path, metadata: Mapping[str, str],
        trial: TrialConfig,
    ) -> None:  # fmt: skip
        """Write a checkpoint that `AutoModelForSequenceClassification` loads, or adapters that PEFT loads on one."""
        config = classifier_config(inputs.checkpoint.config, _labels(inputs), inputs.tokenizer)
        save_weights(inputs, tensors, folder, metadata, trial, config=config, kind="SEQ_CLS")

    def linear_head(self, inputs: TaskInputs) -> LinearHead | None:
        """Return the head of the native classifier."""
        return ClassificationHead() if inputs.implementation == "native" else None


def padded_batch(
    split: EncodedSplit, indices: NDArray[np.int64], pad_id: int, device: str, rows: StepRows | None = None
) -> SentenceBatch:
    """Return examples padded to the longest of them."""
    lengths = split.lengths[indices]
    width = int(lengths.max())
    ids = np.full((len(indices), width), pad_id, dtype=np.int64)
    tokens = split.offsets[indices][:, None] + np.arange(width)
    real = np.arange(width) < lengths[:, None]
    ids[real] = split.ids[tokens[real]]
    return SentenceBatch(
        torch.from_numpy(ids).to(device),
        torch.from_numpy(lengths).to(device),
        torch.from_numpy(split.targets[indices]).to(device),
        rows,
    )


def _labels(inputs: TaskInputs) -> LabelSet:
    assert isinstance(inputs, ClassificationInputs)
    return inputs.labels


def _num_classes(inputs: TaskInputs) -> int:
    return len(_labels(inputs).names)


def _read_sentences(config: StudyConfig) -> Splits:
    data = config.data
    return load_splits(
        Path(data.train),
        dev_of(data),
        Path(data.test) if data.test else None,
        label_names=Path(data.label_names) if data.label_names else None,
        text_column=data.text_column,
        label_column=data.label_column,
    )


def macro_f1(predicted: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
    """Return the mean over classes of F1 = 2·hits / (predicted + true).

    Over the classes that are predicted or true somewhere, as scikit-learn's `f1_score(average="macro")` does.

    >>> macro_f1(np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0]))
    0.7333333333333334
    """
    classes = np.union1d(predicted, labels)
    f1 = [
        2 * int(((predicted == c) & (labels == c)).sum()) / (int((predicted == c).sum()) + int((labels == c).sum()))
        for c in classes
    ]
    return float(np.mean(f1))
