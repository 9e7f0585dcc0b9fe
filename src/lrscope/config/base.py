"""What every section of a configuration has: checks when it is built, and a way from plain values and back."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args, get_origin, get_type_hints

from lrscope.errors import ConfigError
from lrscope.schedules import Schedule


def plain_value(value: Any) -> Any:
    """Return a value of a configuration as TOML and JSON hold it: sections as tables, schedules as their text."""
    if isinstance(value, Section):
        return {item.name: plain_value(getattr(value, item.name)) for item in fields(value)}  # type: ignore[arg-type]
    if isinstance(value, Schedule):
        return str(value)
    if isinstance(value, Mapping):
        return {name: plain_value(each) for name, each in value.items()}
    return tuple(map(plain_value, value)) if isinstance(value, list | tuple) else value


class Section:
    """Checks that every section makes when it is built; a section adds its own in `_problems`."""

    def __post_init__(self) -> None:
        problems = [*self._wrong_choices(), *self._problems()]
        if problems:
            raise ConfigError("; ".join(problems))

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, from which it can be built again."""
        return plain_value(self)  # type: ignore[no-any-return]

    def _problems(self) -> list[str]:
        return []

    def _wrong_choices(self) -> list[str]:
        return [
            f"{_option(name)} is one of {', '.join(choices)}: got {getattr(self, name)!r}"
            for name, choices in _choices(type(self)).items()  # type: ignore[arg-type]
            if getattr(self, name) not in choices
        ]


@functools.cache  # a store reads ten thousand trials at once
def _choices(section: type) -> dict[str, tuple[str, ...]]:
    hints = {name: get_args(hint) for name, hint in get_type_hints(section).items()}
    return {name: args for name, args in hints.items() if args and all(isinstance(arg, str) for arg in args)}


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def without_none(values: dict[str, Any]) -> dict[str, Any]:
    """Return nested values without those that are None, which TOML cannot write."""
    return {
        name: without_none(value) if isinstance(value, dict) else value
        for name, value in values.items()
        if value is not None
    }


def build_section(section: type, values: Mapping[str, Any], source: str) -> Any:
    """Return a section built of plain values that `source` holds.

    Raises:
        ConfigError: a key is unknown or missing, or a value is of another kind.
    """
    known = {item.name for item in fields(section)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise ConfigError(f"{source}: unknown {', '.join(unknown)}; known are {', '.join(sorted(known))}")
    hints = get_type_hints(section)
    for name, value in values.items():
        _check_type(name, value, hints[name], source)
    try:
        return section(**values)
    except TypeError as error:  # a required key is missing; dataclasses name it
        raise ConfigError(f"{source}: {str(error).split(') ')[-1]}") from error


def _check_type(name: str, value: Any, hint: Any, source: str) -> None:
    if get_origin(hint) is Mapping:
        if not isinstance(value, Mapping):
            raise ConfigError(f"{source}: {name} must be a table: got {value!r}")
        return
    if get_origin(hint) is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{source}: {name} must be a list: got {value!r}")
        return
    allowed = get_args(hint) or (hint,)
    if Schedule in allowed and isinstance(value, str):
        return  # read where the section is built
    if all(isinstance(choice, str) for choice in allowed):
        return  # choices are checked where the section is built
    numbers = (int, float) if float in allowed else ()
    fits = isinstance(value, (*(kind for kind in allowed if isinstance(kind, type)), *numbers))
    if not fits or (isinstance(value, bool) and bool not in allowed):
        wanted = " or ".join(kind.__name__ for kind in allowed if kind is not type(None))
        raise ConfigError(f"{source}: {name} must be {wanted}: got {value!r}")
