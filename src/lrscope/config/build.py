"""From the values of options to a configuration: what is given replaces what a `--config` file or the defaults say."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from lrscope.config import StudyConfig
from lrscope.config.base import settings_of
from lrscope.config.catalogue import SECTIONS, all_settings, flag_of
from lrscope.config.execution import ExecutionConfig
from lrscope.data.dev_share import parse_share
from lrscope.errors import ConfigError, Problem
from lrscope.schedules import Schedule, parse, parse_duration, with_warmup

DEFAULT_WARMUP = "6%"  # a prior, not a finding: docs/schedules.md
SHARED = ("data", "model", "sft", "trial", "numerics")  # the sections that every study has
# A resumed run keeps what it was asked for; only where its inputs lie may change.
MOVABLE = ("model", *(name for name, item in all_settings().items() if item.is_path))


def compose_schedule(schedule: str | Schedule | None, warmup: str | None) -> Schedule:
    """Return the schedule that `--schedule` and `--warmup` ask for together.

    `--warmup D` prefixes `warmup(D) >`; without it a schedule that names no warmup gets one of 6%, unless its phases
    fill the run already. Both a warmup in the text and `--warmup` is an error; `--warmup 0` means none.
    """
    parsed = parse(schedule or "linear")
    if warmup is None:
        takes_default = parsed.is_open and not parsed.has_warmup
        return with_warmup(parsed, parse_duration(DEFAULT_WARMUP)) if takes_default else parsed
    duration = parse_duration(warmup)
    if duration.value == 0 and not parsed.has_warmup:
        return parsed
    return with_warmup(parsed, duration)


def build_config(
    settings: Mapping[str, Any], *, base: StudyConfig | None = None, what: str = "a fine-tune"
) -> StudyConfig:
    """Return the study that these settings of its data, model, trial and numerics ask for; the rest is that of `base`.

    Raises:
        ConfigError: something required is missing, or cannot be.
    """
    values: dict[str, Any] = {} if base is None else base.to_dict()
    for section in SHARED:
        values.setdefault(section, {})
    for name, value in resolve_paths(settings).items():
        section = "" if name not in all_settings() else all_settings()[name].section
        if section in SHARED and name != "schedule":
            values[section][name] = value
        elif name in settings_of(StudyConfig):
            values[name] = value
    part = settings.get("train_part")
    for name, item in settings_of(SECTIONS["trial"]).items():  # of the part that the file trains, not of this one
        if part is not None and item.of_part not in ("", part) and name not in settings:
            values["trial"].pop(name, None)
    schedule, warmup = settings.get("schedule"), settings.get("warmup")
    if isinstance(schedule, Schedule):
        values["trial"]["schedule"] = schedule
    elif schedule is not None or warmup is not None or "schedule" not in values["trial"]:
        kept = values["trial"].get("schedule")  # of the file: another warmup leaves its shape
        values["trial"]["schedule"] = compose_schedule(
            parse(kept).without_warmup() if schedule is None and kept is not None else schedule, warmup
        )
    task = str(values.get("task", "classification"))
    for section in SHARED:  # what a task does otherwise, where nobody said anything
        for name, item in settings_of(SECTIONS[section]).items():
            if base is None and task in item.task_defaults:
                values[section].setdefault(name, item.task_defaults[task])
    missing = [
        item
        for section in SHARED
        for item in settings_of(SECTIONS[section]).values()
        if item.is_required and item.name not in values[section]
    ]
    if missing:
        command = what.removeprefix("a ").replace("-", "")
        wanted = ", ".join(item.flag for item in sorted(missing, key=lambda item: item.name != "model"))
        raise ConfigError(f"{what} needs {wanted}; see lrscope {command} --help for an example")
    return StudyConfig.from_dict(values)


def settings_in(settings: Mapping[str, Any], section: str) -> dict[str, Any]:
    """Return those of the settings that belong to a section."""
    return {name: settings[name] for name in settings_of(SECTIONS[section]) if name in settings}


def flags_that_fix(settings: Mapping[str, Any], movable: Collection[str] = MOVABLE) -> list[str]:
    """Return the options that a study keeps as it was begun with: all but where its inputs lie and where it runs."""
    free = {*movable, *settings_of(ExecutionConfig)}
    return [flag_of(name) for name in settings if name not in free]


def resolve_paths(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings whose paths mean the same from any folder.

    Raises:
        ConfigError: a path is empty.
    """
    resolved = dict(settings)
    if (template := settings.get("chat_template")) is not None:
        resolved["chat_template"] = name_or_path(template)
    for name in MOVABLE:
        if name in settings:
            if not settings[name].strip():
                raise ConfigError(Problem(f"{{{name}}} must not be empty", repr(settings[name])))
            if name == "model":
                resolved[name] = name_or_path(settings[name])
            elif name != "dev" or parse_share(settings[name]) is None:
                resolved[name] = absolute(settings[name])
                if name == "dev" and not Path(resolved[name]).exists():
                    _refuse_numbers(settings[name])
    return resolved


def _refuse_numbers(dev: str) -> None:
    """Refuse a share of train that is written without its percent sign, where there is no file of that name.

    Raises:
        ConfigError: it is one.
    """
    try:
        number = float(dev)
    except ValueError:
        return
    if 0.0 < number < 100.0:
        percent = f"{100.0 * number if number < 1.0 else number:g}%"
        rule = "{dev} is a file, or a share of the training examples in percent"
        raise ConfigError(Problem(rule, dev, f"write {percent}"))


def absolute(path: str) -> str:
    """Return a path that means the same from any folder.

    Raises:
        ConfigError: it cannot be a path.
    """
    try:
        return str(Path(path).expanduser().resolve())
    except (ValueError, RuntimeError, OSError) as error:  # NUL, an unknown ~user, a circle of links
        raise ConfigError(f"not a path: {error}: got {path!r}") from None


def name_or_path(name: str) -> str:
    """Return a path made absolute; a name that is no path is left as it is: of a model of the hub, of a template."""
    try:
        is_path = Path(name).expanduser().exists() or name.startswith((".", "/", "~"))
    except (ValueError, RuntimeError, OSError):
        is_path = True
    return absolute(name) if is_path else name
