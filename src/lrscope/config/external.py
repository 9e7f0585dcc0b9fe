"""A study of the user's own training: a command or a Python function, run at several rates and seeds."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from lrscope.config.any_study import AnyStudy
from lrscope.config.any_trial import AnyTrial
from lrscope.config.base import Section, Setting, setting, settings_of, show_value
from lrscope.config.sweep import SweepConfig
from lrscope.config.trial import MAX_RATE
from lrscope.errors import ConfigError, Problem

Scalar = str | int | float | bool
NAMES_TAKEN = ("lr", "seed", "out", "config", "checkpoint", "port")  # placeholders with a meaning of their own


class OwnSettings(Mapping[str, Scalar]):
    """Settings of the user's training, by name: a mapping that can be compared and hashed, as trials are.

    >>> OwnSettings({"lora_r": 8})["lora_r"], OwnSettings({"a": 1}) == OwnSettings({"a": 1})
    (8, True)

    Raises:
        ConfigError: a name is no word, or a value neither text nor a number.
    """

    def __init__(self, values: Any = None) -> None:
        values = {} if values is None else values
        if not isinstance(values, Mapping):
            raise ConfigError(f"settings of a training are a table of names and values: got {show_value(values)}")
        for name, value in values.items():
            if not (isinstance(name, str) and name.isidentifier()) or name in NAMES_TAKEN:
                raise ConfigError(
                    f"a setting of a training has a name of letters, digits and _ that is not one of "
                    f"{', '.join(NAMES_TAKEN)}: got {show_value(name)}"
                )
            if not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
                raise ConfigError(f"a setting of a training is a text or a number: got {name} = {show_value(value)}")
        self._items: tuple[tuple[str, Scalar], ...] = tuple(values.items())

    def __getitem__(self, name: str) -> Scalar:
        for known, value in self._items:
            if known == name:
                return value
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items))

    def __repr__(self) -> str:
        return repr(dict(self._items))


def scalar_of(text: str) -> Scalar:
    """Return a number where a text is one as it would be written again, else the text as it was typed.

    >>> scalar_of("8"), scalar_of("0.5"), scalar_of("1e-4"), scalar_of("q_proj")
    (8, 0.5, '1e-4', 'q_proj')
    """
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        if str(number) == text and math.isfinite(number):
            return number
    return text


def with_whole_epochs(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with epochs as `range` wants them: an int where they are whole.

    >>> with_whole_epochs({"epochs": 4.0}), with_whole_epochs({"epochs": 2.5}), with_whole_epochs({"epochs": None})
    ({'epochs': 4}, {'epochs': 2.5}, {'epochs': None})
    """
    epochs = values.get("epochs")
    is_whole = isinstance(epochs, float) and epochs.is_integer()
    return {**values, "epochs": int(epochs)} if is_whole else dict(values)  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class ExternalTrial(AnyTrial):
    """One run of the user's own training: what it is told of the learning rate, the seed, its length and the rest."""

    panel: ClassVar[str] = "Training"
    key: ClassVar[str] = "trial"

    peak_rate: float = setting(
        help="Peak learning rate.", metavar="RATE", option="lr", label="lr", above=0, cap=MAX_RATE,
        limit="float32 holds no larger rate", way_out="try 1e-4", varies=True,
    )  # fmt: skip
    epochs: float | None = setting(
        None, help="Passes over the training set, for {epochs} in a command.", metavar="N", above=0, cap=1e9,
        way_out="try 3", varies=True,
    )  # fmt: skip
    steps: int | None = setting(
        None, help="Optimizer steps, for {steps} in a command.", metavar="N", at_least=1, cap=1e12, way_out="try 500",
        varies=True, shown_default="none",
    )  # fmt: skip
    seed: int = setting(0, help="Random seed of the training.", metavar="N", at_least=0, below=2**63, way_out="try 0")
    settings: OwnSettings = setting(
        factory=OwnSettings, help="Settings of one's own, by name.",
        parse=lambda value: value if isinstance(value, OwnSettings) else OwnSettings(value),
    )  # fmt: skip

    @property
    def values(self) -> Mapping[str, Any]:
        """The settings that may tell arms apart, by name: all but the seed."""
        length = {name: value for name, value in (("epochs", self.epochs), ("steps", self.steps)) if value is not None}
        return {"peak_rate": self.peak_rate, **length, **self.settings}

    def with_values(self, values: Mapping[str, Any]) -> ExternalTrial:
        """Return the same trial with these settings, its own among them."""
        declared = {name: value for name, value in values.items() if name in settings_of(ExternalTrial)}
        own = {name: value for name, value in values.items() if name not in declared}
        return replace(self, **declared, settings=OwnSettings({**self.settings, **own}))

    @property
    def own_names(self) -> Collection[str]:
        """The names of settings that are the user's own."""
        return self.settings.keys()

    @property
    def beside_rate(self) -> str:
        """Its length and its own settings.

        >>> ExternalTrial(peak_rate=1e-4, epochs=2, settings={"lora_r": 8}).beside_rate
        'epochs 2, lora_r 8'
        """
        own = {name: value for name, value in self.values.items() if name != "peak_rate"}
        shown = {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in own.items()}
        return ", ".join(f"{name} {value}" for name, value in shown.items())

    @property
    def length(self) -> float | None:
        """How many epochs it trains, or steps where it names those."""
        return self.epochs if self.epochs is not None else self.steps

    def with_length(self, length: float) -> ExternalTrial:
        """Return the same trial over so many epochs, or steps where it names those."""
        if self.epochs is not None:
            return replace(self, epochs=length)
        return self if self.steps is None else replace(self, steps=max(1, round(length)))

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {**super().to_dict(), "settings": dict(self.settings)}


