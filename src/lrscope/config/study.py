"""What was asked: frozen, validated when built, written to TOML and read back unchanged.

A study is one task, one model, one data fingerprint and one set of numerics; a trial is one arm at one seed. All
problems of a section are reported at once.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from lrscope.config.base import Section, Setting, build_section, setting, settings_of, show_value, without_none
from lrscope.config.find import FindConfig
from lrscope.config.trial import TrialConfig
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


MAX_TRIALS = 100_000  # of a study: each is a row, and is planned before the first one runs


@dataclass(frozen=True, kw_only=True)
class SweepConfig(Section):
    """What is compared: every combination of the values in `grid`, by setting of a trial, at every seed.

    `scale_rate` scales the rates with the batch size, from the grid's first one on.
    """

    panel: ClassVar[str] = "Comparison"
    key: ClassVar[str] = "sweep"

    grid: Mapping[str, Any] = setting(factory=dict, help="Values to compare, a list for each setting of a trial.")
    seeds: int = setting(
        1, help="Number of seeds; every setting runs at the same ones.", metavar="N", at_least=1, cap=10_000,
        way_out="try 3", limit="a few seeds tell what there is to tell; try 3",
    )  # fmt: skip
    strategy: Literal["grid", "rungs"] = setting(
        "grid", help="Run all settings to the end, or drop the worst after shorter complete runs."
    )
    keep: Literal["best", "all", "none"] = setting(
        "best", help="Checkpoints to keep: of the best run of each setting, of all runs, or none.", panel="Output"
    )
    scale_rate: Literal["none", "sqrt", "linear"] = setting(
        "none", option="scale-lr",
        help="Scale the learning rates with the batch size, from its first value: sqrt suits Adam, linear SGD.",
    )  # fmt: skip

    def _problems(self) -> list[Problem]:
        varied = {name: item for name, item in settings_of(TrialConfig).items() if item.varies}
        problems: list[Problem] = []
        grid: dict[str, tuple[Any, ...]] = {}
        for name, values in self.grid.items():
            if name not in varied:
                known = ", ".join(sorted(varied))
                problems.append(Problem(f"a grid varies settings of a trial, which are {known}", show_value(name)))
            elif not isinstance(values, list | tuple) or not values:
                example = "[2, 4]" if varied[name].kind is int else "[1e-4, 1e-3]"
                problems.append(
                    Problem(f"{{{name}}} in a grid is a list of values", show_value(values), f"write {example}")
                )
            else:
                checked = [_one_value(varied[name], value) for value in values]
                problems += [problem for _, problem in checked if problem is not None]
                grid[name] = tuple(value for value, _ in checked)
        num_trials = math.prod(map(len, grid.values())) * self.seeds
        if num_trials > MAX_TRIALS:
            rule = f"a study is at most {MAX_TRIALS:,} trials, combinations times {{seeds}}"
            problems.append(Problem(rule, f"{num_trials:,}", "compare fewer values"))
        object.__setattr__(self, "grid", grid)
        return problems


def _one_value(declared: Setting, value: Any) -> tuple[Any, Problem | None]:
    """Return a value of a grid, checked as a single one is; that a setting is left out cannot be compared."""
    if value is None:
        return None, Problem(f"{{{declared.name}}} in a grid is a list of values", "none among them", "leave it out")
    return declared.checked(value)


@dataclass(frozen=True, kw_only=True)
class StudyConfig(Section):
    """All that a study was asked for.

    With a `sweep`, `trial` holds the settings that all trials share; with `find`, trials are range tests.
    """

    data: DataConfig = setting(help="The examples.")
    model: ModelConfig = setting(help="The model.")
    trial: TrialConfig = setting(help="Settings of one training run.")
    numerics: NumericsConfig = setting(factory=NumericsConfig, help="How it is computed.")
    task: Literal["classification"] = setting("classification", help="What the model learns.")
    score_test: bool = setting(False, help="Open the test scores when training ends; it is recorded.", panel="Output")
    sweep: SweepConfig | None = setting(None, help="What is compared.")
    find: FindConfig | None = setting(None, help="The range test.")

    def reading(self, paths: Mapping[str, Any]) -> StudyConfig:
        """Return the same study with inputs read from elsewhere: `paths` by setting, those of [data] and [model]."""
        data = {name: path for name, path in paths.items() if name in settings_of(DataConfig)}
        model = {name: path for name, path in paths.items() if name in ("model", "tokenizer")}
        return replace(self, data=replace(self.data, **data), model=replace(self.model, **model))

    def to_dict(self) -> dict[str, Any]:
        """Return nested plain values; what is None is left out, as TOML has no null."""
        return without_none(super().to_dict())

    def to_toml(self) -> str:
        """Return the text of a `config.toml` that asks for the same again."""
        import tomli_w

        return tomli_w.dumps(self.to_dict())

    @staticmethod
    def from_dict(values: Mapping[str, Any], source: str = "") -> StudyConfig:
        """Build from nested plain values; an unknown or missing key is an error that names it and `source`."""
        sections: dict[str, type[Section]] = {
            "data": DataConfig,
            "model": ModelConfig,
            "trial": TrialConfig,
            "numerics": NumericsConfig,
            "sweep": SweepConfig,
            "find": FindConfig,
        }
        if not isinstance(values, Mapping):
            raise ConfigError(Problem("a configuration is a table", show_value(values)), source=source)
        built: dict[str, Any] = {}
        for name, value in values.items():
            section = sections.get(name)
            if section is None:
                built[name] = value
            elif isinstance(value, Mapping):
                built[name] = build_section(section, value, f"[{name}] in {source}" if source else "")
            else:
                problem = Problem(f"{name} must be a table", show_value(value), f"write it as [{name}]")
                raise ConfigError(problem, source=source)
        return build_section(StudyConfig, built, source)  # type: ignore[no-any-return]

    @staticmethod
    def from_toml(path: Path) -> StudyConfig:
        """Read a `config.toml`.

        Raises:
            ConfigError: the file is missing, is not TOML, or asks for something that cannot be.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"cannot read the configuration {path}: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise ConfigError(
                f"{path} must be UTF-8 text: got byte {error.object[error.start]:#x}; save it as UTF-8"
            ) from error
        try:
            values = tomllib.loads(text)
        except (ValueError, RecursionError) as error:  # numbers of any length and nesting without end are among them
            raise ConfigError(f"{path} is not TOML that can be read: {error}") from error
        return StudyConfig.from_dict(values, str(path))
