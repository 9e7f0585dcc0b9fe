"""`lrscope demo`: the main job on the bundled sample, from nothing to a table, pictures and a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lrscope.cli import options as opt
from lrscope.cli.executor_options import Workers
from lrscope.cli.options import Settings, with_settings
from lrscope.cli.report import print_answer
from lrscope.cli.sweep import drive
from lrscope.executors.config import ExecutorConfig
from lrscope.studies.plan import parse_rates

RATES, EPOCHS, SEEDS = "1e-4,3e-4,1e-3,3e-3,1e-2", 3, 2


@with_settings(
    ("peak_rate", "epochs", "seeds"), lists=True, epochs={"default": EPOCHS, "varies": False}, seeds={"default": SEEDS},
    peak_rate={"help": "Peak learning rates: 1e-4,1e-3, or log:1e-6:1e-2:9.", "shown_default": RATES},
)  # fmt: skip
def demo(
    settings: Settings,
    out: Annotated[
        Path | None, typer.Option("--out", help="New folder for the study [runs/demo-DATE-TIME].", metavar="FOLDER")
    ] = None,
    workers: Workers = None,
    json: opt.Json = False,
) -> int:
    """Compare five learning rates on the bundled film reviews and tiny LLaMA: no download, two minutes on two cores.

    Example:

      lrscope demo --out runs/demo
    """
    from datetime import datetime

    from lrscope.config import DataConfig, ModelConfig, NumericsConfig, StudyConfig, SweepConfig, TrialConfig
    from lrscope.machine import available_cores
    from lrscope.sample import folder
    from lrscope.studies.session import begin

    sample = folder()
    rates = settings.get("peak_rate") or tuple(parse_rates(RATES))
    num_workers = workers or min(2, available_cores())
    config = StudyConfig(
        data=DataConfig(
            train=str(sample / "train.txt"),
            dev=str(sample / "dev.txt"),
            test=str(sample / "test.txt"),
            label_names=str(sample / "label-names.json"),
        ),
        model=ModelConfig(model=str(sample / "model")),
        trial=TrialConfig(peak_rate=rates[0], epochs=settings.get("epochs", EPOCHS)),
        numerics=NumericsConfig(threads=max(1, available_cores() // num_workers)),
        sweep=SweepConfig(grid={"peak_rate": rates}, seeds=settings.get("seeds", SEEDS)),
    )
    target = out or Path("runs") / f"demo-{datetime.now():%Y%m%d-%H%M%S}"
    with begin(config, target) as study:
        execution = ExecutorConfig("processes" if num_workers > 1 else "inline", num_workers)
        code = drive(study, execution, yes=True, as_json=json)
    if code == 0 and not json:
        from lrscope.workflows.report import report

        print_answer(report([target]))
    return code
