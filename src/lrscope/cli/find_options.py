"""Options of a range test."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

RANGE, NOISE, CONFIRM = "Range", "Less noise", "Confirmation"
SEEDS = 5
NAMES = (
    "method", "start", "end", "steps", "kind", "steps_each", "per_decade", "seeds", "vary", "probe", "probe_size",
    "warm_head",
)  # fmt: skip


def _option(name: str, about: str, panel: str, metavar: str) -> Any:
    return typer.Option(name, help=about, rich_help_panel=panel, metavar=metavar, show_default=False)


Start = Annotated[float | None, _option("--start", "First rate [1e-7].", RANGE, "RATE")]
End = Annotated[
    float | None, _option("--end", "Last rate [1e-2, and on where the loss has not risen by then].", RANGE, "RATE")
]
Steps = Annotated[int | None, _option("--steps", "Updates from the first to the last [100].", RANGE, "N")]
Kind = Annotated[
    Literal["exponential", "linear"] | None,
    _option("--kind", "How the rate rises [exponential].", RANGE, "exponential|linear"),
]
Seeds = Annotated[int | None, _option("--seeds", f"Tests, each at a seed of its own [{SEEDS}].", NOISE, "N")]
Vary = Annotated[
    str | None,
    _option("--vary", "What differs between seeds: head, dropout, order, or none [all three].", NOISE, "NAMES"),
]
Probe = Annotated[
    Literal["auto", "none", "train", "dev"] | None,
    _option(
        "--probe",
        "Measure fixed sentences of train or dev [none; dev after each fork or run].",
        NOISE,
        "none|train|dev",
    ),
]
ProbeSize = Annotated[int | None, _option("--probe-size", "How many sentences [256].", NOISE, "N")]
WarmHead = Annotated[int | None, _option("--warm-head", "Train the head alone for so many updates before.", NOISE, "N")]
Method = Annotated[
    Literal["ramp", "forks", "runs"] | None,
    _option(
        "--method", "A rising rate; some updates at each rate from the same weights; or short complete runs [ramp].",
        RANGE, "ramp|forks|runs",
    ),
]  # fmt: skip
StepsEach = Annotated[int | None, _option("--steps-each", "Updates of each fork or run [20].", RANGE, "N")]
PerDecade = Annotated[int | None, _option("--per-decade", "Rates of forks or runs a decade [4].", RANGE, "N")]
Confirm = Annotated[
    str | None, _option("--confirm", "Then run complete schedules so long inside the bracket.", CONFIRM, "1ep")
]
ConfirmRates = Annotated[int, typer.Option("--confirm-rates", help="At so many rates.", rich_help_panel=CONFIRM)]
ConfirmSeeds = Annotated[int, typer.Option("--confirm-seeds", help="At so many seeds.", rich_help_panel=CONFIRM)]
