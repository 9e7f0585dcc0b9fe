"""`lrscope find`: a learning-rate range test at several seeds, and where to search."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lrscope.cli import options as opt
from lrscope.cli.find_table import print_find
from lrscope.cli.options import FIND, Settings, with_settings
from lrscope.config import FindConfig
from lrscope.config.build import build_config, flags_that_fix, settings_in
from lrscope.config.find import SEEDS
from lrscope.errors import ConfigError
from lrscope.executors.config import ExecutorConfig, with_threads

if TYPE_CHECKING:
    from lrscope.workflows.range_tests import Confirmation

CONFIRMATION = "Confirmation"
Confirm = Annotated[
    str | None,
    typer.Option(
        "--confirm", help="Then confirm with complete runs of this length inside the range, such as 1ep.",
        metavar="DURATION", show_default=False, rich_help_panel=CONFIRMATION,
    ),
]  # fmt: skip
ConfirmRates = Annotated[
    int,
    typer.Option("--confirm-rates", help="Number of rates to confirm.", metavar="N", rich_help_panel=CONFIRMATION),
]
ConfirmSeeds = Annotated[
    int,
    typer.Option("--confirm-seeds", help="Number of seeds at each of them.", metavar="N", rich_help_panel=CONFIRMATION),
]


@with_settings(
    FIND, seeds={"help": "Number of range tests, each at its own seed.", "default": SEEDS, "panel": "Less noise"}
)
def find(
    settings: Settings,
    confirm: Confirm = None,
    confirm_rates: ConfirmRates = 5,
    confirm_seeds: ConfirmSeeds = 2,
    resume: Annotated[
        Path | None, typer.Option("--resume", help="Resume the range test in this folder.", metavar="FOLDER")
    ] = None,
    out: opt.Out = None,
    json: opt.Json = False,
) -> int:
    """Find where to look for a learning rate: the loss under a rising rate, at several seeds, read by every rule.

    Example:

      lrscope find --model stories260K-hf --train train.txt --dev dev.txt --batch-size 80 --confirm 1ep --out runs/find
    """
    from lrscope.terminal import live
    from lrscope.workflows.range_tests import find as find_range
    from lrscope.workflows.range_tests import range_test_study, resume_find

    execution = ExecutorConfig.of(**settings_in(settings, "execution"))
    confirmation = _confirmation(confirm, confirm_rates, confirm_seeds)
    if resume is not None:
        beyond = [*flags_that_fix(settings, movable=()), *([] if out is None else ["--out"])]
        if beyond:
            raise ConfigError(f"a resumed range test keeps its settings: got {beyond[0]}; leave it out, or start anew")
        with live.shown(quiet=json) as callbacks:
            result = resume_find(resume, execution, callbacks, confirmation=confirmation)
    else:
        base = build_config({**settings, "peak_rate": settings.get("end", FindConfig.end)}, what="find")
        test = FindConfig(**{"widen": "end" not in settings, **settings_in(settings, "find")})
        asked = with_threads(range_test_study(base, test, settings.get("seeds", SEEDS)), execution)
        folder = out or Path("runs") / f"find-{datetime.now():%Y%m%d-%H%M%S}"
        with live.shown(quiet=json) as callbacks:
            result = find_range(asked, folder, execution, callbacks, confirmation=confirmation)
    print_find(result, as_json=json)
    return 0


def _confirmation(length: str | None, num_rates: int, num_seeds: int) -> Confirmation | None:
    """Return the confirmation that the options ask for; None where none is asked for.

    Raises:
        ConfigError: it is no whole number of epochs, or there are too few rates or seeds.
    """
    if length is None:
        return None
    from lrscope.schedules import parse_duration
    from lrscope.workflows.range_tests import Confirmation

    duration = parse_duration(length)
    if duration.unit != "ep" or duration.value != int(duration.value) or duration.value < 1:
        raise ConfigError(f"--confirm runs complete schedules of whole epochs: got {length}; write --confirm 1ep")
    return Confirmation(int(duration.value), num_rates, num_seeds)
