"""`lrscope sweep`: many fine-tunes, compared at the same seeds; resumable, parallel, nothing lost."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lrscope.cli import options as opt
from lrscope.cli import sweep_options as grid_opt
from lrscope.cli.executor_options import Address, ExecutorName, GpusPerTrial, Workers
from lrscope.cli.interrupt import INTERRUPTED, graceful_interrupt
from lrscope.cli.output import counted, echo
from lrscope.cli.progress import duration
from lrscope.cli.settings import build_config, resolve_options
from lrscope.cli.study_table import print_summary
from lrscope.cli.until_decided import drive_until_decided
from lrscope.errors import ConfigError
from lrscope.executors.config import ExecutorConfig, build_executor, trials_at_once, with_threads

if TYPE_CHECKING:
    from lrscope.config import StudyConfig
    from lrscope.studies.session import Study

MAX_SEEDS = 8  # of --until-decided
ASK_ABOVE_SECONDS, ASK_ABOVE_BYTES = 3600.0, 5 * 2**30
MOVABLE = ("model", "tokenizer", "train", "dev", "test", "label_names")


def sweep(
    model: opt.Model = None,
    train: opt.Train = None,
    dev: opt.Dev = None,
    test: grid_opt.SealedTest = None,
    label_names: opt.LabelNames = None,
    tokenizer: opt.Tokenizer = None,
    text_column: opt.TextColumn = None,
    label_column: opt.LabelColumn = None,
    on_long: opt.OnLong = None,
    max_tokens: opt.MaxTokens = None,
    lr: grid_opt.Rates = None,
    schedule: grid_opt.Schedules = None,
    warmup: grid_opt.Warmups = None,
    epochs: grid_opt.Epochs = None,
    batch_size: grid_opt.BatchSizes = None,
    dropout: grid_opt.Dropouts = None,
    weight_decay: grid_opt.WeightDecays = None,
    label_smoothing: grid_opt.LabelSmoothings = None,
    clip_norm: grid_opt.ClipNorms = None,
    layer_decay: grid_opt.LayerDecays = None,
    head_multiplier: grid_opt.HeadMultipliers = None,
    scale_lr: grid_opt.ScaleRate = None,
    seeds: grid_opt.Seeds = None,
    strategy: grid_opt.Strategy = None,
    micro_batch: opt.MicroBatch = None,
    patience: opt.Patience = None,
    optimizer: opt.Optimizer = None,
    beta1: opt.Beta1 = None,
    beta2: opt.Beta2 = None,
    epsilon: opt.Epsilon = None,
    train_metrics: opt.TrainMetrics = None,
    device: opt.Device = None,
    precision: opt.Precision = None,
    threads: opt.Threads = None,
    batching: opt.Batching = None,
    implementation: opt.Implementation = None,
    gradient_checkpointing: opt.GradientCheckpointing = None,
    executor: ExecutorName = None,
    workers: Workers = None,
    address: Address = None,
    gpus_per_trial: GpusPerTrial = None,
    keep: grid_opt.Keep = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="Settings from a TOML file; options win over it.", metavar="FILE")
    ] = None,
    save_config: Annotated[
        Path | None, typer.Option("--save-config", help="Write the settings to a TOML file and stop.", metavar="FILE")
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option("--resume", help="Go on with a study, or extend it with --seeds, --lr.", metavar="FOLDER"),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="With --resume: try again what has failed.")
    ] = False,
    until_decided: grid_opt.UntilDecided = None,
    max_seeds: grid_opt.MaxSeeds = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a long or large study.")] = False,
    out: opt.Out = None,
    json: opt.Json = False,
) -> int:
    """Compare learning rates, schedules, batch sizes and more: every combination, every one at the same seeds.

    Example:

      lrscope sweep --model stories260K-hf --train train.txt --dev dev.txt --lr 1e-4,3e-4,1e-3
      --schedule "linear;cosine" --seeds 3 --epochs 4 --batch-size 80 --out runs/sweep
    """
    given = dict(locals())
    grid = grid_opt.read_grid(given, lr, schedule, warmup)
    sweep_settings = {"seeds": seeds, "strategy": strategy, "keep": keep, "scale_rate": scale_lr}
    shared = {name: given[name] for name in _SHARED if given[name] is not None}
    execution = ExecutorConfig.of(executor, workers, gpus_per_trial, address)
    if max_seeds is not None and until_decided is None:
        raise ConfigError("--max-seeds is how far --until-decided may go: got it without; add --until-decided 0.02")
    if resume is not None:
        if until_decided is not None and (seeds is not None or grid):
            raise ConfigError(
                "--until-decided adds the seeds itself: got it with --seeds or values to compare; leave them out"
            )
        _require_extension_only(shared, sweep_settings, config, out, save_config)
        from lrscope.studies.session import resume as resume_study

        moved = resolve_options({name: value for name, value in shared.items() if name in MOVABLE})
        extension = {**grid, **({} if seeds is None else {"seeds": seeds})}
        with resume_study(resume, moved=moved, extension=extension) as study:
            if until_decided is not None:
                code = drive_until_decided(study, execution, until_decided, max_seeds or MAX_SEEDS, quiet=json)
                return code or finish(study, as_json=json)
            return drive(study, execution, yes=yes, as_json=json, retry_failed=retry_failed)
    if until_decided is not None:
        raise ConfigError("--until-decided adds seeds to a study: got it without --resume; name the study's folder")
    if retry_failed:
        raise ConfigError("--retry-failed goes on with a study: got it without --resume; name the study's folder")
    search = lr == grid_opt.AUTO
    asked = _asked(shared, {**grid, **({"peak_rate": (1e-3,)} if search else {})}, sweep_settings, config, execution)
    if search and save_config is not None:
        raise ConfigError("--lr auto is found when a study begins: got it with --save-config; name the rates")
    if save_config is not None:
        from lrscope.files import write_text

        write_text(save_config, asked.to_toml())
        echo(f"the settings are in {save_config}; run them with: lrscope sweep --config {save_config}", err=True)
        return 0
    from lrscope.studies.session import begin

    folder = out or Path("runs") / f"sweep-{datetime.now():%Y%m%d-%H%M%S}"
    if search:
        rates = _search(asked, folder, execution, quiet=json)
        if rates is None:
            return INTERRUPTED
        asked = _asked(shared, {**grid, "peak_rate": rates}, sweep_settings, config, execution)
    with begin(asked, folder) as study:
        return drive(study, execution, yes=yes, as_json=json)


_SHARED = (
    *MOVABLE, "text_column", "label_column", "on_long", "max_tokens", "micro_batch", "patience", "optimizer", "beta1",
    "beta2", "epsilon", "train_metrics", "device", "precision", "threads", "batching", "implementation",
    "gradient_checkpointing",
)  # fmt: skip


def _asked(
    shared: Mapping[str, Any], grid: Mapping[str, tuple[Any, ...]], sweep_settings: Mapping[str, Any],
    config: Path | None, execution: ExecutorConfig,
) -> StudyConfig:  # fmt: skip
    from lrscope.config import StudyConfig, SweepConfig

    base = StudyConfig.from_toml(config) if config else None
    kept = base.sweep if base is not None and base.sweep is not None else SweepConfig()
    whole = {**kept.grid, **grid}
    first = whole.get("peak_rate", (None,))[0] if base is None else base.trial.peak_rate
    built = build_config(
        {**shared, "lr": first}, config=config, schedule=None, warmup=None, score_test=False, what="a sweep"
    )
    given = {name: value for name, value in sweep_settings.items() if value is not None}
    fixed = {name: values[0] for name, values in whole.items() if len(values) == 1}
    varied = {name: values for name, values in whole.items() if len(values) > 1} or {
        "peak_rate": (built.trial.peak_rate,)
    }
    asked = replace(built, trial=replace(built.trial, **fixed), sweep=replace(kept, grid=varied, **given))
    return with_threads(asked, execution)


def _search(asked: StudyConfig, folder: Path, execution: ExecutorConfig, *, quiet: bool) -> tuple[float, ...] | None:
    """Find the rates to compare: five within the bracket of a range test."""
    from lrscope.cli.find_runs import found
    from lrscope.runners.study_folder import require_new
    from lrscope.statistics.confirmation import rates_within

    require_new(folder)
    result = found(asked, folder.with_name(f"{folder.name}-find"), execution, None, quiet=quiet)
    if result is None:
        echo("stopped; the same command goes on with what was found so far", err=True)
        return None
    return tuple(float(f"{rate:.3g}") for rate in rates_within(result.low, result.high, 5))


def _require_extension_only(
    shared: Mapping[str, Any], sweep_settings: Mapping[str, Any], config: Path | None, out: Path | None,
    save_config: Path | None,
) -> None:  # fmt: skip
    beyond = [name for name in shared if name not in MOVABLE]
    beyond += [name for name in ("strategy", "keep", "scale_rate") if sweep_settings[name] is not None]
    beyond += [name for name, value in (("config", config), ("out", out), ("save_config", save_config)) if value]
    if beyond:
        raise ConfigError(
            f"a resumed study keeps its settings: got --{beyond[0].replace('_', '-')}; only more --seeds and more "
            "values of what it compares are added; leave it out, or start anew without --resume"
        )


def drive(study: Study, execution: ExecutorConfig, *, yes: bool, as_json: bool, retry_failed: bool = False) -> int:
    """Run a study with a live view, and print its table; return the exit code."""
    from lrscope.cli.study_progress import StudyProgress
    from lrscope.studies.controller import Controller

    controller = Controller(study.store)
    controller.recover()
    if retry_failed:
        controller.retry_failed()
    pending = controller.pending()
    if pending and not _agreed(study, [row.config for row in pending], execution, yes=yes, quiet=as_json):
        echo(f"nothing was run; go on with: lrscope sweep --resume {study.store.folder}", err=True)
        return 0
    with graceful_interrupt(controller.stop), StudyProgress(study.store) as progress:
        for event in controller.run(build_executor(execution, study.prepared)):
            progress.update(event)
    if controller.stopped:
        echo(f"stopped; go on with: lrscope sweep --resume {study.store.folder}", err=True)
        return INTERRUPTED
    return finish(study, as_json=as_json)


def finish(study: Study, *, as_json: bool) -> int:
    """Draw a study's figures and print its table; return the exit code."""
    draw(study)
    print_summary(study.store, as_json=as_json)
    return 0


