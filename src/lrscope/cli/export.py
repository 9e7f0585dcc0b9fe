"""`lrscope export`: the chosen setting's model, in a folder that transformers or PEFT loads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lrscope.cli import options as opt
from lrscope.cli.evaluate import Base
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
    merge: Annotated[
        bool, typer.Option("--merge", help="Merge adapters into their base: a whole model, in the base's precision.")
    ] = False,
    model: Base = None,
    json: opt.Json = False,
) -> None:
    """Copy the chosen setting's model, of its best seed on dev, with the Trainer arguments for the same training.

    Example:

      lrscope export runs/sweep --out model

      lrscope export runs/sft --out model --merge
    """
    from lrscope.workflows.export import export as export_model

    result = export_model(folder, out, trial=trial, merge=merge, base=model)
    config, equal = result.config, result.equal_training
    if result.note:
        echo(f"note: {result.note}", err=True)
    if json:
        values = {"model": str(out), "trial": result.trial, "seed": config.seed, "loading": result.loading}
        print_json("export/1", {**values, "trainer_arguments": None if equal is None else equal.arguments})
        return
    precision = f", in {result.precision} as its base" if result.precision else ""
    name = f"trial {result.trial} (lr {format_rate(config.peak_rate)}, seed {config.seed})"
    echo(f"{name} is in {out}{precision}; load it with")
    echo(result.loading)
    if equal is None:
        echo(f"Trainer has no schedule or optimizer like its own ({config.schedule}, {config.optimizer})")
    else:
        trainer = "TRL's SFTTrainer" if equal.name == "SFTConfig" else "Trainer"
        with_more = f", {', '.join(equal.beside)}" if equal.beside else ""
        echo(f"the same training with {trainer}{with_more}: {equal.call}")
        echo(f"what is not equal there: {', '.join(equal.differences)}")
