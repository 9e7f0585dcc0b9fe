"""A learning-rate range test: what was asked of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from lrscope.config.base import Section, setting, show_value
from lrscope.config.trial import MAX_RATE
from lrscope.errors import Problem
from lrscope.schedules.ramp import MIN_STEPS, WIDEN_BY, Ramp

LESS_NOISE = "Less noise"

VARIED = ("head", "dropout", "order")
SEEDS = 5  # range tests, where nobody says how many


@dataclass(frozen=True, kw_only=True)
class FindConfig(Section):
    """A learning-rate range test, made of every trial in the place of a fine-tune.

    `method`: "ramp", one run under a rising rate; "forks", `steps_each` updates at each rate of a grid, always from the
    same weights; "runs", a complete schedule of `steps_each` updates at each rate.
    """

    panel: ClassVar[str] = "Range"
    key: ClassVar[str] = "find"

    method: Literal["ramp", "forks", "runs"] = setting(
        "ramp", help="One run under a rising rate; a few steps at each rate from the same weights; or a short complete "
        "run at each rate.",
    )  # fmt: skip
    start: float = setting(
        1e-7, help="First learning rate.", metavar="RATE", above=0, cap=MAX_RATE, way_out="try 1e-7",
        limit="float32 holds no larger rate",
    )  # fmt: skip
    end: float = setting(
        1e-2, help="Last learning rate; unless it is given, the test goes on where the loss has not risen by then.",
        metavar="RATE", above=0, cap=MAX_RATE, way_out="try 1e-2", limit="float32 holds no larger rate",
    )  # fmt: skip
    steps: int = setting(
        100, help="Optimizer steps from the first rate to the last.", metavar="N", at_least=MIN_STEPS,
        cap=1_000_000, way_out="100 are usual",
    )  # fmt: skip
    kind: Literal["exponential", "linear"] = setting("exponential", help="How the rate rises.")
    steps_each: int = setting(
        20, help="Optimizer steps at each rate, for forks and runs.", metavar="N", at_least=1, cap=1_000_000,
        way_out="20 are usual",
    )  # fmt: skip
    per_decade: int = setting(
        4, help="Number of rates per factor of ten, for forks and runs.", metavar="N", at_least=1, cap=1000,
        way_out="4 are usual",
    )  # fmt: skip
    widen: bool = setting(True, help="Go on beyond the last rate where the loss has not risen, by up to two decades.")
    vary: tuple[str, ...] = setting(
        VARIED, help="What differs between seeds: head (initial values of the head or of adapters), dropout, order, "
        "or none.", metavar="NAMES", items=VARIED,
        shown_default="all three", panel=LESS_NOISE,
    )  # fmt: skip
    probe: Literal["auto", "none", "train", "dev"] = setting(
        "auto", help="Measure the loss on fixed examples of this split; auto: none for a ramp, dev for forks and runs.",
        panel=LESS_NOISE,
    )  # fmt: skip
    probe_size: int = setting(
        256, help="Number of examples to measure.", metavar="N", at_least=1, cap=100_000_000, way_out="try 256",
        panel=LESS_NOISE,
    )  # fmt: skip
    warm_head: int = setting(
        0, help="Train the head alone for this many steps before the test.", metavar="N", at_least=0,
        cap=1_000_000, way_out="0 leaves it out", panel=LESS_NOISE, tasks=("classification",),
    )  # fmt: skip

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

    def _problems(self) -> list[Problem]:
        if self.start < self.end:
            return []
        got = f"{show_value(self.start)} to {show_value(self.end)}"
        return [Problem("a range test rises from {start} to a larger {end}", got, "leave them out for 1e-7 to 1e-2")]
