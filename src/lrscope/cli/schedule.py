"""`lrscope schedule`: show a schedule, and check it, before anything is trained."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lrscope.cli import options as opt
from lrscope.cli.options import Settings, with_settings
from lrscope.config import TrialConfig
from lrscope.errors import ConfigError
from lrscope.number_text import counted
from lrscope.terminal.output import echo, print_json, print_table, room

if TYPE_CHECKING:
    from lrscope.schedules import ResolvedSchedule

FOUND_ERRORS = 1
MAX_STEPS = 10_000_000
PLOT_WIDTH, LEAST_PLOT_WIDTH, BESIDE_PLOT = 64, 16, 19  # columns of a curve, and of what stands beside it

HORIZON = ("epochs", "batch_size", "peak_rate")
UNKNOWN = {"shown_default": "unknown"}
Texts = Annotated[
    list[str], typer.Argument(help="Schedules, each in quotes.", metavar="SCHEDULE...", show_default=False)
]
StepsPerEpoch = Annotated[
    int | None, typer.Option("--steps-per-epoch", help="Optimizer steps per epoch.", metavar="N", show_default=False)
]
Examples = Annotated[
    int | None,
    typer.Option(
        "--examples", help="Number of training examples, instead of steps per epoch.", metavar="N", show_default=False
    ),
]
TokensPerEpoch = Annotated[
    int | None,
    typer.Option(
        "--tokens-per-epoch", help="Tokens of the training set; needed for lengths in tokens, such as 500ktok.",
        metavar="N", show_default=False,
    ),
]  # fmt: skip


@with_settings(HORIZON, batch_size=UNKNOWN)
def show(
    settings: Settings,
    schedules: Texts,
    steps_per_epoch: StepsPerEpoch = None,
    examples: Examples = None,
    tokens_per_epoch: TokensPerEpoch = None,
    scale: Annotated[str, typer.Option("--scale", help="Scale of the rate axis.", metavar="linear|log")] = "linear",
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write a picture instead: .png, .svg or .pdf.", metavar="FILE", show_default=False),
    ] = None,
    json: opt.Json = False,
) -> None:
    """Draw schedules in the terminal or into a picture, with their first, peak, last and mean rate.

    Example:

      lrscope schedule show "warmup(6%) > cosine(to=0.01)" linear --epochs 5 --steps-per-epoch 107 --lr 1e-5
    """
    from lrscope.schedules import ResolvedSchedule, parse
    from lrscope.schedules.horizon import Horizon

    if scale not in ("linear", "log"):
        raise ConfigError(f"--scale is one of linear, log: got {scale!r}")
    epochs, lr = settings.get("epochs", TrialConfig.epochs), settings.get("peak_rate")
    per_epoch = _steps(epochs, steps_per_epoch, examples, settings.get("batch_size"))
    run = Horizon(epochs * per_epoch, per_epoch, lr, tokens_per_epoch=_tokens(tokens_per_epoch, schedules))
    resolved = [ResolvedSchedule(parse(text), run) for text in schedules]
    if out is not None:
        from lrscope.schedules.figure import save_schedule_figure, schedule_figure

        figure = schedule_figure([(each.text, each.factors()) for each in resolved], run, scale=scale)  # type: ignore[arg-type]
        save_schedule_figure(figure, out)
    if json:
        print_json(
            "schedule-show/1",
            {
                "schedules": [_described(schedule) for schedule in resolved],
                "picture": None if out is None else str(out),
            },
        )
        return
    if out is None:
        for schedule in resolved:
            echo("\n".join(_picture(schedule, scale == "log", small=len(resolved) > 1)) + "\n")
    names = ["schedule", "first", "peak", "last", "mean", "phases"]
    rows = []
    for schedule in resolved:
        described = _described(schedule)
        rates = [f"{described[name]:.4g}" for name in names[1:5]]
        rows.append([schedule.text, *rates, ", ".join(f"{p['phase']} {p['steps']}" for p in described["phases"])])
    what = "rates" if lr is not None else "shares of the peak rate"
    print_table(names, rows)
    echo(f"{what} over {counted(resolved[0].total_steps, 'step')}, {resolved[0].steps_per_epoch} per epoch")
    if any(schedule.schedule.depends_on_metric for schedule in resolved):
        echo("a plateau reacts to the metric: it is shown as if the metric always improved")
    if out is not None:
        echo(f"the picture is in {out}", err=True)


@with_settings((*HORIZON, "patience"), batch_size=UNKNOWN)
def check(
    settings: Settings,
    schedules: Texts,
    steps_per_epoch: StepsPerEpoch = None,
    examples: Examples = None,
    tokens_per_epoch: TokensPerEpoch = None,
    json: opt.Json = False,
) -> int:
    """Check schedules for likely mistakes in units, lengths, floors and milestones. Exits with 1 after an error.

    Example:

      lrscope schedule check "cosine(length=5st)" --epochs 5 --steps-per-epoch 107
    """
    from lrscope.schedules import parse
    from lrscope.schedules.horizon import count_steps_per_epoch
    from lrscope.schedules.lint import horizon, lint

    epochs, batch_size, lr = (
        settings.get("epochs", TrialConfig.epochs),
        settings.get("batch_size"),
        settings.get("peak_rate"),
    )
    per_epoch = _steps(epochs, steps_per_epoch, examples, batch_size)
    tokens = _tokens(tokens_per_epoch, schedules)
    findings = []
    if steps_per_epoch is not None and examples is not None and batch_size is not None:
        actual = count_steps_per_epoch(examples, batch_size)
        made = f"{counted(examples, 'example')} in batches of {batch_size} make {counted(actual, 'step')}"
        why = f"{made} per epoch, not {steps_per_epoch}"
        findings += [("all", finding) for finding in horizon(epochs * steps_per_epoch, epochs * actual, why)]
    for text in schedules:
        patience = settings.get("patience")
        found = lint(
            parse(text), total_steps=epochs * per_epoch, steps_per_epoch=per_epoch, peak_rate=lr,
            tokens_per_epoch=tokens, patience=patience,
        )  # fmt: skip
        findings += [(text, finding) for finding in found]
    if json:
        keys = ("level", "rule", "sentence", "fix")
        told = [{"schedule": text, **{key: getattr(finding, key) for key in keys}} for text, finding in findings]
        print_json("schedule-check/1", {"findings": told})
    elif not findings:
        echo(f"no problems found over {counted(epochs * per_epoch, 'step')}")
    else:
        for _, finding in findings:
            echo(str(finding))
    return FOUND_ERRORS if any(finding.level == "error" for _, finding in findings) else 0


def _steps(epochs: int, steps_per_epoch: int | None, examples: int | None, batch_size: int | None) -> int:
    for name, value in (("steps-per-epoch", steps_per_epoch), ("examples", examples), ("batch-size", batch_size)):
        if value is not None and value < 1:
            raise ConfigError(f"--{name} must be at least 1: got {value}; try 100")
    if epochs < 1:
        raise ConfigError(f"--epochs must be at least 1: got {epochs}; try 3")
    per_epoch = _steps_per_epoch(steps_per_epoch, examples, batch_size)
    if epochs * per_epoch > MAX_STEPS:
        raise ConfigError(f"a run is drawn up to {MAX_STEPS:,} steps: got {epochs * per_epoch:,}; lower --epochs")
    return per_epoch


def _steps_per_epoch(steps_per_epoch: int | None, examples: int | None, batch_size: int | None) -> int:
    from lrscope.schedules.horizon import count_steps_per_epoch

    if steps_per_epoch is not None:
        return steps_per_epoch
    if examples is None or batch_size is None:
        raise ConfigError("the length of the run is missing: give --steps-per-epoch, or --examples and --batch-size")
    return count_steps_per_epoch(examples, batch_size)


def _tokens(tokens_per_epoch: int | None, schedules: list[str]) -> int | None:
    """Return the tokens of an epoch, which schedules with a length in tokens need."""
    from lrscope.schedules import parse
    from lrscope.schedules.phase import phases

    if tokens_per_epoch is not None and tokens_per_epoch < 1:
        raise ConfigError(f"--tokens-per-epoch must be at least 1: got {tokens_per_epoch}; try 1000000")
    lengths = (each for text in schedules for phase in phases(parse(text)) for _, _, each in phase.durations())
    in_tokens = next((each for each in lengths if each.unit == "tok"), None)
    if tokens_per_epoch is None and in_tokens is not None:
        raise ConfigError(f"how many tokens an epoch has is missing: got {in_tokens}; give --tokens-per-epoch")
    return tokens_per_epoch


def _described(schedule: ResolvedSchedule) -> dict[str, Any]:
    from lrscope.schedules.phase import resolved_phases

    peak = schedule.horizon.peak_rate or 1.0
    rates = schedule.factors() * peak
    return {
        "schedule": schedule.text,
        "total_steps": schedule.total_steps,
        "steps_per_epoch": schedule.steps_per_epoch,
        "peak_rate": schedule.horizon.peak_rate,
        "first": float(rates[0]),
        "peak": float(rates.max()),
        "last": float(rates[-1]),
        "mean": float(rates.mean()),
        "phases": [
            {"phase": phase.name, "steps": span.num_steps, "from": span.start}
            for phase, span in resolved_phases(schedule)
        ],
    }


def _picture(schedule: ResolvedSchedule, log: bool, small: bool) -> list[str]:
    from lrscope.report.terminal_plot import plot_lines

    num_epochs = schedule.total_steps / schedule.steps_per_epoch
    every = max(1, round(num_epochs / 8))
    marks = range(0, int(num_epochs) + 1, every)
    ticks = [(epoch / num_epochs, f"{epoch}" if epoch else "epoch 0") for epoch in marks]
    encoding = sys.stdout.encoding or "ascii"
    try:
        "\u28ff\u2524\u2502\u2514\u2500".encode(encoding)
        ascii_only = False
    except (UnicodeEncodeError, LookupError):
        ascii_only = True
    rates = schedule.factors() * (schedule.horizon.peak_rate or 1.0)
    width = min(PLOT_WIDTH, max(LEAST_PLOT_WIDTH, (room() or math.inf) - BESIDE_PLOT))
    lines = plot_lines(rates, width=int(width), height=6 if small else 10, log=log, ascii_only=ascii_only, ticks=ticks)
    return [schedule.text, *lines]
