"""`lrscope tune`: a time budget spent on finding the learning rate, and a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lrscope.cli import options as opt
from lrscope.cli.external_options import flag_given, shared_settings, trainer_settings, with_own_training
from lrscope.cli.options import TUNE, Settings, with_settings
from lrscope.cli.report import print_answer
from lrscope.cli.study_table import print_settings
from lrscope.config import AnyStudy, ExternalStudy, StudyConfig
from lrscope.config.build import build_config, flags_that_fix, settings_in
from lrscope.config.build_external import external_config, own_values
from lrscope.config.external import TrainerConfig
from lrscope.errors import ConfigError, StudyError
from lrscope.executors.config import ExecutorConfig, with_threads
from lrscope.statistics.defaults import MARGIN
from lrscope.terminal.output import echo, print_json

if TYPE_CHECKING:
    from lrscope.studies.kept_tune import KeptTune
    from lrscope.studies.tune_plan import RateRange

DEFAULT_BUDGET = "20min"


@with_settings(
    TUNE, test={"help": "Examples kept sealed: predicted, never scored here."},
    epochs={"shown_default": "what fits the budget; of a command, what it says itself"},
)  # fmt: skip
@with_own_training
def tune(
    settings: Settings,
    own: Settings,
    lr: Annotated[
        str | None,
        typer.Option(
            "--lr",
            help="Learning rates to search for a command; the built-in training finds them.",
            metavar="LOW:HIGH",
            show_default=False,
            rich_help_panel=TrainerConfig.panel,
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            "--budget", help="Time budget in all, such as 20min or 2h.", metavar="TIME", show_default=DEFAULT_BUDGET
        ),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            "--margin",
            help="Smallest difference you care about, in units of the metric.",
            metavar="X",
            show_default=f"{MARGIN:g}",
        ),
    ] = None,
    lang: opt.Lang = "en",
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume", help="Go on with the tune in this folder, also with a larger --budget.", metavar="FOLDER"
        ),
    ] = None,
    out: opt.Out = None,
    log: opt.LogTo = None,
    json: opt.Json = False,
) -> int:
    """Spend a budget of time on finding the learning rate, and report: one command, one line to paste.

    It begins where the prior expects the best rate, goes outward until rates on both sides are worse, and spends the
    rest on seeds and rates between, until more runs cannot matter. A training of your own, --command, is searched over
    --lr LOW:HIGH; its first run tells what runs take. --resume goes on after Ctrl-C, and with a larger budget.

    Example:

      lrscope tune --model stories260K-hf --train train.txt --dev dev.txt --batch-size 80 --budget 20min --out runs/tune

      lrscope tune --command "python train.py --learning_rate {lr} --seed {seed} --num_train_epochs {epochs}
      --output_dir {out}" --lr 1e-5:1e-3 --epochs 3 --budget 8h --out runs/mine

      lrscope tune --resume runs/mine --budget 16h
    """
    from lrscope.studies.budget import parse_budget
    from lrscope.studies.tune_plan import range_of
    from lrscope.terminal import live
    from lrscope.workflows.tune import tune as spend
    from lrscope.workflows.tune_command import train_command, tune_command

    execution, kept = ExecutorConfig.of(**settings_in(settings, "execution")), None
    asked: AnyStudy
    if resume is None:
        asked, search = _asked(settings, own, lr, execution)
    else:
        kept, asked = _begun(resume, settings, own, {"--lr": lr, "--out": out})
        search = None if kept.known is None else range_of(kept.known)
    folder = resume or out or Path("runs") / f"tune-{datetime.now():%Y%m%d-%H%M%S}"
    seconds = kept.budget if kept is not None and budget is None else parse_budget(budget or DEFAULT_BUDGET)
    least = margin if margin is not None else MARGIN if kept is None else kept.margin
    result: Any
    with live.shown(quiet=json, log=log) as callbacks:
        if isinstance(asked, ExternalStudy) and search is not None:
            result = tune_command(asked, search, folder, seconds, execution, callbacks, margin=least, lang=lang)
            key, command = "train", train_command(result)
        else:
            assert isinstance(asked, StudyConfig), "one's own training is searched over a range"
            epochs = settings.get("epochs")
            result = spend(asked, folder, seconds, execution, callbacks, epochs=epochs, margin=least, lang=lang)
            key, command = "finetune", str(result.finetune_command or "")
    if json:
        print_json("tune/1", {key: command, **result.report.values})
        return 0
    by_rate = sorted(result.sweep.settings, key=lambda each: each.arm.config.peak_rate)
    print_settings(replace(result.sweep, settings=tuple(by_rate)))
    print_answer(result.report)
    if command:
        echo(f"to train it: {command}")
    return 0


def _asked(
    settings: Settings, own: Settings, lr: str | None, execution: ExecutorConfig
) -> tuple[AnyStudy, RateRange | None]:
    """Return the study that is asked for, and of one's own training the range to search.

    Raises:
        ConfigError: something required is missing, or cannot be.
    """
    from lrscope.studies.tune_plan import parse_range

    if "command" in own:
        if lr is None:
            raise ConfigError("tune of a command searches a range of rates: got no --lr; write --lr 1e-5:1e-3")
        search = parse_range(lr)
        return with_threads(own_study(settings, own, lr), execution), search
    if own or lr is not None:
        flag = "--lr" if lr is not None else flag_given(own)
        raise ConfigError(f"{flag} of tune belongs to a training of your own: got it without --command; add that")
    shared = {name: value for name, value in settings.items() if name != "epochs"}
    return with_threads(build_config({**shared, "peak_rate": 1e-3}, what="tune"), execution), None


def _begun(folder: Path, settings: Settings, own: Settings, others: Mapping[str, Any]) -> tuple[KeptTune, AnyStudy]:
    """Return what was begun in a folder, and its study, of a command with what of it is mended.

    Raises:
        ConfigError: more is given than may change.
        StudyError: no tune was begun there.
    """
    from lrscope.studies.kept_tune import read_tune

    beyond = [*flags_that_fix(settings, movable=()), *(flag for flag, value in others.items() if value is not None)]
    if beyond:
        raise ConfigError(f"a resumed tune keeps its settings: got {beyond[0]}; leave it out, or start anew")
    kept = read_tune(folder)
    if kept is None:
        raise StudyError(f"there is no tune to go on with in {folder}; name the folder that one was begun in")
    if not own:
        return kept, kept.settings
    if not isinstance(kept.settings, ExternalStudy):
        raise ConfigError(f"{folder} is of the built-in training: got {flag_given(own)}; leave it out")
    return kept, replace(kept.settings, trainer=replace(kept.settings.trainer, **trainer_settings(own)))


def own_study(settings: Settings, own: Settings, lr: str) -> ExternalStudy:
    """Return the training of a command, with one value of each setting.

    Raises:
        ConfigError: a setting has several, or something is missing.
    """
    shared, sets = shared_settings(settings, own), own_values(own.get("sets", ()))
    for name, values in {**shared, **sets}.items():
        if isinstance(values, tuple) and len(values) > 1:
            shown = ",".join(map(str, values))
            raise ConfigError(
                f"tune searches the learning rate alone: got {name}={shown}; compare values with lrscope sweep"
            )
    return external_config(trainer_settings(own), {**shared, "peak_rate": float(lr.split(":")[0])}, sets, None)
