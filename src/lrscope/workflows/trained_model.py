"""A trained model at work on other examples: evaluated on those with targets, predicting or answering others."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lrscope.config import NumericsConfig
from lrscope.config.build import name_or_path
from lrscope.config.read import built_in
from lrscope.errors import ConfigError, Problem
from lrscope.store.storage import DATABASE
from lrscope.store.study import StudyStore
from lrscope.workflows.callbacks import Callbacks, ItemsDone
from lrscope.workflows.study_folder import compared_study

if TYPE_CHECKING:
    from lrscope.training.inference import TrainedModel
    from lrscope.training.text_generation import LanguageModel

BEST = "best"  # of the checkpoints of a run


@dataclass(frozen=True, kw_only=True)
class EvaluateResult:
    """Metrics on examples with targets; `num_cut` of them were longer than the model reads.

    `checkpoint` is None where the model lies outside of a study. `opened_test` says that the examples were the study's
    sealed test, which is on record; `notes` is what is odd about them.
    """

    data: Path
    checkpoint: str | None
    step: int
    task: str
    num_examples: int
    num_cut: int
    metrics: Mapping[str, float]
    opened_test: bool
    notes: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class PredictResult:
    """Probabilities (N, C) of the classes `names`, one row an example."""

    checkpoint: str | None
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


@dataclass(frozen=True, kw_only=True)
class AnswersResult:
    """What a language model answers to each prompt: (prompt, answer); a prompt of several turns is a list of them."""

    checkpoint: str | None
    step: int
    answers: Sequence[tuple[str | list[dict[str, str]], str]]

    @property
    def lines(self) -> str:
        """Prompts and answers as JSON lines."""
        rows = ({"prompt": prompt, "answer": answer} for prompt, answer in self.answers)
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def evaluate(
    folder: Path,
    data: Path,
    *,
    checkpoint: str | None = None,
    trial: int | None = None,
    base: str | None = None,
    callbacks: Callbacks | None = None,
) -> EvaluateResult:
    """Measure a trained model on examples with their targets: labels of sentences, or completions of prompts.

    `folder` is a run's, a study's with the number of a `trial`, or one that `export` wrote. Of a run, `checkpoint` is
    the best on dev where none is named; `base` is where that of its adapters lies now, if elsewhere. Scoring the
    study's own test examples is recorded.

    Raises:
        ConfigError, StudyError, CheckpointError: there is no such model.
        DataError: some example has no target.
    """
    with closing(_load(folder, checkpoint, trial, base=base)) as model:
        examples = model.read(data)
        measured = model.evaluate(examples, _telling(callbacks))
        return EvaluateResult(
            data=data, checkpoint=_named(model, checkpoint), step=model.step,
            task=model.task, num_examples=measured.num_examples, num_cut=measured.num_cut, metrics=measured.metrics,
            opened_test=examples.fingerprint == model.test_fingerprint, notes=examples.notes,
        )  # fmt: skip


def predict(
    folder: Path,
    sentences: Path,
    *,
    checkpoint: str | None = None,
    trial: int | None = None,
    base: str | None = None,
    callbacks: Callbacks | None = None,
) -> PredictResult:
    """Predict the classes of the sentences in a file with a trained model; `folder` as for `evaluate`.

    The file has one a line, or is a table with the column of sentences that the model was trained on.

    Raises:
        ConfigError, StudyError, CheckpointError: there is no such model, or it is no classifier.
        DataError: the file cannot be read.
    """
    from lrscope.data.readers import read_sentences
    from lrscope.training.class_predictions import class_names, class_probabilities

    with closing(_load(folder, checkpoint, trial, base=base)) as model:
        texts = read_sentences(sentences, model.inputs.config.data.text_column)
        return PredictResult(
            checkpoint=_named(model, checkpoint), step=model.step, names=class_names(model),
            probabilities=class_probabilities(model, texts, _telling(callbacks)),
        )  # fmt: skip


def answer(
    folder: Path,
    prompts: Path,
    *,
    checkpoint: str | None = None,
    trial: int | None = None,
    base: str | None = None,
    max_tokens: int | None = None,
    callbacks: Callbacks | None = None,
) -> AnswersResult:
    """Let a language model answer the prompts in a file, the most likely token each time; `folder` as for `evaluate`.

    A file of conversations gives what precedes their last reply, a text file its lines. `max_tokens` is the length of
    an answer; where it is not given, the study's `answer_tokens`.

    Raises:
        ConfigError, StudyError, CheckpointError: there is no such model, or it is no language model.
        DataError: the file cannot be read, or the model's chat template does not take a prompt.
    """
    from lrscope.data.prompts import read_prompts
    from lrscope.tasks.exact_match import prompt_of
    from lrscope.training.answers import answers_to

    asked = read_prompts(prompts)
    with closing(_load(folder, checkpoint, trial, base=base)) as model:
        limit = max_tokens or model.inputs.config.sft.answer_tokens
        answers = answers_to(model, asked, limit, _telling(callbacks))
        told = list(zip(map(prompt_of, asked), answers, strict=True))
        return AnswersResult(checkpoint=_named(model, checkpoint), step=model.step, answers=told)


def language_model(
    folder: Path, *, checkpoint: str | None = None, trial: int | None = None, base: str | None = None,
    numerics: NumericsConfig | None = None,
) -> LanguageModel:  # fmt: skip
    """Return a trained language model that writes text, as it was trained to; `folder` as for `evaluate`.

    `numerics` are for models outside of a study, which has its own.

    Raises:
        ConfigError, StudyError, CheckpointError: there is no such model, or it is no language model.
    """
    from lrscope.training.text_generation import language_model_of

    with closing(_load(folder, checkpoint, trial, numerics, base=base)) as model:
        return language_model_of(model)


def task_of(folder: Path) -> str:
    """Return what the models of a folder were trained for: classification or sft. No weights are read.

    Raises:
        StudyError, CheckpointError: there is no such model.
    """
    from lrscope.training.exported import exported_task

    home = compared_study(folder)
    if is_exported(home):
        return exported_task(home)
    with StudyStore.open(home) as store:
        return built_in(store.config).task


def _load(
    folder: Path, checkpoint: str | None, trial: int | None, numerics: NumericsConfig | None = None,
    *, base: str | None = None,
) -> TrainedModel:  # fmt: skip
    from lrscope.training.exported import load_exported
    from lrscope.training.inference import load_trained

    home, base = compared_study(folder), None if base is None else name_or_path(base)
    if is_exported(home):
        for name, value in (("checkpoint", checkpoint), ("trial", trial)):
            if value is not None:
                raise ConfigError(Problem(f"{home} holds one model", f"--{name} {value}", "leave it out"))
        return load_exported(home, numerics or NumericsConfig(), base=base)
    if numerics is not None:
        rule = f"{home} brings its own {{device}}, {{precision}} and {{threads}}"
        raise ConfigError(Problem(rule, "another", "leave it out"))
    return load_trained(home, checkpoint or BEST, trial, base=base)


def _telling(callbacks: Callbacks | None) -> Callable[[str, int, int], None]:
    """Return what hears how far a model is, and tells it."""
    show = (callbacks or Callbacks()).on_progress
    return lambda what, number, total: show(ItemsDone(what, number, total))


def _named(model: TrainedModel, checkpoint: str | None) -> str | None:
    """Return which checkpoint of a run it is; None outside of a study."""
    return None if model.store is None else checkpoint or BEST


def is_exported(folder: Path) -> bool:
    """Return whether a folder holds a model or adapters, and no study."""
    return ((folder / "config.json").is_file() or is_adapter(folder)) and not (folder / DATABASE).is_file()


def is_adapter(folder: Path) -> bool:
    """Return whether a folder holds adapters, as PEFT saves them."""
    return (folder / "adapter_config.json").is_file()
