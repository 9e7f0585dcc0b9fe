"""Options of a sweep over the user's own training: `--command` and what belongs to it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from lrscope.cli.options import one_direction
from lrscope.config.base import settings_of
from lrscope.config.build import absolute
from lrscope.config.external import ExternalTrial, TrainerConfig
from lrscope.config.times import parse_time

_DECLARED = {**settings_of(TrainerConfig), "steps": settings_of(ExternalTrial)["steps"]}
_MORE = {"sets": "--set", "minimize": "--minimize", "maximize": "--maximize"}  # options that are no setting by name


def _option(name: str) -> Any:
    """Return the option of a setting, with the help of its declaration."""
    item = _DECLARED[name]
    default = f" [default: {item.shown_default}]" if item.shown_default else ""
    return typer.Option(
        item.flag, help=item.help + default, metavar=item.metavar, show_default=False,
        rich_help_panel=item.panel if item.panel != "Training" else TrainerConfig.panel,
    )  # fmt: skip


_PANEL: dict[str, Any] = {"show_default": False, "rich_help_panel": TrainerConfig.panel}
OPTIONS: Mapping[str, Any] = {
    "command": Annotated[str | None, _option("command")],
    "template": Annotated[Path | None, _option("template")],
    "inputs": Annotated[list[str] | None, _option("inputs")],
    "sets": Annotated[
        list[str] | None,
        typer.Option(
            _MORE["sets"], help="A setting of your own, {NAME} in the command: one value, or several to compare.",
            metavar="NAME=VALUE,…", **_PANEL,
        ),
    ],
    "steps": Annotated[str | None, _option("steps")],
    "metric": Annotated[str | None, _option("metric")],
    "minimize": Annotated[
        bool, typer.Option(_MORE["minimize"], help="A smaller value of --metric is better.", **_PANEL)
    ],
    "maximize": Annotated[
        bool, typer.Option(_MORE["maximize"], help="A larger value of --metric is better.", **_PANEL)
    ],
    "timeout": Annotated[str | None, _option("timeout")],
}  # fmt: skip


def with_own_training(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command these options; it is called with those that were given, as `own`."""
    kept = [item for item in inspect.signature(command, eval_str=True).parameters.values() if item.name != "own"]

    def run(**given: Any) -> Any:
        own = {name: given.pop(name) for name in OPTIONS}
        return command(own={name: value for name, value in own.items() if value not in (None, False, [])}, **given)

    keyword = inspect.Parameter.KEYWORD_ONLY
    added = [
        inspect.Parameter(name, keyword, default=False if name in ("minimize", "maximize") else None, annotation=kind)
        for name, kind in OPTIONS.items()
    ]
    parameters = [item.replace(kind=keyword) for item in kept] + added
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {item.name: item.annotation for item in parameters}
    return run


def flag_given(own: Mapping[str, Any]) -> str:
    """Return the first of these options that was given, as it is typed.

    >>> flag_given({"inputs": ["train.jsonl"]}), flag_given({"sets": ["width=8"]}), flag_given({"minimize": True})
    ('--input', '--set', '--minimize')
    """
    name = next(iter(own))
    return _DECLARED[name].flag if name in _DECLARED else _MORE[name]


def trainer_settings(own: Mapping[str, Any]) -> dict[str, Any]:
    """Return what these options say of [trainer].

    Raises:
        ConfigError: one cannot be read, or two say the opposite.
    """
    from lrscope.runners.external.placeholders import split_command

    direction = one_direction(minimize="minimize" in own, maximize="maximize" in own)
    trainer: dict[str, Any] = {"metric": own["metric"]} if "metric" in own else {}
    if direction is not None:
        trainer["direction"] = direction
    if "command" in own:
        trainer["command"] = split_command(own["command"])
    if "template" in own:
        trainer["template"] = absolute(str(own["template"]))
    if "inputs" in own:
        trainer["inputs"] = tuple(map(absolute, own["inputs"]))
    if "timeout" in own:
        trainer["timeout"] = parse_time(own["timeout"], "timeout")
    return trainer


def shared_settings(settings: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a sweep, with the steps among them.

    Raises:
        ConfigError: the steps are no whole numbers.
    """
    if "steps" not in own:
        return dict(settings)
    item = _DECLARED["steps"]
    return {**settings, "steps": tuple(item.read(part.strip()) for part in own["steps"].split(","))}
