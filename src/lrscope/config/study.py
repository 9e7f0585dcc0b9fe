"""What was asked: frozen, validated when built, written to TOML and read back unchanged.

A study is one task, one model, one data fingerprint and one set of numerics; a trial is one arm at one seed. All
problems of a section are reported at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from lrscope.config.any_study import AnyStudy
from lrscope.config.base import Section, setting, settings_of, show_value, without_none
from lrscope.config.find import FindConfig
from lrscope.config.metric_names import metric_titles
from lrscope.config.sweep import SweepConfig
from lrscope.config.trial import TrialConfig
from lrscope.data.dev_share import parse_share
from lrscope.errors import ConfigError, Problem


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
        help="Examples that learning rates and epochs are compared on: a file, or a share of the training examples "
        "such as 10%.",
        metavar="FILE|SHARE",
        is_path=True,
        other_names=("dev_file", "validation_file"),
    )
    test: str | None = setting(
        None, help="Examples kept sealed: predicted, but scored only when asked for.", metavar="FILE", is_path=True,
        shown_default="none",
    )  # fmt: skip
    split_seed: int = setting(
        0, help="Random seed of the examples that a share for dev takes.", metavar="N", at_least=0, below=2**63,
        way_out="try 0",
    )  # fmt: skip
    label_names: str | None = setting(
        None, help="Names of the classes: a JSON list (index = label) or map.", metavar="FILE", is_path=True,
        shown_default="the labels themselves", tasks=("classification",),
    )  # fmt: skip
    text_column: str | None = setting(
        None, help="Column of the sentences.", metavar="NAME", shown_default="text or sentence",
        tasks=("classification",), other_names=("text_column_name",),
    )  # fmt: skip
    label_column: str | None = setting(
        None, help="Column of the labels.", metavar="NAME", shown_default="label", tasks=("classification",),
        other_names=("label_column_name",),
    )  # fmt: skip
    on_long: Literal["cut", "error"] = setting(
        "cut", help="Examples longer than the context: cut them and count them, or stop with an error."
    )
    max_tokens: int | None = setting(
        None, help="Longest example in tokens.", metavar="N", shown_default="the model's context", at_least=2,
        cap=100_000_000, way_out="leave it out for the model's limit", other_names=("max_seq_length", "max_length")
    )  # fmt: skip

    @property
    def dev_share(self) -> float | None:
        """The share of the training examples that dev takes; None where it is a file."""
        return parse_share(self.dev)

    def _problems(self) -> list[Problem]:
        if self.text_column is None or self.text_column != self.label_column:
            return []
        rule = "{text_column} and {label_column} must be two columns"
        return [Problem(rule, f"{show_value(self.text_column)} for both", "name the other one")]


@dataclass(frozen=True, kw_only=True)
class SftConfig(Section):
    """What supervised fine-tuning learns of a conversation, and how its answers are measured besides the loss."""

    panel: ClassVar[str] = "Supervised fine-tuning"
    key: ClassVar[str] = "sft"

    chat_template: str | None = setting(
        None, help="Template that makes text of a conversation: a name such as chatml or alpaca, or a .jinja file.",
        metavar="NAME|FILE", shown_default="the model's own", tasks=("sft",),
    )  # fmt: skip
    loss_on: Literal["completion", "all"] = setting(
        "completion", help="Tokens that are learned: those of the assistant's turns, or all.", tasks=("sft",)
    )
    generate_metric: Literal["none", "exact_match"] = setting(
        "none", help="Measure answers that the trained model generates for dev, once it is trained.", tasks=("sft",)
    )
    answer_after: str | None = setting(
        None, help="What precedes the answer in a completion, such as ####; the last one counts.", metavar="TEXT",
        shown_default="the whole completion is the answer", tasks=("sft",),
    )  # fmt: skip
    answer_tokens: int = setting(
        256, help="Longest generated answer in tokens.", metavar="N", at_least=1, cap=1_000_000, way_out="try 256",
        tasks=("sft",),
    )  # fmt: skip

    def without_answers(self) -> SftConfig:
        """Return the same without the measuring of answers, which is for models that have been trained."""
        return SftConfig(chat_template=self.chat_template, loss_on=self.loss_on)

    def _problems(self) -> list[Problem]:
        if self.generate_metric != "none":
            return (
                [Problem("{answer_after} must not be empty", "''", "leave it out")] if self.answer_after == "" else []
            )
        known = settings_of(SftConfig)
        return [
            Problem(f"{{{name}}} belongs to {{generate_metric}} exact_match", self.generate_metric, "ask for that too")
            for name in ("answer_after", "answer_tokens")
            if getattr(self, name) != known[name].default
        ]


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Section):
    """Which weights, and which implementation runs them."""

    panel: ClassVar[str] = "Input"
    key: ClassVar[str] = "model"

    model: str = setting(
        help="Weights: a Hugging Face folder or hub name, a .gguf, a llama2.c .bin, or a .pt checkpoint.",
        metavar="PATH",
        other_names=("model_name_or_path", "model_name", "pretrained_model_path"),
    )
    tokenizer: str | None = setting(
        None, help="Tokenizer file or folder, where it does not lie beside the weights.", metavar="PATH", is_path=True,
        shown_default="beside the weights",
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
        "sft": SftConfig,
        "trial": TrialConfig,
        "numerics": NumericsConfig,
        "sweep": SweepConfig,
        "find": FindConfig,
    }

    data: DataConfig = setting(help="The examples.")
    model: ModelConfig = setting(help="The model.")
    trial: TrialConfig = setting(help="Settings of one training run.")
    numerics: NumericsConfig = setting(factory=NumericsConfig, help="How it is computed.")
    sft: SftConfig = setting(factory=SftConfig, help="What supervised fine-tuning learns.")
    task: Literal["classification", "sft"] = setting(
        "classification", help="What the model learns: classes of sentences, or the completions of prompts (sft).",
        panel="Input",
    )  # fmt: skip
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
        if self.data.dev_share is not None:
            del data["dev"]
        named = {**data, "model": self.model.model, "tokenizer": self.model.tokenizer}
        if self.sft.chat_template is not None and Path(self.sft.chat_template).is_absolute():  # else it is a name
            named["chat_template"] = self.sft.chat_template
        return {name: path for name, path in named.items() if path}

    @property
    def inputs_named(self) -> Mapping[str, Any]:
        """What trials read and train, as a report shows it."""
        sections = without_none({**self.data.to_dict(), **self.sft.to_dict()})
        known = {**settings_of(DataConfig), **settings_of(SftConfig)}
        own = {name: value for name, value in sections.items() if known[name].belongs_to(self.task)}
        if self.data.dev_share is None:
            del own["split_seed"]
        if self.sft.generate_metric == "none":
            own = {name: value for name, value in own.items() if name not in ("generate_metric", "answer_tokens")}
        return {"model": self.model.model, **own, "batch_size": self.trial.batch_size, **self._part_named}

    @property
    def _part_named(self) -> Mapping[str, Any]:
        """What is trained, where it is not the full model, and its settings: those that all trials have alike."""
        part = {} if self.trial.train_part == "full" else {"train_part": self.trial.train_part}
        own = [name for name, item in settings_of(TrialConfig).items() if item.of_part in part.values()]
        values = {**part, **{name: getattr(self.trial, name) for name in own}}
        compared = {} if self.sweep is None else self.sweep.grid
        return {name: value for name, value in values.items() if name not in compared}

    @property
    def metric_titles(self) -> Mapping[str, str]:
        """What people call its metrics, of those that records call otherwise."""
        return metric_titles(self.task)

    def reading(self, paths: Mapping[str, Any]) -> StudyConfig:
        """Return the same study with inputs read from elsewhere: `paths` by setting.

        Raises:
            ConfigError: dev is a share of train, or was, which lies nowhere else.
        """
        dev = paths.get("dev", self.data.dev)
        if dev != self.data.dev and (self.data.dev_share is not None or parse_share(dev) is not None):
            raise ConfigError(Problem(f"a study keeps its {{dev}} of {self.data.dev}", dev, "leave it out"))
        data = {name: path for name, path in paths.items() if name in settings_of(DataConfig)}
        model = {name: path for name, path in paths.items() if name in ("model", "tokenizer")}
        sft = {name: path for name, path in paths.items() if name == "chat_template"}
        return replace(
            self,
            data=replace(self.data, **data),
            model=replace(self.model, **model),
            sft=replace(self.sft, **sft),
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], source: str = "") -> Self:
        """Build from nested plain values; what is trained stood in [model] before version 0.2."""
        model = values.get("model") if isinstance(values, Mapping) else None
        if isinstance(model, Mapping) and (part := {"train_part", "train"} & model.keys()):
            trial = values.get("trial", {})
            former = {"train_part": model[min(part)]}
            kept = {name: value for name, value in model.items() if name not in part}
            values = {**values, "model": kept, "trial": {**former, **trial} if isinstance(trial, Mapping) else trial}
        return super().from_dict(values, source)

    def _problems(self) -> list[Problem]:
        problems = [
            Problem(f"{{{name}}} belongs to {{task}} {' or '.join(item.tasks)}", self.task, "leave it out")
            for section in (self.data, self.sft, self.trial, *([] if self.find is None else [self.find]))
            for name, item in settings_of(type(section)).items()
            if not item.belongs_to(self.task) and getattr(section, name) != item.default
        ]
        grid = {} if self.sweep is None else self.sweep.grid
        parts = set(grid.get("train_part", (self.trial.train_part,)))
        for name in grid:
            item = settings_of(TrialConfig)[name]
            if not item.belongs_to(self.task):
                problems.append(Problem(f"{{{name}}} belongs to {{task}} {item.tasks[0]}", self.task, "leave it out"))
            if item.of_part and item.of_part not in parts:
                got = " and ".join(sorted(parts))
                part = f"{{train_part}} {item.of_part}"
                problems.append(Problem(f"{{{name}}} belongs to {part}", got, f"add {part}"))
        of_parts = {} if self.sweep is None else self.sweep.part_rates
        if of_parts and "peak_rate" not in grid and (without := sorted(parts - of_parts.keys())):
            rule = "{part_rates} have rates for each {train_part} that is compared"
            problems.append(Problem(rule, f"none for {' and '.join(without)}", "add them"))
        if self.task == "sft" and "head" in parts:
            problems.append(
                Problem("{train_part} head belongs to {task} classification", self.task, "train lora or full")
            )
        return problems
