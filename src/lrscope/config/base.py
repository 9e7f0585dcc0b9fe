"""What every section of a configuration has: checks when it is built, and a way from plain values and back.

Command-line options, TOML keys, what a sweep may vary, labels in reports, the reference documentation and the equal
`TrainingArguments` are all read off `settings_of(section)`, and a section checks its values against it.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import MISSING, fields
from types import NoneType, UnionType
from typing import Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

from lrscope.config.setting import LONGEST_SHOWN, SETTING, Setting, setting, show_value
from lrscope.errors import ConfigError, LrscopeError, Problem
from lrscope.schedules import Duration, Schedule

__all__ = ["Section", "Setting", "build_section", "plain_value", "setting", "settings_of", "show_value", "without_none"]


class Section:
    """A part of a configuration. Built of any values, it checks all of them; a section adds rules in `_problems`."""

    panel: ClassVar[str] = ""
    key: ClassVar[str] = ""

    def __post_init__(self) -> None:
        problems: list[str | Problem] = []
        refused: LrscopeError | None = None
        for name, declared in settings_of(type(self)).items():
            value = getattr(self, name)
            try:
                accepted, problem = declared.checked(value)
            except LrscopeError as error:  # what reads it knows better what is wrong with it
                refused = error
                continue
            if problem is not None:
                problems.append(problem)
            elif accepted is not value:
                object.__setattr__(self, name, accepted)
        if refused is not None and not problems:
            raise refused
        if not problems:  # rules between settings need settings that are right by themselves
            problems += self._problems()
        if problems:
            raise ConfigError(*problems, *([] if refused is None else [str(refused)]))

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, from which it can be built again."""
        return plain_value(self)  # type: ignore[no-any-return]

    def _problems(self) -> list[Problem]:
        return []


def settings_of(section: type[Section]) -> Mapping[str, Setting]:
    """Return the settings of a section by name, in the order in which they are declared."""
    kind: Any = section
    return _settings_of(kind)


@functools.cache  # a store reads ten thousand trials at once
def _settings_of(section: Any) -> Mapping[str, Setting]:
    hints = get_type_hints(section)
    return {
        item.name: _complete(item.metadata[SETTING], item, hints[item.name], section)
        for item in fields(section)
        if SETTING in item.metadata
    }


def _complete(declared: Setting, item: dataclasses.Field[Any], hint: Any, section: type[Section]) -> Setting:
    """Return a declaration with what the field itself says."""
    is_union = get_origin(hint) in (Union, UnionType)
    is_optional = is_union and NoneType in get_args(hint)
    inner = next(arg for arg in get_args(hint) if arg is not NoneType) if is_union else hint
    choices = get_args(inner) if get_origin(inner) is Literal else ()
    kind = str if choices else get_origin(inner) or inner
    default = item.default_factory() if item.default_factory is not MISSING else item.default
    return dataclasses.replace(
        declared,
        name=item.name,
        section=section.key,
        kind=Mapping if isinstance(kind, type) and issubclass(kind, Mapping) else kind,
        choices=choices,
        is_optional=is_optional,
        is_required=default is MISSING,
        default=None if default is MISSING else default,
        panel=declared.panel or section.panel,
    )


def plain_value(value: Any) -> Any:
    """Return a value as TOML and JSON hold it: sections as tables, schedules and durations as text."""
    if isinstance(value, Section):
        return {item.name: plain_value(getattr(value, item.name)) for item in fields(value)}  # type: ignore[arg-type]
    if isinstance(value, Schedule | Duration):
        return str(value)
    if isinstance(value, Mapping):
        return {name: plain_value(each) for name, each in value.items()}
    return tuple(map(plain_value, value)) if isinstance(value, list | tuple) else value


def without_none(values: dict[str, Any]) -> dict[str, Any]:
    """Return nested values without those that are None, which TOML cannot write."""
    return {
        name: without_none(value) if isinstance(value, dict) else value
        for name, value in values.items()
        if value is not None
    }


def build_section(section: type[Section], values: Mapping[str, Any], source: str) -> Any:
    """Return a section built of plain values that `source` holds; keys of version 0.1 are read too.

    Raises:
        ConfigError: a key is unknown or missing, or a value is of another kind.
    """
    known = settings_of(section)
    former = {declared.former: name for name, declared in known.items() if declared.former}
    current = {former.get(name, name): value for name, value in values.items()}
    unknown = sorted(set(map(str, current)) - set(known))
    if unknown:
        raise ConfigError(
            f"unknown {', '.join(map(_show_key, unknown[:5]))}; known are {', '.join(sorted(known))}", source=source
        )
    missing = [name for name, declared in known.items() if declared.is_required and name not in current]
    if missing:
        wrong = [known[name].checked(value)[1] for name, value in current.items()]
        absent = Problem(f"{', '.join(missing)} must be given", f"only {', '.join(current) or 'nothing'}")
        raise ConfigError(absent, *(problem for problem in wrong if problem is not None), source=source)
    try:
        return section(**current)
    except ConfigError as error:
        raise ConfigError(*error.problems, source=error.source or source) from error


def _show_key(name: str) -> str:
    return name if name.isidentifier() and len(name) <= LONGEST_SHOWN else show_value(name)
