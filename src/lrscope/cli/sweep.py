"""`lrscope sweep`: many fine-tunes, compared at the same seeds; resumable, parallel, nothing lost."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lrscope.cli import options as opt
from lrscope.cli.executor_options import Address, ExecutorName, GpusPerTrial, Workers
from lrscope.cli.interrupt import INTERRUPTED, graceful_interrupt
from lrscope.cli.options import SWEEP, Settings, with_settings
from lrscope.cli.output import counted, echo
from lrscope.cli.progress import duration
from lrscope.cli.settings import MOVABLE, resolve_paths
from lrscope.cli.study_table import print_summary
from lrscope.cli.sweep_options import AUTO, MaxSeeds, UntilDecided, grid_of, sweep_config
from lrscope.cli.until_decided import drive_until_decided
from lrscope.config.catalogue import flag_of
from lrscope.errors import ConfigError
from lrscope.executors.config import ExecutorConfig, build_executor, trials_at_once, with_threads

if TYPE_CHECKING:
    from lrscope.config import StudyConfig
    from lrscope.studies.session import Study

MAX_SEEDS = 8  # of --until-decided
ASK_ABOVE_SECONDS, ASK_ABOVE_BYTES = 3600.0, 5 * 2**30


@with_settings(
    SWEEP, lists=True, words={"peak_rate": AUTO}, test={"help": "Examples kept sealed: predicted, never scored here."},
    peak_rate={"help": "Peak learning rates: 1e-4,1e-3, or log:1e-6:1e-2:9; auto: from a range test."},
    schedule={"help": "Schedules, separated by ;. lrscope schedule show draws one."},
    warmup={"help": "Warmups, for schedules that name none."},
)  # fmt: skip
def sweep(
    settings: Settings,
    executor: ExecutorName = None,
    workers: Workers = None,
    address: Address = None,
    gpus_per_trial: GpusPerTrial = None,
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
    until_decided: UntilDecided = None,
    max_seeds: MaxSeeds = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a long or large study.")] = False,
    out: opt.Out = None,
    json: opt.Json = False,
) -> int:
    """Compare learning rates, schedules, batch sizes and more: every combination, every one at the same seeds.

    Example:

      lrscope sweep --model stories260K-hf --train train.txt --dev dev.txt --lr 1e-4,3e-4,1e-3
      --schedule "linear;cosine" --seeds 3 --epochs 4 --batch-size 80 --out runs/sweep
    """
    execution = ExecutorConfig.of(executor, workers, gpus_per_trial, address)
    if max_seeds is not None and until_decided is None:
        raise ConfigError("--max-seeds is how far --until-decided may go: got it without; add --until-decided 0.02")
    if resume is not None:
        grid = grid_of(settings)
        if until_decided is not None and (grid or "seeds" in settings):
            raise ConfigError(
                "--until-decided adds the seeds itself: got it with --seeds or values to compare; leave them out"
            )
        _require_extension_only(settings, config, out, save_config)
        from lrscope.studies.session import resume as resume_study

        moved = resolve_paths({name: value for name, value in settings.items() if name in MOVABLE})
        extension = {**grid, **({"seeds": settings["seeds"]} if "seeds" in settings else {})}
        with resume_study(resume, moved=moved, extension=extension) as study:
            if until_decided is not None:
                code = drive_until_decided(study, execution, until_decided, max_seeds or MAX_SEEDS, quiet=json)
                return code or finish(study, as_json=json)
            return drive(study, execution, yes=yes, as_json=json, retry_failed=retry_failed)
    if until_decided is not None:
        raise ConfigError("--until-decided adds seeds to a study: got it without --resume; name the study's folder")
    if retry_failed:
        raise ConfigError("--retry-failed goes on with a study: got it without --resume; name the study's folder")
    search = settings.get("peak_rate") == AUTO
    asked = with_threads(sweep_config(settings, config, (1e-3,) if search else None), execution)
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
        asked = with_threads(sweep_config(settings, config, rates), execution)
    with begin(asked, folder) as study:
        return drive(study, execution, yes=yes, as_json=json)


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
    settings: Settings, config: Path | None, out: Path | None, save_config: Path | None
) -> None:
    """Refuse options that would make a resumed study another one."""
    beyond = [flag_of(name) for name, value in settings.items() if not isinstance(value, tuple)]
    beyond = [flag for flag in beyond if flag not in ("--seeds", *map(flag_of, MOVABLE))]
    beyond += [flag for flag, value in (("--config", config), ("--out", out), ("--save-config", save_config)) if value]
    if beyond:
        raise ConfigError(
            f"a resumed study keeps its settings: got {beyond[0]}; only more --seeds and more values of what it "
            "compares are added; leave it out, or start anew without --resume"
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
