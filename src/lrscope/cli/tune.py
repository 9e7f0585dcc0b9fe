"""`lrscope tune`: a range test, a sweep, more seeds where the decision is open, a report, within a time budget."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lrscope.cli import options as opt
from lrscope.cli.options import TUNE, Settings, with_settings
from lrscope.cli.report import print_answer
from lrscope.cli.study_table import print_settings
from lrscope.config.build import build_config, settings_in
from lrscope.executors.config import ExecutorConfig, with_threads
from lrscope.statistics.defaults import MARGIN
from lrscope.terminal.output import echo, print_json


@with_settings(TUNE, epochs={"shown_default": "what fits the budget"})
def tune(
    settings: Settings,
    budget: Annotated[
        str, typer.Option("--budget", help="Time budget, such as 20min or 2h.", metavar="TIME")
    ] = "20min",
    margin: Annotated[
        float, typer.Option("--margin", help="Smallest difference you care about, in units of the metric.", metavar="X")
    ] = MARGIN,
    lang: opt.Lang = "en",
    out: opt.Out = None,
    json: opt.Json = False,
) -> int:
    """Find the range, sweep it, spend seeds where the decision is open, and report: one command, one line to paste.

    The same command goes on after Ctrl-C.

    Example:

      lrscope tune --model stories260K-hf --train train.txt --dev dev.txt --batch-size 80 --budget 20min --out runs/tune
    """
    from lrscope.studies.budget import parse_budget
    from lrscope.terminal import live
    from lrscope.workflows.report_values import report_values
    from lrscope.workflows.tune import tune as spend

    execution = ExecutorConfig.of(**settings_in(settings, "execution"))
    shared = {name: value for name, value in settings.items() if name != "epochs"}
    asked = with_threads(build_config({**shared, "peak_rate": 1e-3}, what="tune"), execution)
    seconds, folder = parse_budget(budget), out or Path("runs") / "tune"
    with live.shown(quiet=json) as callbacks:
        result = spend(
            asked, folder, seconds, execution, callbacks, epochs=settings.get("epochs"), margin=margin, lang=lang
        )
    command, written = result.finetune_command, result.report
    if json:
        print_json({"report": str(written.page), "finetune": str(command or ""), **report_values(written.conclusions)})
        return 0
    print_settings(result.sweep)
    print_answer(written)
    if command is not None:
        echo(f"to train it: {command}")
    return 0
