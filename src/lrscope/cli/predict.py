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
    from lrscope.data.readers import read_sentences
    from lrscope.report.predictions import predictions_tsv
    from lrscope.training.inference import load_trained

    sentences = read_sentences(sentences_file)
    trained = load_trained(run, checkpoint, trial)
    names = trained.labels.names
    probabilities = trained.predict(sentences)
    if json:
        rows = [
            {"label": names[int(row.argmax())], "probabilities": dict(zip(names, map(float, row), strict=True))}
            for row in probabilities
        ]
        print_json({"run": str(run), "checkpoint": checkpoint, "step": trained.step, "predictions": rows})
    table = predictions_tsv(names, probabilities)
    if output is not None:
        write_text(output, table)
        echo(f"{len(sentences)} predictions are in {output}", err=True)
    elif not json:
        echo(table, nl=False)
