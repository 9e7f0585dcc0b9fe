"""`lrscope find`: a learning-rate range test at several seeds, and where to search."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from lrscope.cli import options as opt
from lrscope.cli.executor_options import Address, ExecutorName, GpusPerTrial, Workers
from lrscope.cli.find_runs import SEEDS, Confirmation, drive, find_study
from lrscope.cli.options import FIND, Settings, with_settings
from lrscope.cli.settings import build_config, settings_in
from lrscope.config import FindConfig
from lrscope.config.catalogue import flag_of
from lrscope.errors import ConfigError
from lrscope.executors.config import ExecutorConfig

CONFIRMATION = "Confirmation"
Confirm = Annotated[
    str | None,
    typer.Option(
        "--confirm", help="Then confirm with full runs of this length inside the range.", metavar="1ep",
        show_default=False, rich_help_panel=CONFIRMATION,
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
    executor: ExecutorName = None,
    workers: Workers = None,
    address: Address = None,
    gpus_per_trial: GpusPerTrial = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", help="Go on with the range test in this folder.", metavar="FOLDER")
    ] = None,
    out: opt.Out = None,
    json: opt.Json = False,
) -> int:
    """Find where to look for a learning rate: the loss under a rising rate, at several seeds, read by every rule.

    Example:

      lrscope find --model stories260K-hf --train train.txt --dev dev.txt --batch-size 80 --confirm 1ep --out runs/find
    """
    execution = ExecutorConfig.of(executor, workers, gpus_per_trial, address)
    wanted = Confirmation.of(confirm, confirm_rates, confirm_seeds)
    if resume is not None:
        beyond = [*map(flag_of, settings), *([] if out is None else ["--out"])]
        if beyond:
            raise ConfigError(f"a resumed range test keeps its settings: got {beyond[0]}; leave it out, or start anew")
        from lrscope.studies.session import resume as resume_study

        with resume_study(resume, what="find") as study:
            return drive(study, execution, wanted, as_json=json)
    base = build_config({**settings, "peak_rate": settings.get("end", FindConfig.end)}, what="find")
    asked = find_study(base, {**settings_in(settings, "find"), **settings_in(settings, "sweep")}, execution)
    from lrscope.studies.session import begin

    with begin(asked, out or Path("runs") / f"find-{datetime.now():%Y%m%d-%H%M%S}") as study:
        return drive(study, execution, wanted, as_json=json)
