"""What every trial has, whoever trains it: a peak rate, a seed, and settings that tell it from others."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields, replace
from typing import Any, Self

from lrscope.config.base import Section


class AnyTrial(Section):
    """One arm at one seed: of the built-in training (`TrialConfig`), or of the user's own (`ExternalTrial`)."""

    peak_rate: float
    seed: int

    @property
    def values(self) -> Mapping[str, Any]:
        """The settings that may tell arms apart, by name: all but the seed."""
        own: Any = self
        return {item.name: getattr(self, item.name) for item in fields(own) if item.name != "seed"}

    def with_values(self, values: Mapping[str, Any]) -> Self:
        """Return the same trial with these settings, by name.

        Raises:
            ConfigError: one cannot be.
        """
        own: Any = self
        return replace(own, **values)  # type: ignore[no-any-return]

    def differing(self, other: AnyTrial) -> list[str]:
        """Return the names of the settings, the seed among them, in which two trials differ."""
        mine, theirs = ({**each.values, "seed": each.seed} for each in (self, other))
        missing = object()
        return [name for name in {**mine, **theirs} if mine.get(name, missing) != theirs.get(name, missing)]

    def at(self, seed: int) -> Self:
        """Return the same arm at a seed."""
        return self.with_values({"seed": seed})

    @property
    def schedule_text(self) -> str:
        """The learning-rate schedule, empty where the training has its own."""
        return ""

    @property
    def own_names(self) -> Collection[str]:
        """The names of settings that are the user's own."""
        return ()

    @property
    def beside_rate(self) -> str:
        """What a table of trials shows beside the rate and the seed."""
        return self.schedule_text

    @property
    def length(self) -> float | None:
        """How long it trains, in the unit that it names, epochs or steps; None where it does not say."""
        raise NotImplementedError

    def with_length(self, length: float) -> Self:
        """Return the same trial with another length."""
        raise NotImplementedError