def _arguments(value: Any) -> tuple[str, ...] | None:
    """Return a command as arguments, whole: it is split where a user types it."""
    if value is None:
        return None
    if not isinstance(value, list | tuple) or not value or not all(isinstance(word, str) for word in value):
        raise ConfigError(f"a command is a list of arguments: got {show_value(value)}; write ['python', 'train.py']")
    return tuple(value)


def _paths(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(path, str) and path.strip() for path in value):
        raise ConfigError(f"inputs are a list of files: got {show_value(value)}; write ['train.jsonl']")
    return tuple(value)


@dataclass(frozen=True, kw_only=True)
class TrainerConfig(Section):
    """What trains: a command with placeholders, or a Python function; and what its runs are compared by.

    `function` is what a user's function is called; the function itself is no setting.
    """

    panel: ClassVar[str] = "Your own training"
    key: ClassVar[str] = "trainer"

    command: tuple[str, ...] | None = setting(
        None, help="Command that trains: {lr}, {seed}, {out} and every --set name are filled in; no shell in between.",
        metavar="COMMAND", shown_default="the built-in training", parse=_arguments,
    )  # fmt: skip
    function: str | None = setting(None, help="Python function that trains.")
    function_file: str | None = setting(None, help="File that holds the function for processes of their own.")
    folder: str | None = setting(None, help="Folder that a command runs in.", shown_default="the current folder")
    template: str | None = setting(
        None, help="Configuration file of the command: {config} is a copy of it with its placeholders filled in.",
        metavar="FILE", shown_default="none", is_path=True,
    )  # fmt: skip
    inputs: tuple[str, ...] = setting(
        (), option="input", help="File or folder that the command reads; a study goes on only where it is unchanged.",
        metavar="FILE", shown_default="none", parse=_paths,
    )  # fmt: skip
    metric: str | None = setting(
        None, help="Metric of the evaluations to compare by, by its own name, such as eval_loss.", metavar="NAME",
        shown_default="the only one beside the loss, else the loss",
    )  # fmt: skip
    direction: Literal["maximize", "minimize"] | None = setting(
        None, help="Whether a larger or a smaller value of the metric is better, where its name does not tell.",
        shown_default="by the metric's name",
    )  # fmt: skip
    timeout: float | None = setting(
        None, help="Longest time of a run, such as 2h; what takes longer is ended and has failed.", metavar="TIME",
        shown_default="none", above=0, cap=1e9, way_out="write 2h",
    )  # fmt: skip
    threads: int | None = setting(
        None, help="Processor threads of a run (OMP_NUM_THREADS).", metavar="N", at_least=1, cap=1024,
        way_out="leave it out",
    )  # fmt: skip

    def _problems(self) -> list[Problem]:
        if (self.command is None) == (self.function is None):
            return [Problem("a study has one trainer, {command} or a function", "both" if self.command else "neither")]
        return []


