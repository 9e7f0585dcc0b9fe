"""`lrscope evaluate`: a trained model on examples with labels or completions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lrscope.cli import options as opt
from lrscope.number_text import counted
from lrscope.terminal.output import echo, metrics_line, print_json

Run = Annotated[
    Path,
    typer.Option(
        "--run", help="Folder of a fine-tune or a sweep, of an exported model, or of adapters.", metavar="FOLDER"
    ),
]
WhichCheckpoint = Annotated[
    str | None,
    typer.Option(
        "--checkpoint", help="Checkpoint of a run: the best on dev, or the last [default: best].", metavar="best|last",
        show_default=False,
    ),
]  # fmt: skip
WhichTrial = Annotated[
    int | None,
    typer.Option("--trial", help="Number of the trial, in a study of many.", metavar="N", show_default=False),
]

Base = Annotated[
    str | None,
    typer.Option(
        "--model", help="Base of a run's adapters, where it lies elsewhere now.", metavar="PATH", show_default=False
    ),
]


def evaluate(
    run: Run,
    data: Annotated[Path, typer.Option("--data", help="Examples, in any format.", metavar="FILE")],
    checkpoint: WhichCheckpoint = None,
    trial: WhichTrial = None,
    model: Base = None,
    json: opt.Json = False,
) -> None:
    """Measure a model on labelled sentences, or on completions of prompts. Scoring the run's own test file is recorded.

    Example:

      lrscope evaluate --run runs/first --data dev.txt

      lrscope evaluate --run runs/sft --data test.jsonl
    """
    from lrscope.config.metric_names import metric_titles
    from lrscope.terminal import live
    from lrscope.workflows.trained_model import evaluate as measure

    with live.shown(quiet=json) as callbacks:
        result = measure(run, data, checkpoint=checkpoint, trial=trial, base=model, callbacks=callbacks)
    for note in result.notes:
        echo(f"note: {note}", err=True)
    if json:
        print_json(
            "evaluate/1",
            {
                "run": str(run),
                "checkpoint": result.checkpoint,
                "step": result.step,
                "data": str(data),
                "examples": result.num_examples,
                "cut": result.num_cut,
                "metrics": dict(result.metrics),
                "opened_test": result.opened_test,
            },
        )
        return
    what = {"classification": "sentence"}.get(result.task, "example")
    measured = metrics_line(result.metrics, metric_titles(result.task))
    which = f" ({result.checkpoint}, step {result.step})" if result.checkpoint else ""
    echo(f"{measured} on {counted(result.num_examples, what)}{which}")
    if result.num_cut:
        echo(f"note: longer than the model reads, and cut: {counted(result.num_cut, what)}", err=True)
    if result.opened_test:
        echo(f"these are the run's sealed test {what}s: the opening was recorded", err=True)
