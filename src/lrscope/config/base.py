"""A setting is declared once, as a field of a section: help, bounds, names. The rest of the house follows from it.

Command-line options, TOML keys, what a sweep may vary, labels in reports, the reference documentation and the equal
`TrainingArguments` are all read off `settings_of(section)`, and a section checks its values against it when it is
built.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import numbers
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from types import NoneType, UnionType
from typing import Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

from lrscope.errors import ConfigError, LrscopeError, Problem
from lrscope.schedules import Schedule

SETTING = "setting"  # the key of a dataclass field's metadata
LONGEST_SHOWN = 80  # characters of a refused value


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a declaration says of a setting; the last block is read off the dataclass field itself.

    `help` is a sentence for people. Values lie within the bounds that are given: `at_least`, `above`, `at_most`,
    `below`; `way_out` says what to do about one that does not. `cap` is an upper bound that only catches nonsense, and
    `limit` what there is to say of it where that is not `way_out`. `metavar` names the kind of value in help,
    `shown_default` a default that the field's value does not tell. `option` and `label` are the name on the command
    line and in a report, where they are not the field's own; `panel` is the heading in help. `varies` says that a sweep
    may compare values, `in_find` that a range test trains with it, `is_path` that it names a file. `trainer` is its
    name in Hugging Face's TrainingArguments. `former` is the key of version 0.1, which is still read. `parse` makes the
    value of what is given. `items` are the names that a list may hold.
    """

    help: str
    metavar: str = ""
    shown_default: str = ""
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None
    cap: float | None = None
    way_out: str = ""
    limit: str = ""
    option: str = ""
    label: str = ""
    panel: str = ""
    varies: bool = False
    in_find: bool = False
    is_path: bool = False
    trainer: str = ""
    former: str = ""
    parse: Callable[[Any], Any] | None = None
    items: tuple[str, ...] = ()

    name: str = ""
    section: str = ""
    kind: type = object
    choices: tuple[str, ...] = ()
    is_optional: bool = False
    is_required: bool = False
    default: Any = None

    @property
    def flag(self) -> str:
        """The option on the command line.

        >>> Setting(help="", name="batch_size").flag, Setting(help="", name="peak_rate", option="lr").flag
        ('--batch-size', '--lr')
        """
        return "--" + (self.option or self.name).replace("_", "-")

    @property
    def title(self) -> str:
        """What people call it, such as "batch size"."""
        return self.label or self.name.replace("_", " ")

    def checked(self, value: Any) -> tuple[Any, Problem | None]:
        """Return a given value as the section holds it, and what is wrong with it.

        >>> Setting(help="", name="epochs", kind=int, at_least=1, way_out="try 3").checked(0)[1].text()
        'epochs must be at least 1: got 0; try 3'
        """
        if value is None and self.is_optional:
            return None, None
        if self.parse is not None:
            return self.parse(value), None
        kind = self.kind
        if kind is float and type(value) is not float:
            if isinstance(value, bool) or not isinstance(value, numbers.Real):
                return value, self._wrong_kind(value, "a number")
            value = _as_float(value)
        elif kind is int and type(value) is not int:
            if isinstance(value, bool) or not isinstance(value, numbers.Integral):
                return value, self._wrong_kind(value, "a whole number")
            value = int(value)
        elif kind is str:
            if not isinstance(value, str):
                return value, self._wrong_kind(value, "a text")
            return value, self._wrong_text(value)
        elif kind is bool and not isinstance(value, bool):
            return value, self._wrong_kind(value, "true or false")
        elif kind is tuple:
            return self._checked_list(value)
        elif kind is Mapping:
            return value, None if isinstance(value, Mapping) else self._wrong_kind(value, "a table")
        elif issubclass(kind, Section) and not isinstance(value, kind):
            return value, self._wrong_kind(value, f"a {kind.__name__}")
        return value, self._out_of_bounds(value) if kind in (int, float) else None

    def _wrong_kind(self, value: Any, wanted: str) -> Problem:
        return Problem(f"{{{self.name}}} must be {wanted}", show_value(value), self.way_out)

    def _wrong_text(self, value: str) -> Problem | None:
        if self.choices:
            if value in self.choices:
                return None
            return Problem(f"{{{self.name}}} is one of {', '.join(self.choices)}", show_value(value), self.way_out)
        if not value.strip():
            return Problem(f"{{{self.name}}} must not be empty", show_value(value), self.way_out)
        if "\0" in value or (not value.isascii() and any("\ud800" <= sign <= "\udfff" for sign in value)):
            return Problem(f"{{{self.name}}} must be text that UTF-8 can hold", show_value(value), "rename it")
        return None

    def _checked_list(self, value: Any) -> tuple[Any, Problem | None]:
        if not isinstance(value, list | tuple):
            return value, self._wrong_kind(value, "a list")
        unknown = [item for item in value if item not in self.items]
        if unknown:
            return value, Problem(f"{{{self.name}}} takes {', '.join(self.items)}", show_value(unknown[0]))
        return tuple(value), None

    def _out_of_bounds(self, value: float) -> Problem | None:
        low = (self.at_least is None or value >= self.at_least) and (self.above is None or value > self.above)
        high = (self.at_most is None or value <= self.at_most) and (self.below is None or value < self.below)
        if low and high and (self.cap is None or value <= self.cap) and abs(value) != math.inf:
            return None
        beyond_cap = low and high and self.cap is not None and value != math.inf
        rule = f"at most {show_number(self.cap)}" if beyond_cap and self.cap is not None else self.bounds
        way_out = self.limit if beyond_cap and self.limit else self.way_out
        return Problem(f"{{{self.name}}} must be {rule}", show_value(value), way_out)

    @property
    def bounds(self) -> str:
        """Return where values lie, in words; empty where they may be anything.

        >>> Setting(help="", at_least=0, below=1).bounds, Setting(help="", above=0).bounds
        ('from 0 to below 1', 'a positive number')
        """
        if self.below is not None:
            return f"from {show_number(self.at_least or 0)} to below {show_number(self.below)}"
        upper = "" if self.at_most is None else f" and at most {show_number(self.at_most)}"
        if self.above is not None:
            return f"above {show_number(self.above)}{upper}" if upper or self.above else "a positive number"
        if self.at_least is None:
            return upper.removeprefix(" and ")
        return "0 or more" if self.at_least == 0 and not upper else f"at least {show_number(self.at_least)}{upper}"


