"""What is compared: every combination of values, every one at the same seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from lrscope.config.base import Section, Setting, setting, settings_of, show_value
from lrscope.config.trial import TrialConfig
from lrscope.errors import Problem

MAX_TRIALS = 100_000  # of a study: each is a row, and is planned before the first one runs


@dataclass(frozen=True, kw_only=True)
class SweepConfig(Section):
    """What is compared: every combination of the values in `grid`, by setting of a trial, at every seed.

    `part_rates` are rates at which one part of a model is trained alone, beside those of the grid. `scale_rate` scales
    the rates with the batch size, from the grid's first one on.
    """

    panel: ClassVar[str] = "Comparison"
    key: ClassVar[str] = "sweep"

    grid: Mapping[str, Any] = setting(factory=dict, help="Values to compare, a list for each setting of a trial.")
    part_rates: Mapping[str, Any] = setting(
        factory=dict, help="Learning rates of a trained part alone, a list for each: what suits LoRA does not suit all."
    )
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

    @staticmethod
    def varied() -> Mapping[str, Setting]:
        """Return the settings that a grid may hold, by name."""
        return {name: item for name, item in settings_of(TrialConfig).items() if item.varies}

    @staticmethod
    def undeclared(name: str) -> Setting | None:
        """Return what a grid's setting of another name is, where it may hold one."""
        return None

    def _problems(self) -> list[Problem]:
        varied = self.varied()
        problems: list[Problem] = []
        grid: dict[str, tuple[Any, ...]] = {}
        for name, values in self.grid.items():
            declared = varied.get(name) or self.undeclared(name)
            if declared is None:
                known = ", ".join(sorted(varied))
                problems.append(Problem(f"a grid varies settings of a trial, which are {known}", show_value(name)))
            elif not isinstance(values, list | tuple) or not values:
                example = "[2, 4]" if declared.kind is int else "[1e-4, 1e-3]"
                problems.append(
                    Problem(f"{{{name}}} in a grid is a list of values", show_value(values), f"write {example}")
                )
            else:
                checked = [_one_value(declared, value) for value in values]
                problems += [problem for _, problem in checked if problem is not None]
                grid[name] = tuple(value for value, _ in checked)
        of_parts, more = self._checked_part_rates()
        problems += more
        lengths = {name: len(values) for name, values in grid.items()}
        if of_parts:
            lengths["peak_rate"] = lengths.get("peak_rate", 0) + max(map(len, of_parts.values()))
        num_trials = math.prod(lengths.values()) * self.seeds
        if num_trials > MAX_TRIALS:
            rule = f"a study is at most {MAX_TRIALS:,} trials, combinations times {{seeds}}"
            problems.append(Problem(rule, f"{num_trials:,}", "compare fewer values"))
        object.__setattr__(self, "grid", grid)
        object.__setattr__(self, "part_rates", of_parts)
        return problems

    def _checked_part_rates(self) -> tuple[dict[str, tuple[float, ...]], list[Problem]]:
        varied, problems = self.varied(), list[Problem]()
        checked: dict[str, tuple[float, ...]] = {}
        for part, rates in self.part_rates.items():
            parts = varied["train_part"].choices if "train_part" in varied else ()
            if part not in parts:
                rule = f"{{part_rates}} are of {' or '.join(parts) or 'the built-in training'}"
                problems.append(Problem(rule, show_value(part)))
            elif not isinstance(rates, list | tuple) or not rates:
                rule = "{part_rates} are a list of rates for each part"
                problems.append(Problem(rule, show_value(rates), f"write {part} = [1e-4, 1e-3]"))
            else:
                values = [_one_value(varied["peak_rate"], rate) for rate in rates]
                problems += [problem for _, problem in values if problem is not None]
                checked[part] = tuple(value for value, _ in values)
        return checked, problems


def _one_value(declared: Setting, value: Any) -> tuple[Any, Problem | None]:
    """Return a value of a grid, checked as a single one is; that a setting is left out cannot be compared."""
    if value is None:
        return None, Problem(f"{{{declared.name}}} in a grid is a list of values", "none among them", "leave it out")
    return declared.checked(value)
