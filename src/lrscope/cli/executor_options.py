"""The options that say where a study's trials run."""

from __future__ import annotations

from typing import Annotated

import typer

from lrscope.cli import options as opt

Workers = Annotated[
    int | None,
    typer.Option("--workers", help="Trials at once [1].", metavar="N", show_default=False, rich_help_panel=opt.MACHINE),
]
ExecutorName = Annotated[
    str | None,
    typer.Option(
        "--executor", help="Where trials run [inline, or processes with --workers].", metavar="inline|processes|ray",
        show_default=False, rich_help_panel=opt.MACHINE,
    ),
]  # fmt: skip

Address = Annotated[
    str | None,
    typer.Option(
        "--address", help="A Ray cluster: auto, HOST:PORT, or local for one on this machine [auto].", metavar="ADDRESS",
        show_default=False, rich_help_panel=opt.MACHINE,
    ),
]  # fmt: skip
GpusPerTrial = Annotated[
    float | None,
    typer.Option(
        "--gpus-per-trial", help="GPUs for each trial: 1, or on Ray a fraction such as 0.5.", metavar="N",
        show_default=False, rich_help_panel=opt.MACHINE,
    ),
]  # fmt: skip
