"""What was asked: frozen, validated when built, written to TOML and read back unchanged.

A study is one task, one model, one data fingerprint and one set of numerics; a trial is one arm at one seed. All
problems of a section are reported at once.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from lrscope.errors import ConfigError
from lrscope.schedules import ResolvedSchedule, parse
from lrscope.schedules.places import steps_an_epoch
from lrscope.sections import Section, build_section, without_none


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


@lru_cache(maxsize=4096)  # a study of ten thousand trials has few schedules
def _canonical(schedule: str) -> str:
    return str(parse(schedule))


@dataclass(frozen=True, kw_only=True)
class TrialConfig(Section):
    """One arm at one seed. `schedule` is kept as canonical text; durations inside it carry units.

    `clip_norm` is the largest gradient norm, 0 for no clipping; `patience` counts evaluations. `layer_decay` lowers the
    rate from layer to layer towards the embeddings, `head_multiplier` scales the head's.
    """

    peak_rate: float
    schedule: str = "warmup(6%) > linear"
    epochs: int = 5
    batch_size: int = 32
    micro_batch: int | None = None
    seed: int = 0
    weight_decay: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    clip_norm: float = 1.0
    layer_decay: float = 1.0
    head_multiplier: float = 1.0
    dropout: float = 0.3
    label_smoothing: float = 0.0
    patience: int | None = None
    train_metrics: Literal["running", "full"] = "running"

    def __post_init__(self) -> None:
        super().__post_init__()
        # Stored as the schedule's own canonical text, so that two spellings of one schedule are one arm.
        object.__setattr__(self, "schedule", _canonical(self.schedule))

    def lay_out(self, num_examples: int) -> ResolvedSchedule:
        """Return the schedule over the steps that this trial runs: ceil(examples / batch size) an epoch.

        Raises:
            ScheduleError: the schedule does not fit them.
        """
        steps_per_epoch = steps_an_epoch(num_examples, self.batch_size)
        return parse(self.schedule).resolve(
            total_steps=self.epochs * steps_per_epoch, steps_per_epoch=steps_per_epoch, peak_rate=self.peak_rate
        )

    def _problems(self) -> list[str]:
        problems = []

        def require(holds: bool, rule: str, got: object, way_out: str) -> None:
            if not holds:
                problems.append(f"{rule}: got {got}; {way_out}")

        require(
            math.isfinite(self.peak_rate) and self.peak_rate > 0,
            "the learning rate must be a positive number",
            f"--lr {self.peak_rate:g}",
            "try 1e-4",
        )
        require(self.epochs >= 1, "--epochs must be at least 1", self.epochs, "try 3")
        require(self.batch_size >= 1, "--batch-size must be at least 1", self.batch_size, "try 32")
        if self.micro_batch is not None:
            require(
                1 <= self.micro_batch <= self.batch_size,
                f"--micro-batch must be from 1 to the batch size of {self.batch_size}",
                self.micro_batch,
                "it is the part of a batch that is computed at a time",
            )
        require(0 <= self.seed < 2**63, "--seed must be from 0 to below 2^63", self.seed, "try 0")
        require(
            math.isfinite(self.weight_decay) and self.weight_decay >= 0,
            "--weight-decay must be 0 or more",
            self.weight_decay,
            "try 0.01",
        )
        for name in ("beta1", "beta2"):
            value = getattr(self, name)
            require(0 <= value < 1, f"--{name} must be from 0 to below 1", value, "try 0.9 and 0.999")
        require(
            math.isfinite(self.epsilon) and self.epsilon > 0, "--epsilon must be positive", self.epsilon, "try 1e-8"
        )
        require(
            math.isfinite(self.clip_norm) and self.clip_norm >= 0,
            "--clip-norm must be 0 or more",
            self.clip_norm,
            "0 means no clipping",
        )
        require(0 < self.layer_decay <= 1, "--layer-decay must be above 0 and at most 1", self.layer_decay, "try 0.9")
        require(
            math.isfinite(self.head_multiplier) and self.head_multiplier > 0,
            "--head-multiplier must be positive",
            self.head_multiplier,
            "1 means the same rate as the rest",
        )
        require(0 <= self.dropout < 1, "--dropout must be from 0 to below 1", self.dropout, "try 0.3")
        require(
            0 <= self.label_smoothing < 1,
            "--label-smoothing must be from 0 to below 1",
            self.label_smoothing,
            "try 0.1",
        )
        if self.patience is not None:
            require(self.patience >= 1, "--patience must be at least 1 evaluation", self.patience, "try 2")
        return problems


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
        object.__setattr__(self, "grid", {name: tuple(values) for name, values in self.grid.items()})

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

    With a `sweep`, `trial` holds the settings that all trials share.
    """

    data: DataConfig
    model: ModelConfig
    trial: TrialConfig
    numerics: NumericsConfig = field(default_factory=NumericsConfig)
    task: Literal["classification"] = "classification"
    score_test: bool = False
    sweep: SweepConfig | None = None

    def reading(self, paths: Mapping[str, Any]) -> StudyConfig:
        """Return the same study with inputs read from elsewhere: `paths` by setting, those of [data] and [model]."""
        data = {name: path for name, path in paths.items() if name in DataConfig.__dataclass_fields__}
        model = {name: path for name, path in paths.items() if name in ("model", "tokenizer")}
        return replace(self, data=replace(self.data, **data), model=replace(self.model, **model))

    def to_dict(self) -> dict[str, Any]:
        """Return nested plain values; what is None is left out, as TOML has no null."""
        return without_none(asdict(self))

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
