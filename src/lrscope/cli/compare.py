"""`lrscope compare`: studies held against one another, where that is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lrscope.cli import options as opt
from lrscope.cli.report import print_summary
from lrscope.terminal.output import echo, print_json


def compare(
    folders: Annotated[
        list[Path], typer.Argument(help="Folders of two studies or more.", metavar="FOLDER...", show_default=False)
    ],
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric", help="Dev metric to compare by [default: the studies' own].", metavar="NAME", show_default=False
        ),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            "--margin", help="Smallest difference you care about, in units of the metric [default: 0.02].",
            metavar="X", show_default=False,
        ),
    ] = None,
    lang: opt.Lang = "en",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Folder for the report [default: runs/report-DATE-TIME].", metavar="FOLDER",
            show_default=False,
        ),
    ] = None,
    json: opt.Json = False,
) -> int:  # fmt: skip
    """Compare studies of one task, one metric and one dev set in one report, and refuse all others.

    Models, training data and all other settings may differ. Where the studies kept the scores of examples, they are
    compared example by example.

    Example:

      lrscope compare runs/linear runs/cosine
    """
    from lrscope.workflows.compare import compare as compare_studies
    from lrscope.workflows.conclusions import ReportConfig
    from lrscope.workflows.report_values import REPORT

    result = compare_studies(folders, ReportConfig(metric=metric, margin=margin), lang=lang, folder=out)
    for note in result.notes:
        echo(f"note: {note}", err=True)
    if json:
        print_json(REPORT, result.values)
        return 0
    print_summary(result.document, result.language)
    files = {"page": result.page.name, "text": result.text.name, "folder": result.page.parent}
    echo(result.language.words["written"].format(**files))
    return 0
