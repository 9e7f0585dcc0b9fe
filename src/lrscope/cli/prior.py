"""`lrscope prior`: the learning rate to start at, before anything is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lrscope.cli import options as opt
from lrscope.cli.options import Settings, with_settings
from lrscope.config.base import settings_of
from lrscope.config.command_line import OWN_TRAINING, CommandLine
from lrscope.config.trial import TrialConfig
from lrscope.errors import ConfigError
from lrscope.number_text import short_rate
from lrscope.terminal.output import echo, print_json, room, wrapped

if TYPE_CHECKING:
    from lrscope.priors import Prior

EXAMPLES = 5000
FILES = {"sft": {"train": "train.jsonl", "dev": "10%"}, "classification": {"train": "train.txt", "dev": "dev.txt"}}


@with_settings(("batch_size", "epochs", "lora_rank", "lora_alpha"), epochs={"shown_default": "1 for sft, else 5"})
def prior(
    settings: Settings,
    model: Annotated[
        str, typer.Option("--model", help="Name of the model, or its folder with a config.json.", metavar="NAME|FOLDER")
    ],
    method: Annotated[
        str, typer.Option("--method", "--train-part", help="What is trained.", metavar="lora|full|head")
    ] = "lora",
    task: Annotated[str, typer.Option("--task", help="What it learns.", metavar="sft|classification")] = "sft",
    examples: Annotated[
        int, typer.Option("--examples", help="Number of training examples.", metavar="N", min=1)
    ] = EXAMPLES,
    parameters: Annotated[
        float | None,
        typer.Option(
            "--parameters",
            help="Number of the model's parameters, such as 7e9, where its name does not tell.",
            metavar="N",
            show_default=False,
        ),
    ] = None,
    optimizer: Annotated[
        str, typer.Option("--optimizer", help="AdamW; no other was measured.", metavar="adamw")
    ] = "adamw",
    json: opt.Json = False,
) -> None:
    """Say which learning rate to start at and how sure that is, without training: from measured landscapes of others.

    Example:

      lrscope prior --model meta-llama/Llama-3.1-8B --method lora --task sft --batch-size 64 --examples 5000
    """
    from lrscope.priors import Question, predict
    from lrscope.priors.model_names import read_model
    from lrscope.priors.refusals import check_known

    method, task, optimizer = method.lower(), task.lower(), optimizer.lower()
    check_known(method, task, optimizer)
    if parameters is not None and not 0 < parameters < 1e18:
        raise ConfigError(f"--parameters must be a positive number: got {parameters:g}; write 7e9 for a model of 7B")
    facts = read_model(model, parameters)
    batch_size = settings.get("batch_size", TrialConfig.batch_size)
    epochs = settings.get("epochs", settings_of(TrialConfig)["epochs"].default_of(task))
    found = predict(
        Question(
            method=method, task=task, parameters=facts.parameters, family=facts.family, model=facts.name,  # type: ignore[arg-type]
            batch_size=batch_size, steps=epochs * -(-examples // batch_size),
            rank=settings.get("lora_rank", TrialConfig.lora_rank),
            alpha=settings.get("lora_alpha", TrialConfig.lora_alpha),
        )
    )  # fmt: skip
    command = next_command(found, model, {**settings, "batch_size": batch_size})
    own = CommandLine("sweep", {"command": OWN_TRAINING, "peak_rate": compared(found)})
    within = within_budget(found)
    if json:
        print_json(
            "prior/1", {**described(found), "next": str(command), "next_own": str(own), "next_tune": str(within)}
        )
        return
    first, *rest = found.lines
    width = room()
    echo(first)
    for line in rest:
        echo(f"  {line}" if width is None else "\n".join(wrapped(line, width, indent="  ")))
    echo(f"next: {command}\nor, with a training of your own: {own}\nor, within a budget of time: {within}")


def compared(prior: Prior) -> tuple[float, ...]:
    """Return the three rates to compare, in two digits."""
    return tuple(float(f"{rate:.2g}") for rate in prior.rates())


def within_budget(prior: Prior) -> CommandLine:
    """Return the tune of one's own training within the interval, in two digits, and within two hours."""
    low, high = (short_rate(float(f"{rate:.2g}")) for rate in prior.interval())
    return CommandLine("tune", {"command": OWN_TRAINING, "peak_rate": f"{low}:{high}", "budget": "2h"})


def next_command(prior: Prior, model: str, settings: Settings) -> CommandLine:
    """Return the sweep to begin with, on files that the user has yet to name: at three rates around the prior.

    Where that is wide, at those that `--lr auto` finds by a range test.
    """
    at = prior.question
    options: dict[str, Any] = {"task": at.task} if at.task != "classification" else {}
    options |= {"model": model, **FILES[at.task], "train_part": at.method, **settings}
    if at.method != "lora":
        options = {name: value for name, value in options.items() if not name.startswith("lora_")}
    return CommandLine("sweep", {**options, "peak_rate": compared(prior) if prior.is_narrow else "auto"})


def described(prior: Prior) -> dict[str, Any]:
    """Return the answer as JSON has it."""
    from lrscope.priors.prior import LEVEL

    at, (low, high) = prior.question, prior.interval()
    return {
        "question": {
            "method": at.method, "task": at.task, "model": at.model, "family": at.family, "parameters": at.parameters,
            "batch_size": at.batch_size, "steps": at.steps,
            **({"lora_rank": at.rank, "lora_alpha": at.alpha} if at.method == "lora" else {}),
        },
        "start": prior.rate,
        "interval": {"level": LEVEL, "low": low, "high": high},
        "log10_best_rate": {"mean": prior.center_log10, "sd": prior.sd},
        "expected_relative_loss": {"mean": prior.regret.mean, "bound_90": prior.regret.bound},
        "rates": list(prior.rates()),
        "evidence": {
            "landscapes": len(prior.landscapes),
            "families": prior.families,
            "data": prior.data,
            "held_out_coverage": None if prior.held_out is None else prior.held_out.coverage,
        },
        "outside": [
            {"name": each.name, "asked": each.asked, "measured": list(each.measured), "decades_beyond": each.beyond}
            for each in prior.outside
        ],
    }  # fmt: skip