@dataclass(frozen=True, kw_only=True)
class ExternalSweep(SweepConfig):
    """What is compared of the user's own training: its settings are its own, by any name."""

    keep: Literal["best", "all", "none"] = setting(
        "all", help="Output folders to keep: of all runs, of the best run of each setting, or none.", panel="Output"
    )

    @staticmethod
    def varied() -> Mapping[str, Setting]:
        """Return the settings that a grid may hold and that are declared."""
        return {name: item for name, item in settings_of(ExternalTrial).items() if item.varies}

    @staticmethod
    def undeclared(name: str) -> Setting | None:
        """Return what a setting of the user's own is: any text or number."""
        if name in settings_of(ExternalTrial):
            return None
        OwnSettings({name: 0})  # its name is checked
        return Setting(help="", name=name, parse=lambda value: OwnSettings({name: value})[name])

    def _problems(self) -> list[Problem]:
        problems = super()._problems()
        if self.scale_rate != "none":
            rule = "{scale_rate} scales rates with the built-in training's batch size"
            problems.append(Problem(rule, self.scale_rate, "name the rates of each batch size in a study of its own"))
        return problems


@dataclass(frozen=True, kw_only=True)
class ExternalStudy(AnyStudy):
    """All that a study of the user's own training was asked for."""

    sections: ClassVar[Mapping[str, type[Section]]] = {
        "trainer": TrainerConfig,
        "trial": ExternalTrial,
        "sweep": ExternalSweep,
    }

    trainer: TrainerConfig = setting(help="What trains.")
    trial: ExternalTrial = setting(help="Settings of one training run.")
    sweep: ExternalSweep | None = setting(None, help="What is compared.")

    @property
    def threads_asked(self) -> int | None:
        """How many processor threads a trial was given; None where nobody said."""
        return self.trainer.threads

    def with_threads(self, threads: int) -> ExternalStudy:
        """Return the same study with so many threads a trial."""
        return replace(self, trainer=replace(self.trainer, threads=threads))

    @property
    def input_paths(self) -> Mapping[str, str]:
        """The template and the inputs that were named."""
        files = {"template": self.trainer.template, "function": self.trainer.function_file}
        named = {name: path for name, path in files.items() if path is not None}
        return {**named, **{f"input {number}": path for number, path in enumerate(self.trainer.inputs, start=1)}}

    @property
    def inputs_named(self) -> Mapping[str, Any]:
        """The command or the function."""
        trainer = self.trainer
        return {"command": " ".join(trainer.command)} if trainer.command else {"function": trainer.function}

    def reading(self, paths: Mapping[str, Any]) -> ExternalStudy:
        """Return the same study with its template or inputs read from elsewhere."""
        inputs = tuple(paths.get(f"input {n}", path) for n, path in enumerate(self.trainer.inputs, start=1))
        template = paths.get("template", self.trainer.template)
        function = paths.get("function", self.trainer.function_file)
        trainer = replace(self.trainer, template=template, function_file=function, inputs=inputs)
        return replace(self, trainer=trainer)
