"""A learning-rate range test: what was asked of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from lrscope.config.base import Section
from lrscope.errors import ScheduleError
from lrscope.schedules.ramp import WIDEN_BY, Ramp

VARIED = ("head", "dropout", "order")


@dataclass(frozen=True, kw_only=True)
class FindConfig(Section):
    """A learning-rate range test, made of every trial in the place of a fine-tune.

    `method`: "ramp", one run under a rising rate; "forks", `steps_each` updates at each rate of a grid, always from the
    same weights; "runs", a complete schedule of `steps_each` updates at each rate. `widen`: where the loss has not
    risen by `end`, go on at the same pace, two decades at most. `vary` is what differs between seeds. `probe` measures
    a fixed set of `probe_size` examples after every step, or every fork or run; "auto" is dev for these, and none for
    a ramp. `warm_head` steps train the head alone before.
    """

    method: Literal["ramp", "forks", "runs"] = "ramp"
    start: float = 1e-7
    end: float = 1e-2
    steps: int = 100
    kind: Literal["exponential", "linear"] = "exponential"
    steps_each: int = 20
    per_decade: int = 4
    widen: bool = True
    vary: tuple[str, ...] = VARIED
    probe: Literal["auto", "none", "train", "dev"] = "auto"
    probe_size: int = 256
    warm_head: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "vary", tuple(self.vary))
        super().__post_init__()

    @property
    def rates(self) -> list[float]:
        """The grid of forks and runs, up to where it is widened to.

        >>> FindConfig(start=1e-3, end=1e-2, widen=False, per_decade=2).rates
        [0.001, 0.00316228, 0.01]
        """
        end = self.end * (WIDEN_BY if self.widen else 1.0)
        number = round(self.per_decade * math.log10(end / self.start))
        return [float(f"{self.start * 10 ** (place / self.per_decade):.6g}") for place in range(number + 1)]

    @property
    def probed(self) -> Literal["none", "train", "dev"]:
        """Which split is measured."""
        if self.probe == "auto":
            return "none" if self.method == "ramp" else "dev"
        return self.probe

    @property
    def ramp(self) -> Ramp:
        """Return the rates of the steps."""
        return Ramp(self.start, self.end, self.steps, self.kind)

    def _problems(self) -> list[str]:
        problems = []
        try:
            Ramp(self.start, self.end, self.steps, self.kind)
        except ScheduleError as error:
            problems.append(str(error))
        unknown = [name for name in self.vary if name not in VARIED]
        if unknown:
            problems.append(f"--vary takes {', '.join(VARIED)}: got {unknown[0]!r}")
        if self.probe_size < 1:
            problems.append(f"--probe-size must be at least 1 example: got {self.probe_size}; try 256")
        for name, least in (("warm_head", 0), ("steps_each", 1), ("per_decade", 1)):
            if getattr(self, name) < least:
                problems.append(f"--{name.replace('_', '-')} must be at least {least}: got {getattr(self, name)}")
        return problems
