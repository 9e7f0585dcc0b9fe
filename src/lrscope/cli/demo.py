"""`lrscope demo`: the main job on the bundled sample, from nothing to a table, pictures and a report."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from lrscope.cli import options as opt
from lrscope.cli.options import Settings, with_settings
from lrscope.cli.report import print_answer
from lrscope.cli.study_table import print_settings, print_sweep
from lrscope.executors.config import ExecutorConfig
from lrscope.workflows.demo import EPOCHS, RATES, SEEDS, demo_study

DEFAULT_RATES = ",".join(f"{rate:g}" for rate in RATES)


@with_settings(
    ("peak_rate", "epochs", "seeds", "workers"), lists=True,
    epochs={"default": EPOCHS, "varies": False}, seeds={"default": SEEDS},
    peak_rate={"help": "Peak learning rates: 1e-4,1e-3, or log:1e-6:1e-2:9.", "shown_default": DEFAULT_RATES},
)  # fmt: skip
def demo(
    settings: Settings,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="New folder for the study [default: runs/demo-DATE-TIME].", metavar="FOLDER"),
    ] = None,
    json: opt.Json = False,
) -> int:
    """Compare five learning rates on the bundled film reviews and tiny LLaMA: no download, two minutes on two cores.

    Example:

      lrscope demo --out runs/demo
    """
    from lrscope.machine import available_cores
    from lrscope.terminal import live
    from lrscope.workflows.report import report
    from lrscope.workflows.sweep import sweep

    executor = ExecutorConfig.of(workers=settings.get("workers", min(2, available_cores())))
    config = demo_study(
        executor, settings.get("peak_rate", RATES), epochs=settings.get("epochs", EPOCHS),
        seeds=settings.get("seeds", SEEDS),
    )  # fmt: skip
    folder = out or Path("runs") / f"demo-{datetime.now():%Y%m%d-%H%M%S}"
    with live.shown(quiet=json, yes=True) as callbacks:
        result = sweep(config, folder, executor, callbacks)
    if json:
        print_sweep(result, as_json=True)
    else:
        print_settings(result)
        print_answer(report(folder))
    return 0
