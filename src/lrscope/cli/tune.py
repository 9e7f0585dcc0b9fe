"""`lrscope tune`: a time budget spent on finding the learning rate, and a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lrscope.cli import options as opt
from lrscope.cli.external_options import flag_given, shared_settings, trainer_settings, with_own_training
from lrscope.cli.options import TUNE, Settings, with_settings
from lrscope.cli.report import print_answer
from lrscope.cli.study_table import print_settings
from lrscope.config import ExternalStudy
from lrscope.config.build import build_config, settings_in
from lrscope.config.build_external import external_config, own_values
from lrscope.config.external import TrainerConfig
from lrscope.errors import ConfigError
from lrscope.executors.config import ExecutorConfig, with_threads
from lrscope.statistics.defaults import MARGIN
from lrscope.terminal.output import echo, print_json


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
        str, typer.Option("--budget", help="Time budget, such as 20min or 2h.", metavar="TIME")
    ] = "20min",
    margin: Annotated[
        float, typer.Option("--margin", help="Smallest difference you care about, in units of the metric.", metavar="X")
    ] = MARGIN,
    lang: opt.Lang = "en",
    out: opt.Out = None,
    log: opt.LogTo = None,
    json: opt.Json = False,
) -> int:
    """Spend a budget of time on finding the learning rate, and report: one command, one line to paste.

    It begins where the prior expects the best rate, goes outward until rates on both sides are worse, and spends the
    rest on seeds and rates between, until more runs cannot matter. A training of your own, --command, is searched over
    --lr LOW:HIGH; its first run tells what runs take. The same command goes on after Ctrl-C.

    Example:

      lrscope tune --model stories260K-hf --train train.txt --dev dev.txt --batch-size 80 --budget 20min --out runs/tune

      lrscope tune --command "python train.py --learning_rate {lr} --seed {seed} --num_train_epochs {epochs}
      --output_dir {out}" --lr 1e-5:1e-3 --epochs 3 --budget 8h --out runs/mine
    """
    from lrscope.studies.budget import parse_budget
    from lrscope.terminal import live

    execution = ExecutorConfig.of(**settings_in(settings, "execution"))
    seconds, folder = parse_budget(budget), out or Path("runs") / "tune"
    result: Any
    if "command" in own:
        from lrscope.studies.tune_plan import parse_range
        from lrscope.workflows.tune_command import train_command, tune_command

        if lr is None:
            raise ConfigError("tune of a command searches a range of rates: got no --lr; write --lr 1e-5:1e-3")
        search, config = parse_range(lr), with_threads(own_study(settings, own, lr), execution)
        with live.shown(quiet=json, log=log) as callbacks:
            result = tune_command(config, search, folder, seconds, execution, callbacks, margin=margin, lang=lang)
        key, command = "train", train_command(result)
    else:
        from lrscope.workflows.tune import tune as spend

        if own or lr is not None:
            flag = "--lr" if lr is not None else flag_given(own)
            raise ConfigError(f"{flag} of tune belongs to a training of your own: got it without --command; add that")
        shared = {name: value for name, value in settings.items() if name != "epochs"}
        asked = with_threads(build_config({**shared, "peak_rate": 1e-3}, what="tune"), execution)
        with live.shown(quiet=json, log=log) as callbacks:
            result = spend(
                asked, folder, seconds, execution, callbacks, epochs=settings.get("epochs"), margin=margin, lang=lang
            )
        key, command = "finetune", str(result.finetune_command or "")
    if json:
        print_json("tune/1", {key: command, **result.report.values})
        return 0
    print_settings(result.sweep)
    print_answer(result.report)
    if command:
        echo(f"to train it: {command}")
    return 0


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
