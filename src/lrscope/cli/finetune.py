"""`lrscope finetune`: one fine-tune, begun or resumed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lrscope.cli import options as opt
from lrscope.cli.options import FINETUNE, Settings, with_settings
from lrscope.config import StudyConfig
from lrscope.config.build import build_config, flags_that_fix, resolve_paths
from lrscope.config.read import built_in, study_from_toml
from lrscope.errors import ConfigError, Problem
from lrscope.findings.checkup.causes import HUGE
from lrscope.terminal.output import echo, metrics_line, print_json
from lrscope.terminal.time_left import duration

if TYPE_CHECKING:
    from lrscope.workflows.finetune import FinetuneResult


@with_settings(
    (*FINETUNE, "score_test"), words={"peak_rate": "find"},
    peak_rate={"help": "Peak learning rate, such as 3e-4; find: from a range test first."},
)  # fmt: skip
def finetune(
    settings: Settings,
    config: Annotated[
        Path | None,
        typer.Option("--config", help="Read settings from a TOML file; options override it.", metavar="FILE"),
    ] = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", help="Resume the run in this folder.", metavar="FOLDER")
    ] = None,
    out: opt.Out = None,
    log: opt.LogTo = None,
    json: opt.Json = False,
) -> int:
    """Fine-tune a model at one learning rate and schedule, and keep everything that happened.

    Example:

      lrscope finetune --model stories260K-hf --train train.txt --dev dev.txt --lr 1e-3 --epochs 4 --out runs/first
    """
    from lrscope.terminal import live
    from lrscope.workflows import finetune as workflow

    if resume is not None:
        _require_unchanged(settings, config, out)
        with live.shown(quiet=json, log=log) as callbacks:
            result = workflow.resume_finetune(resume, callbacks, moved=resolve_paths(settings))
    else:
        search = settings.get("peak_rate") == "find"
        known = {**settings, "peak_rate": 1e-3} if search else settings
        asked = build_config(known, base=None if config is None else _one_run(config, settings))
        folder = out or Path("runs") / f"finetune-{datetime.now():%Y%m%d-%H%M%S}"
        with live.shown(quiet=json, log=log) as callbacks:
            run = workflow.finetune_at_found_rate if search else workflow.finetune
            result = run(asked, folder, callbacks)
    if json:
        print_json("finetune/1", _plain(result))
    else:
        for line in _closing_lines(result):
            echo(line)
    return 0


def _one_run(config: Path, settings: Settings) -> StudyConfig:
    """Return the study of a file as one run: of what a sweep compares, options choose.

    Raises:
        ConfigError: they do not, or the file is of range tests.
    """
    study = built_in(study_from_toml(config))
    if study.find is not None:
        raise ConfigError(f"a fine-tune is one run: got {config}, which is of range tests; leave it out")
    grid = {} if study.sweep is None else study.sweep.grid
    for name, values in grid.items():
        if len(values) > 1 and name not in settings:
            raise ConfigError(Problem(
                f"a fine-tune is one run, and {config} compares values of {{{name}}}", "none",
                "choose one, or use lrscope sweep --config",
            ))  # fmt: skip
    return replace(study, sweep=None)


def _require_unchanged(settings: Settings, config: Path | None, out: Path | None) -> None:
    """Refuse options that would make a resumed run another one."""
    beyond = flags_that_fix(settings)
    beyond += [flag for flag, value in (("--config", config), ("--out", out)) if value is not None]
    if beyond == ["--score-test"]:
        raise ConfigError(
            "a resumed run keeps its settings: got --score-test; leave it out: lrscope evaluate scores a finished run"
        )
    if beyond:
        raise ConfigError(
            f"a resumed run keeps its settings: got {beyond[0]}; leave it out, or start anew without --resume"
        )


def _plain(run: FinetuneResult) -> dict[str, Any]:
    """Return what a fine-tune came to, as plain values."""
    result, trial = run.result, run.config.trial
    return {
        "run": str(run.folder),
        "status": result.status,
        "reason": result.reason,
        "step": result.step,
        "total_steps": result.total_steps,
        "peak_rate": trial.peak_rate,
        "schedule": str(trial.schedule),
        "seed": trial.seed,
        "metric": result.metric.name,
        "direction": result.metric.direction,
        "endpoint": result.endpoint,
        "best": result.best,
        "best_epoch": result.best_epoch,
        "evaluations": [
            {"step": each.step, "epoch": each.epoch, "split": each.split, "metrics": dict(each.metrics)}
            for each in run.evaluations
        ],
        "numerics": run.numerics,
        "notes": list(run.notes),
        **({} if run.answers is None else {"answers": str(run.answers)}),
        "seconds": run.seconds,
    }


def _closing_lines(run: FinetuneResult) -> list[str]:
    result, metric = run.result, run.config.metric_title(run.result.metric.name)
    lines = []
    if result.status == "diverged":
        warmup = "" if run.config.trial.peak_rate > HUGE else " or a longer --warmup"
        lines.append(f"diverged: {result.reason}; try a lower --lr{warmup}")
    elif result.status == "stopped":
        lines.append(f"stopped early after step {result.step} of {result.total_steps}: {result.reason}")
    if result.endpoint is not None and result.best is not None:
        best = f"best {result.best:.4f} after epoch {result.best_epoch:.4g}"
        flatters = "(a best epoch is chosen on dev, so it flatters)"
        is_at_end = result.best == result.endpoint
        rest = ", its best" if is_at_end else f"; {best} {flatters}"
        lines.append(f"dev {metric} {result.endpoint:.4f} at the end{rest}")
    if run.answers is not None:
        name = run.config.sft.generate_metric
        (value,) = [record.metrics[name] for record in run.evaluations if name in record.metrics]
        lines.append(
            f"dev {run.config.metric_title(name)} {value:.4f} of what was generated at the end: it is in {run.answers}"
        )
    lines += [
        f"test after step {record.step}: {metrics_line(record.metrics, run.config.metric_titles)}"
        for record in run.tests
    ]
    if run.is_sealed:
        lines.append("test predictions are kept unscored; --score-test or lrscope evaluate opens them, and is recorded")
    elif run.unscored is not None:
        lines.append(f"the test sentences have no labels to be scored by; their predictions are in {run.unscored}")
    lines.append(f"{duration(run.seconds)}; checkpoints, records and {run.curves.name} are in {run.folder}")
    return lines
