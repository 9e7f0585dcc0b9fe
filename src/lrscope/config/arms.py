"""What is compared: a configuration without its seed, and what tells it from the others."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from lrscope.config.any_trial import AnyTrial
from lrscope.config.catalogue import option_settings, title_of
from lrscope.number_text import format_number, format_rate


class HasConfig(Protocol):
    """A row of a study: whatever it holds, it knows its trial's configuration."""

    @property
    def config(self) -> AnyTrial:
        """Return the trial's configuration."""
        ...


Row = TypeVar("Row", bound=HasConfig)


@dataclass(frozen=True)
class Arm:
    """One configuration without its seed. `settings` are what it does not share with all other arms."""

    config: AnyTrial
    settings: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Return what tells it from the others, as a person reads it.

        >>> from lrscope.config import TrialConfig
        >>> Arm(TrialConfig(peak_rate=1e-3), {"peak_rate": 1e-3, "batch_size": 80}).name
        'lr 1e-3, batch size 80'
        """
        return described(self.settings, self.config.own_names)

    @property
    def beside_rate(self) -> str:
        """What tells it from the others beside its rate, empty where nothing does."""
        return described({n: value for n, value in self.settings.items() if n != "peak_rate"}, self.config.own_names)

    def at(self, seed: int) -> AnyTrial:
        """Return the trial of this arm at a seed."""
        return self.config.at(seed)


def described(settings: Mapping[str, Any], own_names: Collection[str] = ()) -> str:
    """Return settings as a person reads them, those of `own_names` as they were typed; one that is empty is left out.

    What is trained is not said where a setting of it follows.

    >>> described({"peak_rate": 1e-3, "train_part": "lora", "lora_rank": 4})
    'lr 1e-3, LoRA rank 4'
    >>> described({"peak_rate": 1e-3, "train_part": "full", "lora_rank": ""})
    'lr 1e-3, full fine-tuning'
    """
    known = option_settings()
    given = {name: value for name, value in settings.items() if value != ""}
    parts = {known[name].of_part for name in given if name in known and name not in own_names}
    texts = []
    for name, value in given.items():
        labels = known[name].value_titles if name in known and name not in own_names else {}
        if not labels:
            texts.append(f"{name if name in own_names else title_of(name)} {shown(name, value)}")
        elif value not in parts:
            texts.append(labels.get(value, str(value)))
    return ", ".join(texts)


def shown(name: str, value: Any) -> str:
    """Return a setting's value as it is written."""
    if name == "peak_rate":
        return format_rate(value)
    return format_number(value) if isinstance(value, float) else str(value)


def named(configs: Sequence[AnyTrial]) -> list[Arm]:
    """Return arms whose settings are what differs among these configurations; with one alone, its rate."""
    of_all = [config.values for config in configs]
    names = dict.fromkeys(name for values in of_all for name in values)
    varying = [name for name in names if _tells_apart(name, of_all)] or ["peak_rate"]
    return [
        Arm(config, {name: values[name] for name in varying if name in values})
        for config, values in zip(configs, of_all, strict=True)
    ]


def _tells_apart(name: str, of_all: Sequence[Mapping[str, Any]]) -> bool:
    """Whether arms differ in a setting; one that belongs to a part is compared among those that train it."""
    is_of_part = name in option_settings() and option_settings()[name].of_part
    return len({values.get(name) for values in of_all if name in values or not is_of_part}) > 1


def grouped(rows: Iterable[Row]) -> list[tuple[Arm, list[Row]]]:
    """Return the arms of trials, in the order in which they were planned, each with its trials."""
    groups: dict[AnyTrial, list[Row]] = {}
    for row in rows:
        groups.setdefault(arm_key(row.config), []).append(row)
    return [(arm, groups[arm.config]) for arm in named(list(groups))]


class BesideRate:
    """What a table of these trials shows beside the rate and the seed, under its heading, empty where there is nothing.

    That is what tells the arms of the built-in training apart, the schedule where nothing else does.

    >>> from lrscope.config import TrialConfig
    >>> both = [TrialConfig(peak_rate=1e-3, train_part=part) for part in ("full", "lora")]
    >>> BesideRate(both).heading, BesideRate(both).of(both[1]), BesideRate(both[:1]).heading
    ('settings', 'LoRA', 'schedule')
    """

    def __init__(self, trials: Sequence[AnyTrial]) -> None:
        arms = named(list(dict.fromkeys(map(arm_key, trials))))
        differ = any(arm.beside_rate for arm in arms) and not any(arm.config.own_names for arm in arms)
        self._texts = {arm.config: arm.beside_rate if differ else arm.config.beside_rate for arm in arms}
        is_schedule = all(text == arm.schedule_text for arm, text in self._texts.items())
        shown = "schedule" if is_schedule else "settings"
        self.heading = shown if any(self._texts.values()) else ""

    def of(self, trial: AnyTrial) -> str:
        """Return what is shown of a trial."""
        return self._texts.get(arm_key(trial), trial.beside_rate)


def arm_key(config: AnyTrial) -> AnyTrial:
    """Return what trials of one arm have in common."""
    return config.at(0)