def draw(study: Study) -> None:
    """Draw a study's figures."""
    from lrscope.report.files import write_images
    from lrscope.report.locales import locale
    from lrscope.workflows.conclusions import conclude_sources

    folder = study.store.folder
    write_images(conclude_sources([folder]).conclusions, locale("en"), folder)


def _agreed(study: Study, trials: list[Any], execution: ExecutorConfig, *, yes: bool, quiet: bool) -> bool:
    from lrscope.studies.plan import arms, num_merged

    config = study.store.config
    assert config.sweep is not None
    cost = study.prepared.cost(trials, study.store.folder, own_process=execution.own_process)
    at_once, room_notes = trials_at_once(execution, study.prepared.numerics.threads)
    seconds, megabytes = cost.seconds / at_once, cost.num_bytes / 2**20
    merged = num_merged(config)
    lines = [
        f"{counted(len(arms(config)), 'arm')} × {counted(config.sweep.seeds, 'seed')}, {counted(len(trials), 'trial')} "
        f"to run, {at_once} at a time: about {duration(seconds)} and {megabytes:.0f} MB",
        *([f"{merged} combinations are the same as others and run once"] if merged else []),
        *(f"note: {note}" for note in (*study.prepared.notes, *room_notes)),
    ]
    if not quiet:
        for line in lines:
            echo(line, err=True)
    large = seconds > ASK_ABOVE_SECONDS or cost.num_bytes > ASK_ABOVE_BYTES
    return yes or not large or not sys.stdin.isatty() or typer.confirm("run it?", err=True)
