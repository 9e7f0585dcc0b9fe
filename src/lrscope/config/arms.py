"""What is compared: a configuration without its seed, and what tells it from the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from lrscope.config.any_trial import AnyTrial
from lrscope.config.catalogue import title_of
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
        own = self.config.own_names  # which the user typed, and reads as they were typed
        names = {name: name if name in own else title_of(name) for name in self.settings}
        return ", ".join(f"{names[name]} {shown(name, value)}" for name, value in self.settings.items())

    def at(self, seed: int) -> AnyTrial:
        """Return the trial of this arm at a seed."""
        return self.config.at(seed)


def shown(name: str, value: Any) -> str:
    """Return a setting's value as it is written."""
    if name == "peak_rate":
        return format_rate(value)
    return format_number(value) if isinstance(value, float) else str(value)


def named(configs: Sequence[AnyTrial]) -> list[Arm]:
    """Return arms whose settings are what differs among these configurations; with one alone, its rate."""
    of_all = [config.values for config in configs]
    names = dict.fromkeys(name for values in of_all for name in values)
    varying = [name for name in names if len({values.get(name) for values in of_all}) > 1] or ["peak_rate"]
    return [
        Arm(config, {name: values[name] for name in varying if name in values})
        for config, values in zip(configs, of_all, strict=True)
    ]


def grouped(rows: Iterable[Row]) -> list[tuple[Arm, list[Row]]]:
    """Return the arms of trials, in the order in which they were planned, each with its trials."""
    groups: dict[AnyTrial, list[Row]] = {}
    for row in rows:
        groups.setdefault(arm_key(row.config), []).append(row)
    return [(arm, groups[arm.config]) for arm in named(list(groups))]


def arm_key(config: AnyTrial) -> AnyTrial:
    """Return what trials of one arm have in common."""
    return config.at(0)
