"""`lrscope demo`: the main job on the bundled sample, from nothing to a table, pictures and a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lrscope.cli import options as opt
from lrscope.cli import sweep_options as grid_opt
from lrscope.cli.executor_options import Workers
from lrscope.cli.report import print_answer
from lrscope.cli.sweep import drive
from lrscope.executors.config import ExecutorConfig
from lrscope.studies.plan import parse_rates

RATES = "1e-4,3e-4,1e-3,3e-3,1e-2"


def demo(
    out: Annotated[
        Path | None, typer.Option("--out", help="New folder for the study [runs/demo-DATE-TIME].", metavar="FOLDER")
    ] = None,
    lr: grid_opt.Rates = None,
    epochs: opt.Epochs = None,
    seeds: grid_opt.Seeds = None,
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
    rates = parse_rates(lr or RATES)
    num_workers = workers or min(2, available_cores())
    config = StudyConfig(
        data=DataConfig(
            train=str(sample / "train.txt"),
            dev=str(sample / "dev.txt"),
            test=str(sample / "test.txt"),
            label_names=str(sample / "label-names.json"),
        ),
        model=ModelConfig(model=str(sample / "model")),
        trial=TrialConfig(peak_rate=rates[0], epochs=3 if epochs is None else epochs),
        numerics=NumericsConfig(threads=max(1, available_cores() // num_workers)),
        sweep=SweepConfig(grid={"peak_rate": rates}, seeds=seeds or 2),
    )
    target = out or Path("runs") / f"demo-{datetime.now():%Y%m%d-%H%M%S}"
    with begin(config, target) as study:
        execution = ExecutorConfig("processes" if num_workers > 1 else "inline", num_workers)
        code = drive(study, execution, yes=True, as_json=json)
    if code == 0 and not json:
        from lrscope.workflows.report import report

        print_answer(report([target]))
    return code
