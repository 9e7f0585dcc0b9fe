"""A trained model at work on other examples: evaluated on labelled ones, predicting others."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lrscope.store.storage import DATABASE
from lrscope.workflows.study_folder import compared_study

if TYPE_CHECKING:
    from lrscope.training.inference import TrainedModel


@dataclass(frozen=True, kw_only=True)
class EvaluateResult:
    """Metrics on labelled examples; `opened_test` says that they were the study's sealed test, which is on record."""

    data: Path
    step: int
    task: str
    num_examples: int
    metrics: Mapping[str, float]
    opened_test: bool


@dataclass(frozen=True, kw_only=True)
class PredictResult:
    """Probabilities (N, C) of the classes `names`, one row an example."""

    step: int
    names: tuple[str, ...]
    probabilities: NDArray[np.float32]

    @property
    def labels(self) -> list[str]:
        """The most probable class of each example."""
        return [self.names[index] for index in self.probabilities.argmax(-1)]

    @property
    def table(self) -> str:
        """Classes and probabilities as tab-separated lines under a heading."""
        from lrscope.report.predictions import predictions_tsv

        return predictions_tsv(self.names, self.probabilities)


def evaluate(folder: Path, data: Path, *, checkpoint: str = "best", trial: int | None = None) -> EvaluateResult:
    """Measure a trained model on examples with their targets: labels of sentences, or completions of prompts.

    `folder` is a run's, a study's with the number of a `trial`, or one that `export` wrote. Scoring the study's own
    test examples is recorded.

    Raises:
        ConfigError, StudyError, CheckpointError: there is no such model.
        DataError: some example has no target.
    """
    with closing(_load(folder, checkpoint, trial)) as model:
        examples = model.read(data)
        return EvaluateResult(
            data=data, step=model.step, task=model.task, num_examples=examples.num_examples,
            metrics=model.evaluate(examples).metrics, opened_test=examples.fingerprint == model.test_fingerprint,
        )  # fmt: skip


def predict(folder: Path, sentences: Path, *, checkpoint: str = "best", trial: int | None = None) -> PredictResult:
    """Predict the classes of the sentences in a file, one a line, with a trained model; `folder` as for `evaluate`.

    Raises:
        ConfigError, StudyError, CheckpointError: there is no such model, or it is no classifier.
        DataError: the file cannot be read.
    """
    from lrscope.data.readers import read_sentences
    from lrscope.training.class_predictions import class_names, class_probabilities

    texts = read_sentences(sentences)
    with closing(_load(folder, checkpoint, trial)) as model:
        return PredictResult(step=model.step, names=class_names(model), probabilities=class_probabilities(model, texts))


def _load(folder: Path, checkpoint: str, trial: int | None) -> TrainedModel:
    from lrscope.training.exported import load_exported
    from lrscope.training.inference import load_trained

    home = compared_study(folder)
    if is_exported(home):
        return load_exported(home)
    return load_trained(home, checkpoint, trial)


def is_exported(folder: Path) -> bool:
    """Return whether a folder holds a model and no study."""
    holds = any((folder / name).is_file() for name in ("config.json", "adapter_config.json"))
    return holds and not (folder / DATABASE).is_file()
