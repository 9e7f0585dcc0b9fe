"""What all trials of a study share: sentences as token ids, weights, tokenizer, numerics; read once, fingerprinted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lrscope.config import DataConfig, ModelConfig, StudyConfig, TrialConfig
from lrscope.config.numerics import Numerics
from lrscope.data.labels import LabelSet
from lrscope.data.splits import Split, Splits, load_splits
from lrscope.errors import ConfigError, DataError, Problem
from lrscope.models.checkpoints import Checkpoint, read_checkpoint
from lrscope.models.classifier import LlamaClassifier, build_native
from lrscope.models.classifier_transformers import TransformersClassifier, build_transformers
from lrscope.models.shape import size_of, unsupported_reason
from lrscope.models.tokenizers import TextTokenizer, check_vocabulary, read_tokenizer
from lrscope.randomness import derive_seed
from lrscope.records import Metric
from lrscope.tasks.base import EncodedSplit
from lrscope.tasks.classification import Classification
from lrscope.training.numerics import decide, dtype_of

SENTENCES_AT_ONCE = 10_000
Classifier = LlamaClassifier | TransformersClassifier


@dataclass(frozen=True, eq=False)
class StudyInputs:
    """A study's inputs, ready to train on. `notes` are sentences for the user."""

    config: StudyConfig
    splits: Splits
    encoded: Mapping[str, EncodedSplit]
    checkpoint: Checkpoint
    tokenizer: TextTokenizer
    numerics: Numerics
    notes: tuple[str, ...]

    @property
    def fingerprint(self) -> dict[str, str]:
        """Return what a study's results depend on besides its configuration, one digest an input."""
        splits = {
            split.name: split.fingerprint for split in (self.splits.train, self.splits.dev, self.splits.test) if split
        }
        return {**splits, "weights": self.checkpoint.fingerprint, "tokenizer": self.tokenizer.fingerprint}

    @property
    def metric(self) -> Metric:
        """Return what arms are compared by."""
        return self.task().metric

    def task(self, label_smoothing: float = 0.0) -> Classification:
        """Return the task, which knows classes, padding and device."""
        return Classification(
            len(self.splits.labels.names), self.tokenizer.pad_id, torch.device(self.numerics.device), label_smoothing
        )

    def build_model(self, trial: TrialConfig) -> Classifier:
        """Return a fresh classifier on the study's device; its head depends on the seed alone, not on the arm."""
        model = build_classifier(
            self.checkpoint,
            self.tokenizer,
            len(self.splits.labels.names),
            self.numerics,
            dropout=trial.dropout,
            head_seed=derive_seed(trial.seed, "head"),
        )
        model.set_trainable(self.config.model.train_part)
        model.set_gradient_checkpointing(self.config.model.gradient_checkpointing)
        return model.to(self.numerics.device)

    def saved_config(self) -> dict[str, Any]:
        """Return the `config.json` of a checkpoint of this study, for transformers."""
        return classifier_config(self.checkpoint.config, self.splits.labels, self.tokenizer)


def load_inputs(config: StudyConfig, numerics: Numerics | None = None) -> StudyInputs:
    """Read and check everything that a study needs, before anything is trained or written.

    `numerics` is what a study has already decided; without it, every `auto` is settled here.

    Raises:
        DataError, CheckpointError, ConfigError: an input cannot be used; the message says which and why.
    """
    splits = _read_splits(config.data)
    checkpoint = read_checkpoint(config.model.model)
    tokenizer = read_tokenizer(Path(config.model.tokenizer) if config.model.tokenizer else None, checkpoint.path)
    check_vocabulary(tokenizer, checkpoint)
    implementation, why = choose_implementation(config.model, checkpoint)
    notes = [*splits.notes, *([why] if why else [])]
    limit = token_limit(checkpoint, config.data.max_tokens)
    encoded = {}
    for split in (splits.train, splits.dev, splits.test):
        if split is not None:
            encoded[split.name] = encode(split, tokenizer, limit, config.data.on_long)
            if encoded[split.name].num_cut:
                notes.append(
                    f"{encoded[split.name].num_cut} of {split.num_examples} sentences in {split.path} are longer than "
                    f"{limit} tokens and were cut"
                )
    if numerics is None:
        numerics = decide(config.numerics, checkpoint.shape if implementation == "native" else None, implementation)
    return StudyInputs(config, splits, encoded, checkpoint, tokenizer, numerics, tuple(notes))


