"""What is compared: a configuration without its seed, and what tells it from the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol, TypeVar

from lrscope.config.base import settings_of
from lrscope.config.trial import TrialConfig
from lrscope.number_text import format_number, format_rate


class HasConfig(Protocol):
    """A row of a study: whatever it holds, it knows its trial's configuration."""

    @property
    def config(self) -> TrialConfig:
        """Return the trial's configuration."""
        ...


Row = TypeVar("Row", bound=HasConfig)


@dataclass(frozen=True)
class Arm:
    """One configuration without its seed. `settings` are what it does not share with all other arms."""

    config: TrialConfig
    settings: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Return what tells it from the others, as a person reads it.

        >>> Arm(TrialConfig(peak_rate=1e-3), {"peak_rate": 1e-3, "batch_size": 80}).name
        'lr 1e-3, batch size 80'
        """
        titles = settings_of(TrialConfig)
        return ", ".join(f"{titles[name].title} {shown(name, value)}" for name, value in self.settings.items())

    def at(self, seed: int) -> TrialConfig:
        """Return the trial of this arm at a seed."""
        return replace(self.config, seed=seed)


def shown(name: str, value: Any) -> str:
    """Return a setting's value as it is written."""
    if name == "peak_rate":
        return format_rate(value)
    return format_number(value) if isinstance(value, float) else str(value)


def named(configs: Sequence[TrialConfig]) -> list[Arm]:
    """Return arms whose settings are what differs among these configurations; with one alone, its rate."""
    varying = [
        item.name
        for item in fields(TrialConfig)
        if item.name != "seed" and len({getattr(config, item.name) for config in configs}) > 1
    ] or ["peak_rate"]
    return [Arm(config, {name: getattr(config, name) for name in varying}) for config in configs]


def grouped(rows: Iterable[Row]) -> list[tuple[Arm, list[Row]]]:
    """Return the arms of trials, in the order in which they were planned, each with its trials."""
    groups: dict[TrialConfig, list[Row]] = {}
    for row in rows:
        groups.setdefault(arm_key(row.config), []).append(row)
    return [(arm, groups[arm.config]) for arm in named(list(groups))]


def arm_key(config: TrialConfig) -> TrialConfig:
    """Return what trials of one arm have in common."""
    return replace(config, seed=0)