def setting(default: Any = MISSING, *, factory: Any = MISSING, **declared: Any) -> Any:
    """Return a dataclass field that is a setting: its default, its help, and what else `Setting` declares.

    >>> @dataclass(frozen=True, kw_only=True)
    ... class Oven(Section):
    ...     degrees: int = setting(180, help="Temperature of the oven.", at_least=30, way_out="try 180")
    >>> settings_of(Oven)["degrees"].flag
    '--degrees'
    """
    metadata = {SETTING: Setting(**declared)}
    if factory is not MISSING:
        return dataclasses.field(default_factory=factory, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


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
    """Return a value of a configuration as TOML and JSON hold it: sections as tables, schedules as their text."""
    if isinstance(value, Section):
        return {item.name: plain_value(getattr(value, item.name)) for item in fields(value)}  # type: ignore[arg-type]
    if isinstance(value, Schedule):
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
    unknown = sorted(set(current) - set(known))
    if unknown:
        raise ConfigError(f"unknown {', '.join(unknown)}; known are {', '.join(sorted(known))}", source=source)
    missing = [name for name, declared in known.items() if declared.is_required and name not in current]
    if missing:
        wrong = [known[name].checked(value)[1] for name, value in current.items()]
        absent = Problem(f"{', '.join(missing)} must be given", f"only {', '.join(current) or 'nothing'}")
        raise ConfigError(absent, *(problem for problem in wrong if problem is not None), source=source)
    try:
        return section(**current)
    except ConfigError as error:
        raise ConfigError(*error.problems, source=error.source or source) from error


def show_value(value: Any) -> str:
    """Return a value as a message shows it: in one line, and not all of what is very long.

    >>> show_value(0), show_value("half"), show_value(10**5000)
    ('0', "'half'", 'a number of more than 4000 digits')
    """
    try:
        text = show_number(value) if isinstance(value, float) else repr(value)
    except ValueError:  # Python writes no longer integers
        return "a number of more than 4000 digits"
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def show_number(value: float) -> str:
    """Return a bound as people write it.

    >>> show_number(1), show_number(100_000), show_number(2**63), show_number(1e38), show_number(0.5)
    ('1', '100,000', '2^63', '1e+38', '0.5')
    """
    if value == 2**63:
        return "2^63"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
