"""Options of a sweep: those of a fine-tune, where each may be a list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from lrscope.cli import options as opt
from lrscope.cli.settings import compose_schedule
from lrscope.errors import ConfigError
from lrscope.studies.plan import parse_list, parse_rates

AUTO = "auto"
GRID = "What is compared (each may be a list)"


def _list(name: str, about: str, metavar: str) -> Any:
    return typer.Option(name, help=about, rich_help_panel=GRID, metavar=metavar, show_default=False)


SealedTest = Annotated[
    str | None,
    typer.Option(
        "--test", help="Examples kept sealed: predicted, never scored here.", metavar="FILE", show_default=False,
        rich_help_panel=opt.INPUT,
    ),
]  # fmt: skip
Rates = Annotated[
    str | None, _list("--lr", "Peak learning rates: 1e-4,1e-3, log:1e-6:1e-2:9, or auto: a range test first.", "RATES")
]
Schedules = Annotated[str | None, _list("--schedule", "Schedules, separated by ; [linear].", "TEXT;TEXT")]
Warmups = Annotated[str | None, _list("--warmup", "Warmups for schedules that name none [6%].", "DURATIONS")]
Epochs = Annotated[str | None, _list("--epochs", "Passes over the training set [5].", "N,N")]
BatchSizes = Annotated[str | None, _list("--batch-size", "Sentences an update [32].", "N,N")]
Dropouts = Annotated[str | None, _list("--dropout", "Dropout before the head [0.3].", "X,X")]
WeightDecays = Annotated[str | None, _list("--weight-decay", "AdamW's, on matrices only [0.01].", "X,X")]
LabelSmoothings = Annotated[str | None, _list("--label-smoothing", "Probability spread over all classes [0].", "X,X")]
ClipNorms = Annotated[str | None, _list("--clip-norm", "Largest gradient norm; 0 for no clipping [1.0].", "X,X")]
LayerDecays = Annotated[str | None, _list("--layer-decay", "Each layer's rate, of the next one's [1].", "X,X")]
HeadMultipliers = Annotated[
    str | None, _list("--head-multiplier", "The head's rate is so many times the rest's [1].", "X,X")
]
ScaleRate = Annotated[
    str | None,
    _list(
        "--scale-lr",
        "Scale the rates with the batch size, from its first value: sqrt as Adam's steps suggest, linear as SGD's.",
        "sqrt|linear",
    ),
]
Seeds = Annotated[int | None, _list("--seeds", "Every arm runs at so many seeds, the same for all [1].", "N")]
UntilDecided = Annotated[
    float | None,
    typer.Option(
        "--until-decided", help="With --resume: more seeds for arms that may be the best, until this is told.",
        metavar="X", show_default=False, rich_help_panel=opt.OUTPUT,
    ),
]  # fmt: skip
MaxSeeds = Annotated[
    int | None,
    typer.Option("--max-seeds", help="With --until-decided: never more seeds an arm [8].", metavar="N"),
]
Strategy = Annotated[
    str | None,
    _list("--strategy", "All arms to the end, or shorter complete runs first [grid].", "grid|rungs"),
]
Keep = Annotated[
    str | None,
    typer.Option(
        "--keep", help="Checkpoints: the best of each arm, all or none [best].", metavar="best|all|none",
        show_default=False, rich_help_panel=opt.OUTPUT,
    ),
]  # fmt: skip

# Each setting that may be a list: how its option is read.
NUMBERS: Mapping[str, Callable[[str], Any]] = {
    "epochs": int,
    "batch_size": int,
    "dropout": float,
    "weight_decay": float,
    "label_smoothing": float,
    "clip_norm": float,
    "layer_decay": float,
    "head_multiplier": float,
}


def read_grid(
    given: Mapping[str, str | None], lr: str | None, schedule: str | None, warmup: str | None
) -> dict[str, tuple[Any, ...]]:
    """Return the values of each setting that was given, by its name in a trial's configuration.

    Schedules × warmups are one setting: `--warmup` applies to the schedules that name none.
    """
    grid: dict[str, tuple[Any, ...]] = {}
    if lr is not None and lr != AUTO:
        grid["peak_rate"] = tuple(parse_rates(lr))
    if schedule is not None or warmup is not None:
        texts = [text.strip() for text in (schedule or "linear").split(";")]
        if not all(texts):
            raise ConfigError(f"schedules are separated by ;: got {schedule!r}; write 'linear;cosine'")
        lengths = [None] if warmup is None else [part.strip() for part in warmup.split(",")]
        grid["schedule"] = tuple(dict.fromkeys(compose_schedule(t, w) for t in texts for w in lengths))
    for name, kind in NUMBERS.items():
        text = given.get(name)
        if text is not None:
            option = "--" + name.replace("_", "-")
            grid[name] = tuple(parse_list(text, kind, option, "40,80" if kind is int else "0.1,0.3"))
    return grid
