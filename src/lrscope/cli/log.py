"""`lrscope log`: a study that has run, written to other places."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lrscope.terminal.output import echo


def log(
    folder: Annotated[Path, typer.Argument(help="Folder of a study.", metavar="FOLDER", show_default=False)],
    to: Annotated[
        list[str] | None,
        typer.Option(
            "--to",
            help="Where to: csv, tensorboard, wandb, mlflow or trackio; WHERE is a folder or a project. Repeatable "
            "[default: where the study is written already].",
            metavar="KIND[:WHERE]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write a study's trials and verdict to CSV, TensorBoard, W&B, MLflow or Trackio, or write what is missing there.

    Example:

      lrscope log runs/sweep --to tensorboard
    """
    from lrscope.sinks.target import checked
    from lrscope.workflows.study_log import log_study

    for target in log_study(folder, checked(to or ())):
        echo(f"{folder} is written to {target}")
