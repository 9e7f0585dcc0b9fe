"""`lrscope export`: the chosen setting's model, in a folder that transformers loads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lrscope.cli import options as opt
from lrscope.number_text import format_rate
from lrscope.terminal.output import echo, print_json


def export(
    folder: Annotated[Path, typer.Argument(help="Folder of a study.", metavar="FOLDER", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="New folder for the model.", metavar="FOLDER", show_default=False)],
    trial: Annotated[
        int | None,
        typer.Option(
            "--trial",
            help="Export this trial instead of the recommended setting's best.",
            metavar="N",
            show_default=False,
        ),
    ] = None,
    json: opt.Json = False,
) -> None:
    """Copy the chosen setting's model, of its best seed on dev, with the Trainer arguments for the same training.

    Example:

      lrscope export runs/sweep --out model
    """
    from lrscope.report.trainer_arguments import as_call
    from lrscope.workflows.export import export as export_model

    result = export_model(folder, out, trial=trial)
    config, arguments = result.config, result.trainer_arguments
    if result.note:
        echo(f"note: {result.note}", err=True)
    if json:
        print_json({"model": str(out), "trial": result.trial, "seed": config.seed, "trainer_arguments": arguments})
        return
    echo(f"trial {result.trial} (lr {format_rate(config.peak_rate)}, seed {config.seed}) is in {out}; load it with")
    echo(f'AutoModelForSequenceClassification.from_pretrained("{out.as_posix()}")')
    if arguments is None:
        echo(f"Trainer has no schedule or optimizer like its own ({config.schedule}, {config.optimizer})")
    else:
        with_more = f", {result.extra_steps}" if result.extra_steps else ""
        echo(f"the same training with Trainer{with_more}: {as_call(arguments)}")
        echo(f"what is not equal there: {', '.join(result.differences)}")
