"""A learning-rate range test: what was asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lrscope.errors import ScheduleError
from lrscope.schedules.ramp import Ramp
from lrscope.sections import Section

VARIED = ("head", "dropout", "order")


@dataclass(frozen=True, kw_only=True)
class FindConfig(Section):
    """A learning-rate range test, made of every trial in the place of a fine-tune.

    `widen`: where the loss has not risen by `end`, go on at the same pace, two decades at most. `vary` is what differs
    between seeds. `probe` measures a fixed set of `probe_size` examples after every step. `warm_head` steps train the
    head alone before. `forks` > 0: rather than a ramp, so many steps at each rate, always from the same weights.
    """

    start: float = 1e-7
    end: float = 1e-2
    steps: int = 100
    kind: Literal["exponential", "linear"] = "exponential"
    widen: bool = True
    vary: tuple[str, ...] = ("head", "dropout")
    probe: Literal["none", "train", "dev"] = "none"
    probe_size: int = 256
    warm_head: int = 0
    forks: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "vary", tuple(self.vary))
        super().__post_init__()

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
        problems += [
            f"--{name.replace('_', '-')} must be 0 or more steps: got {value}"
            for name, value in (("warm_head", self.warm_head), ("forks", self.forks))
            if value < 0
        ]
        return problems
