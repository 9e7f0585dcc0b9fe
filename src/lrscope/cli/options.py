"""Options made of settings: each is declared once in config/, and read from the command line here.

Heavy imports happen inside commands, never here.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from lrscope.config.base import Section, Setting, settings_of
from lrscope.config.catalogue import WARMUP, option_settings
from lrscope.config.execution import ExecutionConfig
from lrscope.config.find import FindConfig
from lrscope.config.study import DataConfig, ModelConfig, NumericsConfig, SftConfig
from lrscope.config.sweep import SweepConfig
from lrscope.config.trial import TrialConfig
from lrscope.errors import ConfigError, Problem
from lrscope.records import Direction
from lrscope.terminal.output import echo

COMPARISON, MACHINE, OUTPUT = "Comparison", "Machine", "Output"


def _names(section: type[Section], *, but: Collection[str] = (), only_find: bool = False) -> tuple[str, ...]:
    """Return the settings of a section, the warmup behind its schedule."""
    names = [name for name, item in settings_of(section).items() if name not in but and (item.in_find or not only_find)]
    return tuple(part for name in names for part in ((name, WARMUP.name) if name == "schedule" else (name,)))


MODEL = _names(ModelConfig)
INPUTS = ("task", *MODEL[:1], *_names(DataConfig), *MODEL[1:], *_names(SftConfig))
UNSEALED = tuple(name for name in INPUTS if name != "test")
ANSWERS = ("generate_metric", "answer_after", "answer_tokens")  # measured of trained models, not in range tests
NUMERICS = _names(NumericsConfig)
EXECUTION = _names(ExecutionConfig)
FINETUNE = (*INPUTS, *_names(TrialConfig), *NUMERICS)
SWEEP = (
    *INPUTS,
    *_names(TrialConfig, but=("seed",)),
    *NUMERICS,
    *_names(SweepConfig, but=("grid", "part_rates")),
    *EXECUTION,
)
# `widen` follows from whether --end was given; a range test trains with all but its rates and its length.
FIND = (
    *(name for name in UNSEALED if name not in ANSWERS),
    *_names(FindConfig, but=("widen",)), "seeds", *_names(TrialConfig, only_find=True), *NUMERICS, *EXECUTION,
)  # fmt: skip
TUNE = (*INPUTS, *_names(TrialConfig, only_find=True), "epochs", *NUMERICS, *EXECUTION)

Settings = Mapping[str, Any]
Command = Callable[..., Any]

Lang = Annotated[str, typer.Option("--lang", help="Language of the report.", metavar="en|zh")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.", rich_help_panel=OUTPUT)]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", help="New folder for the study [default: runs/COMMAND-DATE-TIME].", rich_help_panel=OUTPUT,
        metavar="FOLDER", show_default=False,
    ),
]  # fmt: skip
LogTo = Annotated[
    list[str] | None,
    typer.Option(
        "--log", help="Write trials and the verdict to csv, tensorboard, wandb, mlflow or trackio too; WHERE is a "
        "folder or a project. Repeatable.", rich_help_panel=OUTPUT, metavar="KIND[:WHERE]", show_default=False,
    ),
]  # fmt: skip


def with_settings(
    names: Iterable[str | Setting],
    *,
    lists: bool = False,
    words: Mapping[str, str] | None = None,
    **changes: Mapping[str, Any],
) -> Callable[[Command], Command]:
    """Give a command the options of these settings, by name or as they are.

    It is called with `settings`, the values that were given by name. With `lists`, what a sweep may vary takes several
    values and comes as a tuple. `words` are texts that stand for a value yet to be found, such as `--lr find`.
    `changes` are what the declaration of a setting says differently here.
    """
    known = option_settings()
    chosen = [known[name] if isinstance(name, str) else name for name in names]
    declared = {item.name: dataclasses.replace(item, **changes.get(item.name, {})) for item in chosen}
    special = words or {}

    def decorate(command: Command) -> Command:
        own = [
            item for item in inspect.signature(command, eval_str=True).parameters.values() if item.name != "settings"
        ]

        def run(**given: Any) -> Any:
            texts = {name: given.pop(name) for name in declared}
            return command(settings=_read(texts, declared, lists=lists, words=special), **given)

        parameters = [
            *(_parameter(item, lists=lists, word=special.get(name, "")) for name, item in declared.items()),
            *(item.replace(kind=inspect.Parameter.KEYWORD_ONLY) for item in own),
        ]
        run.__name__, run.__doc__ = command.__name__, command.__doc__
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {item.name: item.annotation for item in parameters}
        return run

    return decorate


def _parameter(item: Setting, *, lists: bool, word: str) -> inspect.Parameter:
    kind: Any = bool if item.kind is bool else str
    is_list = lists and item.varies
    metavar = item.metavar or "|".join(item.choices)
    if is_list:
        metavar = f"{metavar}{_separator(item)}…"
    default = item.shown_default or ("" if item.is_required or item.kind is bool else _shown(item.default))
    option = typer.Option(
        item.flag,
        help=item.help + (f" [default: {default}]" if default else ""),
        metavar=None if item.kind is bool else f"{metavar}|{word}" if word else metavar,
        rich_help_panel=COMPARISON if is_list else item.panel,
        show_default=False,
    )
    given = list[str] if item.name == "train" and item.section == DataConfig.key else kind
    return inspect.Parameter(
        item.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[given | None, option]
    )


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _separator(item: Setting) -> str:
    return ";" if item.name == "schedule" else ","  # a schedule holds commas itself


def _read(
    texts: Mapping[str, Any], declared: Mapping[str, Setting], *, lists: bool, words: Mapping[str, str]
) -> dict[str, Any]:
    """Return the values of the options that were given.

    Raises:
        ConfigError: one cannot be read; all of them are named.
    """
    given = {name: text for name, text in texts.items() if text is not None}
    if isinstance(given.get("train"), list):
        given |= split_train(given.pop("train"), given.pop("train_part", None))
    read: dict[str, Any] = {}
    problems: list[str | Problem] = []
    for name, text in given.items():
        item = declared[name]
        if not isinstance(text, str) or words.get(name) == text.strip():
            read[name] = text.strip() if isinstance(text, str) else text
            continue
        try:
            if lists and item.varies:
                read[name] = tuple(item.read(part.strip()) for part in parts_of(item, text))
            else:
                read[name] = item.read(text.strip())
        except ConfigError as error:
            problems += error.problems
            continue
        if item.parse is None:  # a schedule is read together with its warmup
            checked = [item.checked(value)[1] for value in (read[name] if lists and item.varies else [read[name]])]
            problems += [problem for problem in checked if problem is not None]
    if problems:
        raise ConfigError(*problems)
    return read


def parts_of(item: Setting, text: str) -> list[str]:
    """Return the values of a list as they are written; rates may be spaced on the log axis, `log:1e-6:1e-2:9`.

    Raises:
        ConfigError: one is empty.
    """
    if item.name == "peak_rate":
        from lrscope.studies.plan import parse_rates

        return [repr(rate) for rate in parse_rates(text)]
    parts = text.split(_separator(item))
    if not all(part.strip() for part in parts):
        rule = f"{{{item.name}}} is one value or a list, separated by {_separator(item)}"
        raise ConfigError(Problem(rule, repr(text), "remove what is empty"))
    return parts


def split_train(values: list[str], part: str | None) -> dict[str, str]:
    """Return the training file and what is trained: `--train full` and `--train head` said that in version 0.1.

    Raises:
        ConfigError: there are two of either.
    """
    parts = [value for value in values if value in ("full", "head")]
    files = [value for value in values if value not in parts]
    if parts:
        echo(f"note: --train names the training file; write --train-part {parts[-1]} for what is trained", err=True)
    parts += [] if part is None else [part]
    for flag, found in (("--train", files), ("--train-part", parts)):
        if len(found) > 1:
            raise ConfigError(f"{flag} takes one value: got {' and '.join(found)}; leave one out")
    return {**({"train": files[0]} if files else {}), **({"train_part": parts[0]} if parts else {})}


def one_direction(*, minimize: bool, maximize: bool) -> Direction | None:
    """Return which way of a metric is better, as two flags say it; None where neither was given.

    Raises:
        ConfigError: both were.

    >>> one_direction(minimize=False, maximize=True)
    'maximize'
    """
    if minimize and maximize:
        raise ConfigError("a metric has one direction: got --minimize and --maximize; leave one out")
    return "minimize" if minimize else "maximize" if maximize else None