def _read_splits(data: DataConfig) -> Splits:
    return load_splits(
        Path(data.train),
        Path(data.dev),
        Path(data.test) if data.test else None,
        label_names=Path(data.label_names) if data.label_names else None,
        text_column=data.text_column,
        label_column=data.label_column,
    )


def choose_implementation(model: ModelConfig, checkpoint: Checkpoint) -> tuple[str, str]:
    """Return `native` or `transformers`, and the reason where it is not the usual one.

    Raises:
        ConfigError: native was asked for and cannot run this model.
    """
    reason = unsupported_reason(checkpoint.config)
    if model.implementation == "transformers":
        return "transformers", "the model runs through transformers, as asked"
    if reason is None:
        return "native", ""
    if model.implementation == "native":
        raise ConfigError(Problem("{implementation} native runs plain LLaMA only", reason, "use {implementation} auto"))
    return "transformers", f"the model runs through transformers: {reason}"


def token_limit(checkpoint: Checkpoint, asked: int | None) -> int:
    """Return how many tokens a sentence may have: the model's context, or fewer if asked for.

    Raises:
        ConfigError: more were asked for than the model's context holds.
    """
    positions = size_of(checkpoint.config, "n_positions", 512)
    context = size_of(checkpoint.config, "max_position_embeddings", positions)
    if asked is not None and asked > context:
        rule = f"{{max_tokens}} must not exceed the model's context of {context}"
        raise ConfigError(Problem(rule, str(asked), "lower it"))
    return asked or context


def encode(split: Split, tokenizer: TextTokenizer, limit: int, on_long: str) -> EncodedSplit:
    """Return a split as token ids: beginning, text, end; a longer one keeps its beginning and its end token.

    Raises:
        DataError: a sentence is longer than `limit` and `on_long` is "error".
    """
    lengths = np.zeros(split.num_examples + 1, dtype=np.int64)
    parts, num_cut = [np.empty(0, dtype=np.int32)], 0
    for first in range(0, split.num_examples, SENTENCES_AT_ONCE):  # lists of a million sentences' ids take gigabytes
        rows = tokenizer.encode(split.texts[first : first + SENTENCES_AT_ONCE])
        for place, row in enumerate(rows):
            if len(row) > limit:
                if on_long == "error":
                    rule = f"a sentence must fit the context of {limit} tokens"
                    way_out = "shorten it, or cut it with {on_long} cut"
                    raise DataError(Problem(rule, f"{len(row)} tokens", way_out), source=split.where(first + place))
                rows[place] = [*row[: limit - 1], row[-1]]
                num_cut += 1
            lengths[first + place + 1] = len(rows[place])
        parts.append(np.fromiter((token for row in rows for token in row), dtype=np.int32))
    return EncodedSplit(split.name, np.concatenate(parts), lengths.cumsum(), split.labels, num_cut)


def build_classifier(
    checkpoint: Checkpoint,
    tokenizer: TextTokenizer,
    num_classes: int,
    numerics: Numerics,
    *,
    dropout: float = 0.0,
    head_seed: int = 0,
) -> Classifier:
    """Return a classifier from a checkpoint, by the implementation that the study decided on."""
    if numerics.implementation == "native":
        assert checkpoint.shape is not None
        return build_native(
            checkpoint.shape,
            checkpoint.tensors,
            num_classes,
            dropout=dropout,
            head_seed=head_seed,
            dtype=dtype_of(numerics),
        )
    return build_transformers(
        checkpoint.path, num_classes, tokenizer.pad_id, dropout=dropout, head_seed=head_seed, dtype=dtype_of(numerics)
    )


def classifier_config(base: Mapping[str, Any], labels: LabelSet, tokenizer: TextTokenizer) -> dict[str, Any]:
    """Return a language model's `config.json` as a sequence classifier's, with label names and padding."""
    named = base.get("architectures")
    usual = [str(base["model_type"]).capitalize() + "Model"]
    architecture = str((named if isinstance(named, list) and named else usual)[0])
    family = architecture.removesuffix("ForCausalLM").removesuffix("Model").removesuffix("ForSequenceClassification")
    return {
        **base,
        "architectures": [f"{family}ForSequenceClassification"],
        "id2label": {str(place): name for place, name in enumerate(labels.names)},
        "label2id": {name: place for place, name in enumerate(labels.names)},
        "bos_token_id": tokenizer.bos_id,
        "eos_token_id": tokenizer.eos_id,
        "pad_token_id": tokenizer.pad_id,
        "dtype": "float32",
    }
