"""`lrscope sweep`: many fine-tunes, compared at the same seeds; resumable, parallel, nothing lost."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from lrscope.cli import options as opt
from lrscope.cli.external_options import flag_given, shared_settings, trainer_settings, with_own_training
from lrscope.cli.options import SWEEP, Settings, with_settings
from lrscope.cli.study_table import print_sweep
from lrscope.cli.sweep_options import AUTO, Like, MaxSeeds, UntilDecided, grid_of, sweep_config, with_like
from lrscope.config import AnyStudy, ExternalStudy, StudyConfig
from lrscope.config.build import MOVABLE, flags_that_fix, resolve_paths, settings_in
from lrscope.config.build_external import external_config, own_values
from lrscope.config.command_line import CommandLine
from lrscope.config.read import study_from_toml
from lrscope.errors import ConfigError
from lrscope.executors.config import ExecutorConfig, with_threads
from lrscope.terminal.output import echo


@with_settings(
    SWEEP, lists=True, words={"peak_rate": AUTO}, test={"help": "Examples kept sealed: predicted, never scored here."},
    keep={"shown_default": "best; all for a command"},
    peak_rate={"help": "Peak learning rates: 1e-4,1e-3, or log:1e-6:1e-2:9; auto: the prior's, or a range test's."},
    schedule={"help": "Schedules, separated by ;. lrscope schedule show draws one."},
    warmup={"help": "Warmups, for schedules that name none."},
)  # fmt: skip
@with_own_training
def sweep(
    settings: Settings,
    own: Settings,
    config: Annotated[
        Path | None,
        typer.Option("--config", help="Read settings from a TOML file; options override it.", metavar="FILE"),
    ] = None,
    save_config: Annotated[
        Path | None, typer.Option("--save-config", help="Write the settings to a TOML file and stop.", metavar="FILE")
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume",
            help="Resume the study in this folder, or extend it with more --seeds or values of --lr.",
            metavar="FOLDER",
        ),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="With --resume: run failed trials again.")
    ] = False,
    like: Like = None,
    until_decided: UntilDecided = None,
    max_seeds: MaxSeeds = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a long or large study.")] = False,
    out: opt.Out = None,
    log: opt.LogTo = None,
    json: opt.Json = False,
) -> int:
    """Compare learning rates, schedules, batch sizes and more: every combination, every one at the same seeds.

    Trains a classifier, or runs a training of your own with --command.

    Example:

      lrscope sweep --model stories260K-hf --train train.txt --dev dev.txt --lr 1e-4,3e-4,1e-3
      --schedule "linear;cosine" --seeds 3 --epochs 4 --batch-size 80 --out runs/sweep

      lrscope sweep --command "python train.py --learning_rate {lr} --seed {seed} --output_dir {out}"
      --lr 1e-5,3e-5,1e-4 --seeds 2 --out runs/mine

      lrscope sweep --like old/trainer_state.json --model stories260K-hf --train train.txt --dev dev.txt
      --lr 1e-4,3e-4,1e-3 --out runs/again
    """
    from lrscope.terminal import live
    from lrscope.workflows import sweep as workflow

    execution = ExecutorConfig.of(**settings_in(settings, "execution"))
    if max_seeds is not None and until_decided is None:
        raise ConfigError("--max-seeds is how far --until-decided may go: got it without; add --until-decided 0.02")
    if resume is not None:
        if "warmup" in settings and "schedule" not in settings:
            raise ConfigError("--warmup with --resume needs the schedule that it is for: got none; add --schedule")
        grid = {**grid_of(settings), **own_values(own.get("sets", ()))}
        if "steps" in own:
            grid["steps"] = shared_settings({}, own)["steps"]
        if until_decided is not None and (grid or "seeds" in settings):
            raise ConfigError(
                "--until-decided adds the seeds itself: got it with --seeds or values to compare; leave them out"
            )
        _require_extension_only(settings, config, out, save_config, like)
        trainer = trainer_settings(own)
        moved = resolve_paths({name: value for name, value in settings.items() if name in MOVABLE})
        extension = {**grid, **({"seeds": settings["seeds"]} if "seeds" in settings else {})}
        with live.shown(quiet=json, yes=yes, log=log) as callbacks:
            if until_decided is not None:
                result = workflow.sweep_until_decided(
                    resume, until_decided, execution, callbacks, max_seeds=max_seeds or workflow.MAX_SEEDS,
                    moved=moved, trainer=trainer, retry_failed=retry_failed,
                )  # fmt: skip
            else:
                result = workflow.resume_sweep(
                    resume, execution, callbacks, moved=moved, extension=extension, trainer=trainer,
                    retry_failed=retry_failed,
                )  # fmt: skip
        return print_sweep(result, as_json=json)
    if until_decided is not None:
        raise ConfigError("--until-decided adds seeds to a study: got it without --resume; name the study's folder")
    if retry_failed:
        raise ConfigError("--retry-failed goes on with a study: got it without --resume; name the study's folder")
    base = None if config is None else study_from_toml(config)
    if isinstance(base, StudyConfig) and own:
        raise ConfigError(
            f"{config} is a study of the built-in training: got it with {flag_given(own)}, of a training of your own; "
            "leave one of them out"
        )
    if isinstance(base, StudyConfig) and base.find is not None:
        raise ConfigError(f"a sweep trains at rates that it is told: got {config}, of range tests; leave it out")
    if like is not None:
        settings, own = with_like(settings, own, like, base if isinstance(base, ExternalStudy) else None)
    search = settings.get("peak_rate") == AUTO
    asked = with_threads(_asked(settings, own, base, search=search), execution)
    if search and save_config is not None:
        raise ConfigError("--lr auto is found when a study begins: got it with --save-config; name the rates")
    if save_config is not None:
        from lrscope.files import write_text

        write_text(save_config, asked.to_toml())
        echo(
            f"the settings are in {save_config}; run them with: {CommandLine('sweep', {'config': save_config})}",
            err=True,
        )
        return 0
    folder = out or Path("runs") / f"sweep-{datetime.now():%Y%m%d-%H%M%S}"
    with live.shown(quiet=json, yes=yes, log=log) as callbacks:
        if search and isinstance(asked, StudyConfig):
            result = workflow.sweep_found_rates(asked, folder, execution, callbacks)
        else:
            result = workflow.sweep(asked, folder, execution, callbacks)
    return print_sweep(result, as_json=json)


def _asked(settings: Settings, own: Settings, base: AnyStudy | None, *, search: bool) -> AnyStudy:
    """Return the study that is asked for, of the built-in training or of a command; the rest is as in `base`.

    Raises:
        ConfigError: something required is missing, or cannot be.
    """
    kept = base if isinstance(base, ExternalStudy) else None
    if "command" not in own and kept is None:
        if own:
            raise ConfigError(
                f"{flag_given(own)} belongs to a training of your own: got it without --command; add the command"
            )
        return sweep_config(settings, base if isinstance(base, StudyConfig) else None, (1e-3,) if search else None)
    if search:
        raise ConfigError("--lr auto needs the built-in training: got it with --command; name the rates, or use tune")
    return external_config(trainer_settings(own), shared_settings(settings, own), own_values(own.get("sets", ())), kept)


def _require_extension_only(
    settings: Settings, config: Path | None, out: Path | None, save_config: Path | None, like: Path | None
) -> None:
    """Refuse options that would make a resumed study another one."""
    single = {name: value for name, value in settings.items() if name != "seeds" and not isinstance(value, tuple)}
    beyond = flags_that_fix(single)
    others = {"--config": config, "--out": out, "--save-config": save_config, "--like": like}
    beyond += [flag for flag, value in others.items() if value]
    if beyond:
        raise ConfigError(
            f"a resumed study keeps its settings: got {beyond[0]}; only more --seeds and more values of what it "
            "compares are added; leave it out, or start anew without --resume"
        )
