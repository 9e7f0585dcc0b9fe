"""`lrscope tune`: a range test, a sweep, more seeds where the decision is open, a report, within a time budget."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lrscope.cli import options as opt
from lrscope.cli.executor_options import Workers
from lrscope.cli.find_runs import found
from lrscope.cli.interrupt import INTERRUPTED
from lrscope.cli.options import TUNE, Settings, with_settings
from lrscope.cli.output import echo, print_json
from lrscope.cli.progress import duration
from lrscope.cli.report import print_answer
from lrscope.cli.settings import build_config
from lrscope.cli.study_table import print_summary
from lrscope.cli.sweep import draw
from lrscope.cli.until_decided import drive_until_decided
from lrscope.errors import ConfigError, StudyError
from lrscope.executors.config import ExecutorConfig, with_threads
from lrscope.statistics.defaults import MARGIN

if TYPE_CHECKING:
    from lrscope.config import StudyConfig
    from lrscope.studies.budget import Plan


@with_settings(TUNE, epochs={"shown_default": "what fits the budget"})
def tune(
    settings: Settings,
    budget: Annotated[
        str, typer.Option("--budget", help="Time to spend, such as 20min or 2h.", metavar="TIME")
    ] = "20min",
    margin: Annotated[
        float, typer.Option("--margin", help="Smallest difference you care about, in units of the metric.", metavar="X")
    ] = MARGIN,
    workers: Workers = None,
    lang: opt.Lang = "en",
    out: opt.Out = None,
    json: opt.Json = False,
) -> int:
    """Find the range, sweep it, spend seeds where the decision is open, and report: one command, one line to paste.

    The same command goes on after Ctrl-C.

    Example:

      lrscope tune --model stories260K-hf --train train.txt --dev dev.txt --batch-size 80 --budget 20min --out runs/tune
    """
    from lrscope.report.locales import locale
    from lrscope.studies.budget import format_budget, holds_other_files, keep_plan, parse_budget, read_plan
    from lrscope.studies.same_settings import require_same_settings

    locale(lang)  # before anything is spent
    if not (math.isfinite(margin) and margin > 0.0):
        raise ConfigError(f"--margin is a positive number: got {margin:g}")
    seconds = parse_budget(budget)
    execution = ExecutorConfig.of(workers=workers)
    epochs = settings.get("epochs")
    shared = {name: value for name, value in settings.items() if name != "epochs"}
    base = with_threads(build_config({**shared, "peak_rate": 1e-3}, what="tune"), execution)
    folder = out or Path("runs") / "tune"
    kept = read_plan(folder)
    if kept is None:
        if holds_other_files(folder):
            raise StudyError(f"a budget is spent in a new folder, or in one that tune began: {folder} is neither")
        plan = _plan(base, seconds, execution, epochs)
        keep_plan(folder, plan, base)
    else:
        plan, begun = kept.plan, kept.settings
        if plan.budget != seconds:
            raise StudyError(
                f"{folder} was begun with a budget of {format_budget(plan.budget)}: got {budget}; leave it as it was"
            )
        if epochs is not None and epochs != plan.epochs:
            raise StudyError(
                f"{folder} was begun with runs of {plan.epochs} epochs: got --epochs {epochs}; leave it as it was"
            )
        require_same_settings(folder, begun, base, way_out="leave it as it was, or choose another --out")
    if not json:
        _say(plan)
    return _spend(
        replace(base, trial=replace(base.trial, epochs=plan.epochs)), plan, folder, execution, margin, lang, quiet=json
    )


def _plan(base: StudyConfig, seconds: float, execution: ExecutorConfig, epochs: int | None) -> Plan:
    """Time a few updates and an evaluation, and lay the budget out."""
    from lrscope.runners.base import START_SECONDS
    from lrscope.runners.registry import runner_for
    from lrscope.studies.budget import plan_budget

    prepared = runner_for(base).prepare(base)
    for note in prepared.notes:
        echo(f"note: {note}", err=True)
    one = replace(base.trial, epochs=1)
    epoch = prepared.cost([one], Path(), own_process=False).seconds
    step = epoch / one.resolve_schedule(prepared.sizes["train"]).total_steps
    start = START_SECONDS[execution.own_process]
    return plan_budget(seconds, step, (start, epoch), max(1, execution.workers), epochs)


def _say(plan: Plan) -> None:
    echo(f"the budget of {duration(plan.budget)} is laid out as", err=True)
    echo(f"  range test, {plan.ramp_seeds} seeds: about {duration(plan.find_seconds)}", err=True)
    echo(
        f"  sweep, 5 rates × {plan.seeds} seeds × {plan.epochs} epochs: about {duration(plan.sweep_seconds)}", err=True
    )
    echo(
        f"  up to {plan.max_seeds} seeds for rates that may be the best: about {duration(plan.more_seconds)}", err=True
    )


def _spend(
    base: StudyConfig, plan: Plan, folder: Path, execution: ExecutorConfig, margin: float, lang: str, *, quiet: bool
) -> int:
    from lrscope.config import SweepConfig
    from lrscope.statistics.confirmation import rates_within
    from lrscope.store.storage import DATABASE
    from lrscope.studies import session

    study_folder = folder / "sweep"
    if not (study_folder / DATABASE).is_file():
        result = found(base, folder / "find", execution, None, quiet=quiet, seeds=plan.ramp_seeds)
        if result is None:
            echo("stopped; the same command goes on with what there is", err=True)
            return INTERRUPTED
        rates = [float(f"{rate:.3g}") for rate in rates_within(result.low, result.high, 5)]
        sweep = SweepConfig(grid={"peak_rate": rates}, seeds=plan.seeds)
        asked = replace(base, trial=replace(base.trial, peak_rate=rates[0]), sweep=sweep)
        held = session.begin(asked, study_folder)
    else:
        held = session.resume(study_folder)
    with held as study:

        def affordable(num_runs: int) -> bool:
            return within(plan.budget, folder, num_runs, max(1, execution.workers))

        code = drive_until_decided(study, execution, margin, plan.max_seeds, quiet=quiet, affordable=affordable)
        if code:
            echo("or type the same command again: it goes on with what there is", err=True)
            return code
        draw(study)
        if not quiet:
            print_summary(study.store, as_json=False)
    from lrscope.findings.commands import finetune_command
    from lrscope.workflows.report import report
    from lrscope.workflows.report_values import report_values

    written = report([study_folder], lang=lang)
    conclusions = written.conclusions
    if not quiet:
        print_answer(written)
    command = finetune_command(conclusions.runs, conclusions.arms[conclusions.choice.first].name)
    if quiet:
        print_json({"report": str(written.page), "finetune": str(command), **report_values(conclusions)})
    else:
        echo(f"to train it: {command}")
    return 0


def within(budget: float, folder: Path, num_runs: int, workers: int) -> bool:
    """Return whether so many runs more keep to the budget, by what the runs so far have taken."""
    from lrscope.store.study import StudyStore

    spent = []
    for name in ("find", "sweep"):
        with StudyStore.open(folder / name) as store:
            spent.append([row.seconds for row in store.trials() if row.seconds > 0])
    each = sum(spent[1]) / max(1, len(spent[1]))
    return (sum(map(sum, spent)) + num_runs * each) / workers <= budget
