"""`lrscope evaluate`: a run's model on labelled sentences."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lrscope.cli import options as opt
from lrscope.terminal.output import echo, metrics_line, print_json

Run = Annotated[Path, typer.Option("--run", help="Folder of a fine-tune.", metavar="FOLDER")]
WhichCheckpoint = Annotated[
    str, typer.Option("--checkpoint", help="Checkpoint to use: the best on dev, or the last.", metavar="best|last")
]
WhichTrial = Annotated[
    int | None,
    typer.Option("--trial", help="Number of the trial, in a study of many.", metavar="N", show_default=False),
]


def evaluate(
    run: Run,
    data: Annotated[Path, typer.Option("--data", help="Labelled examples, in any format.", metavar="FILE")],
    checkpoint: WhichCheckpoint = "best",
    trial: WhichTrial = None,
    json: opt.Json = False,
) -> None:
    """Measure a run's model on labelled sentences. Scoring the run's own test file is recorded.

    Example:

      lrscope evaluate --run runs/first --data dev.txt
    """
    from lrscope.training.inference import load_trained

    trained = load_trained(run, checkpoint, trial)
    split = trained.read(data)
    evaluation = trained.evaluate(split)
    sealed = split.fingerprint == trained.store.fingerprint.get("test")
    if json:
        print_json(
            {
                "run": str(run),
                "checkpoint": checkpoint,
                "step": trained.step,
                "data": str(data),
                "examples": split.num_examples,
                **evaluation.metrics,
                "opened_test": sealed,
            }
        )
        return
    echo(f"{metrics_line(evaluation.metrics)} on {split.num_examples} sentences ({checkpoint}, step {trained.step})")
    if sealed:
        echo("these are the run's sealed test sentences: the opening was recorded", err=True)
