"""What was asked: frozen, validated when built, written to TOML and read back unchanged.

A study is one task, one model, one data fingerprint and one set of numerics; a trial is one arm at one seed. All
problems of a section are reported at once.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from lrscope.config.base import Section, build_section, plain_value, without_none
from lrscope.config.find import FindConfig
from lrscope.config.trial import TrialConfig
from lrscope.errors import ConfigError
from lrscope.schedules import parse


@dataclass(frozen=True, kw_only=True)
class DataConfig(Section):
    """Where the examples lie and how they are read. Paths are kept absolute, so a run can be resumed from anywhere."""

    train: str
    dev: str
    test: str | None = None
    label_names: str | None = None
    text_column: str | None = None
    label_column: str | None = None
    on_long: Literal["cut", "error"] = "cut"
    max_tokens: int | None = None

    def _problems(self) -> list[str]:
        problems = []
        if self.max_tokens is not None and self.max_tokens < 2:
            problems.append(
                f"--max-tokens must be at least 2: got {self.max_tokens}; leave it out for the model's limit"
            )
        if self.text_column is not None and self.text_column == self.label_column:
            problems.append(
                f"sentences and labels are two columns: got {self.text_column} for both; name the other one"
            )
        return problems


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Section):
    """Which weights, which of them train, and which implementation runs them."""

    model: str
    tokenizer: str | None = None
    train: Literal["full", "head"] = "full"
    implementation: Literal["auto", "native", "transformers"] = "auto"
    gradient_checkpointing: bool = False


@dataclass(frozen=True, kw_only=True)
class NumericsConfig(Section):
    """What must be equal for two trials to be comparable to the last bit. `auto` is decided once a study."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    threads: int | None = None
    batching: Literal["bucketed", "random"] = "bucketed"

    def _problems(self) -> list[str]:
        if self.threads is not None and self.threads < 1:
            return [f"--threads must be at least 1: got {self.threads}; leave it out to use all cores"]
        return []


@dataclass(frozen=True, kw_only=True)
class SweepConfig(Section):
    """What is compared: every combination of the values in `grid`, by setting of a trial, at every seed.

    `keep` says whose checkpoints are kept: the best trial's of each arm, all or none. `scale_rate` scales the rates
    with the batch size, from the grid's first one on.
    """

    grid: Mapping[str, Any] = field(default_factory=dict)
    seeds: int = 1
    strategy: Literal["grid", "rungs"] = "grid"
    keep: Literal["best", "all", "none"] = "best"
    scale_rate: Literal["none", "sqrt", "linear"] = "none"

    def __post_init__(self) -> None:
        super().__post_init__()
        grid = {name: tuple(values) for name, values in self.grid.items()}
        if "schedule" in grid:
            grid["schedule"] = tuple(map(parse, grid["schedule"]))
        object.__setattr__(self, "grid", grid)

    def _problems(self) -> list[str]:
        problems = [] if self.seeds >= 1 else [f"--seeds must be at least 1: got {self.seeds}; try 3"]
        known = {item.name for item in fields(TrialConfig)} - {"seed"}
        for name, values in self.grid.items():
            if name not in known:
                problems.append(
                    f"[sweep.grid] varies settings of a trial: got {name}; known are {', '.join(sorted(known))}"
                )
            elif not isinstance(values, list | tuple) or not values or None in values:
                problems.append(f"[sweep.grid] {name} is a list of values: got {values!r}; write [1e-4, 1e-3]")
        return problems


@dataclass(frozen=True, kw_only=True)
class StudyConfig:
    """All that a study was asked for. `score_test` opens the test scores at the end of the trial, and is recorded.

    With a `sweep`, `trial` holds the settings that all trials share; with `find`, trials are range tests.
    """

    data: DataConfig
    model: ModelConfig
    trial: TrialConfig
    numerics: NumericsConfig = field(default_factory=NumericsConfig)
    task: Literal["classification"] = "classification"
    score_test: bool = False
    sweep: SweepConfig | None = None
    find: FindConfig | None = None

    def reading(self, paths: Mapping[str, Any]) -> StudyConfig:
        """Return the same study with inputs read from elsewhere: `paths` by setting, those of [data] and [model]."""
        data = {name: path for name, path in paths.items() if name in DataConfig.__dataclass_fields__}
        model = {name: path for name, path in paths.items() if name in ("model", "tokenizer")}
        return replace(self, data=replace(self.data, **data), model=replace(self.model, **model))

    def to_dict(self) -> dict[str, Any]:
        """Return nested plain values; what is None is left out, as TOML has no null."""
        return without_none({item.name: plain_value(getattr(self, item.name)) for item in fields(self)})

    def to_toml(self) -> str:
        """Return the text of a `config.toml` that asks for the same again."""
        import tomli_w

        return tomli_w.dumps(self.to_dict())

    @staticmethod
    def from_dict(values: Mapping[str, Any], source: str = "the configuration") -> StudyConfig:
        """Build from nested plain values; an unknown or missing key is an error that names it and `source`."""
        sections = {
            "data": DataConfig,
            "model": ModelConfig,
            "trial": TrialConfig,
            "numerics": NumericsConfig,
            "sweep": SweepConfig,
            "find": FindConfig,
        }
        built: dict[str, Any] = {}
        for name, value in values.items():
            section = sections.get(name)
            if section is None:
                built[name] = value
            elif isinstance(value, Mapping):
                built[name] = build_section(section, value, f"[{name}] in {source}")
            else:
                raise ConfigError(f"{name} must be a table: got {value!r} in {source}; write it as [{name}]")
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
            return StudyConfig.from_dict(tomllib.loads(text), str(path))
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{path} is not TOML: {error}") from error
