"""`lrscope predict`: a run's model on unlabelled sentences."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lrscope.cli import options as opt
from lrscope.cli.evaluate import Run, WhichCheckpoint, WhichTrial
from lrscope.files import write_text
from lrscope.terminal.output import echo, print_json


def predict(
    run: Run,
    sentences_file: Annotated[Path, typer.Option("--input", help="Sentences, one per line.", metavar="FILE")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", help="Write a TSV file: label and probabilities, one sentence per line.", metavar="FILE"
        ),
    ] = None,
    checkpoint: WhichCheckpoint = "best",
    trial: WhichTrial = None,
    json: opt.Json = False,
) -> None:
    """Label sentences with a run's model: the most probable class and the probability of each.

    Example:

      lrscope predict --run runs/first --input sentences.txt --output predictions.tsv
    """
    from lrscope.workflows.trained_model import predict as label

    result = label(run, sentences_file, checkpoint=checkpoint, trial=trial)
    if json:
        rows = [
            {"label": name, "probabilities": dict(zip(result.names, map(float, row), strict=True))}
            for name, row in zip(result.labels, result.probabilities, strict=True)
        ]
        print_json({"run": str(run), "checkpoint": checkpoint, "step": result.step, "predictions": rows})
    if output is not None:
        write_text(output, result.table)
        echo(f"{len(result.labels)} predictions are in {output}", err=True)
    elif not json:
        echo(result.table, nl=False)
