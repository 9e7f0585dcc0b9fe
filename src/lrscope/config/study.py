"""What was asked: frozen, validated when built, written to TOML and read back unchanged.

A study is one task, one model, one data fingerprint and one set of numerics; a trial is one arm at one seed. All
problems of a section are reported at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from lrscope.config.any_study import AnyStudy
from lrscope.config.base import Section, setting, settings_of, show_value, without_none
from lrscope.config.find import FindConfig
from lrscope.config.sweep import SweepConfig
from lrscope.config.trial import TrialConfig
from lrscope.errors import Problem


@dataclass(frozen=True, kw_only=True)
class DataConfig(Section):
    """Where the examples lie and how they are read. Paths are kept absolute, so a run can be resumed from anywhere."""

    panel: ClassVar[str] = "Input"
    key: ClassVar[str] = "data"

    train: str = setting(
        help="Training examples: `label ||| sentence` text, CSV, TSV, JSONL or Parquet.",
        metavar="FILE",
        is_path=True,
        other_names=("train_file",),
    )
    dev: str = setting(
        help="Examples that learning rates and epochs are compared on.",
        metavar="FILE",
        is_path=True,
        other_names=("dev_file", "validation_file"),
    )
    test: str | None = setting(
        None, help="Examples kept sealed: predicted, but scored only when asked for.", metavar="FILE", is_path=True,
        shown_default="none",
    )  # fmt: skip
    label_names: str | None = setting(
        None, help="Names of the classes: a JSON list (index = label) or map.", metavar="FILE", is_path=True,
        shown_default="the labels themselves",
    )  # fmt: skip
    text_column: str | None = setting(
        None,
        help="Column of the sentences.",
        metavar="NAME",
        shown_default="text or sentence",
        other_names=("text_column_name",),
    )
    label_column: str | None = setting(
        None, help="Column of the labels.", metavar="NAME", shown_default="label", other_names=("label_column_name",)
    )
    on_long: Literal["cut", "error"] = setting(
        "cut", help="Examples longer than the context: cut them and count them, or stop with an error."
    )
    max_tokens: int | None = setting(
        None, help="Longest example in tokens.", metavar="N", shown_default="the model's context", at_least=2,
        cap=100_000_000, way_out="leave it out for the model's limit", other_names=("max_seq_length", "max_length")
    )  # fmt: skip

    def _problems(self) -> list[Problem]:
        if self.text_column is None or self.text_column != self.label_column:
            return []
        rule = "{text_column} and {label_column} must be two columns"
        return [Problem(rule, f"{show_value(self.text_column)} for both", "name the other one")]


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Section):
    """Which weights, which of them train, and which implementation runs them."""

    panel: ClassVar[str] = "Input"
    key: ClassVar[str] = "model"

    model: str = setting(
        help="Weights: a Hugging Face folder or hub name, a llama2.c .bin, or a .pt checkpoint.",
        metavar="PATH",
        other_names=("model_name_or_path", "model_name", "pretrained_model_path"),
    )
    tokenizer: str | None = setting(
        None, help="Tokenizer file or folder, where it does not lie beside the weights.", metavar="PATH", is_path=True,
        shown_default="beside the weights",
    )  # fmt: skip
    train_part: Literal["full", "head"] = setting(
        "full", help="What is trained: the full model, or the classification head alone.", panel="Training",
        former="train",
    )  # fmt: skip
    implementation: Literal["auto", "native", "transformers"] = setting(
        "auto", help="Which code runs the model; auto takes the native one where it supports the architecture.",
        panel="Machine",
    )  # fmt: skip
    gradient_checkpointing: bool = setting(
        False, help="Recompute activations in the backward pass: less memory, about a third more time.",
        panel="Machine", trainer="gradient_checkpointing",
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class NumericsConfig(Section):
    """What must be equal for two trials to be comparable to the last bit. `auto` is decided once a study."""

    panel: ClassVar[str] = "Machine"
    key: ClassVar[str] = "numerics"

    device: Literal["auto", "cpu", "cuda"] = setting("auto", help="Device to train on.")
    precision: Literal["auto", "float32", "bfloat16"] = setting(
        "auto", help="Precision of matrix products; auto chooses by processor and shapes."
    )
    threads: int | None = setting(
        None, help="Processor threads of a trial.", metavar="N", shown_default="all cores", at_least=1, cap=1024,
        way_out="leave it out to use all cores",
    )  # fmt: skip
    batching: Literal["bucketed", "random"] = setting(
        "bucketed", help="Batches of examples of similar length, or drawn at random.", trainer="train_sampling_strategy"
    )


@dataclass(frozen=True, kw_only=True)
class StudyConfig(AnyStudy):
    """All that a study of the built-in training was asked for.

    With a `sweep`, `trial` holds the settings that all trials share; with `find`, trials are range tests.
    """

    sections: ClassVar[Mapping[str, type[Section]]] = {
        "data": DataConfig,
        "model": ModelConfig,
        "trial": TrialConfig,
        "numerics": NumericsConfig,
        "sweep": SweepConfig,
        "find": FindConfig,
    }

    data: DataConfig = setting(help="The examples.")
    model: ModelConfig = setting(help="The model.")
    trial: TrialConfig = setting(help="Settings of one training run.")
    numerics: NumericsConfig = setting(factory=NumericsConfig, help="How it is computed.")
    task: Literal["classification"] = setting("classification", help="What the model learns.")
    score_test: bool = setting(False, help="Open the test scores when training ends; it is recorded.", panel="Output")
    sweep: SweepConfig | None = setting(None, help="What is compared.")
    find: FindConfig | None = setting(None, help="The range test.")

    @property
    def threads_asked(self) -> int | None:
        """How many processor threads a trial was given; None where nobody said."""
        return self.numerics.threads

    def with_threads(self, threads: int) -> StudyConfig:
        """Return the same study with so many threads a trial."""
        return replace(self, numerics=replace(self.numerics, threads=threads))

    @property
    def input_paths(self) -> Mapping[str, str]:
        """The files and folders that trials read, by setting; a model of the hub is among them."""
        data = {name: getattr(self.data, name) for name, item in settings_of(DataConfig).items() if item.is_path}
        named = {**data, "model": self.model.model, "tokenizer": self.model.tokenizer}
        return {name: path for name, path in named.items() if path}

    @property
    def inputs_named(self) -> Mapping[str, Any]:
        """What trials read and train, as a report shows it."""
        data = without_none(self.data.to_dict())
        return {"model": self.model.model, **data, "batch_size": self.trial.batch_size}

    def reading(self, paths: Mapping[str, Any]) -> StudyConfig:
        """Return the same study with inputs read from elsewhere: `paths` by setting, those of [data] and [model]."""
        data = {name: path for name, path in paths.items() if name in settings_of(DataConfig)}
        model = {name: path for name, path in paths.items() if name in ("model", "tokenizer")}
        return replace(self, data=replace(self.data, **data), model=replace(self.model, **model))
