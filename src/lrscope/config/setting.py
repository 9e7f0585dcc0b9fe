"""A setting is declared once, as a field of a section: help, bounds, names. The rest of the house follows from it."""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field
from typing import Any

from lrscope.errors import ConfigError, Problem

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
    name in Hugging Face's TrainingArguments, `other_names` are what other programs call it. `former` is the key of
    version 0.1, which is still read. `parse` makes the value of what is given. `items` are the names that a list may
    hold. `tasks` are those that a setting belongs to, all of them where there are none; `of_part` is the value of
    `train_part` that it belongs to. `task_defaults` are defaults of tasks that differ from the field's own.
    `value_titles` say what people call its values, where those need no name before them.
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
    other_names: tuple[str, ...] = ()
    former: str = ""
    parse: Callable[[Any], Any] | None = None
    items: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    of_part: str = ""
    task_defaults: Mapping[str, Any] = field(default_factory=dict)
    value_titles: Mapping[str, str] = field(default_factory=dict)

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

    def belongs_to(self, task: str) -> bool:
        """Whether a task has this setting.

        >>> Setting(help="", tasks=("sft",)).belongs_to("classification"), Setting(help="").belongs_to("sft")
        (False, True)
        """
        return not self.tasks or task in self.tasks

    def default_of(self, task: str) -> Any:
        """Return the default of a task.

        >>> Setting(help="", default=5, task_defaults={"sft": 1}).default_of("sft")
        1
        """
        return self.task_defaults.get(task, self.default)

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
        elif kind not in (int, float, bool) and not isinstance(value, kind):
            return value, self._wrong_kind(value, f"a {kind.__name__}")
        return value, self._out_of_bounds(value) if kind in (int, float) else None

    def read(self, text: str) -> Any:
        """Return the value that a text means, such as an option's; whether it lies within bounds is checked later.

        Raises:
            ConfigError: it is no number where one is needed.

        >>> Setting(help="", kind=float).read("3e-4"), Setting(help="", kind=tuple).read("head, order")
        (0.0003, ('head', 'order'))
        """
        if self.kind is tuple:
            return tuple(part.strip() for part in text.split(",") if part.strip() not in ("", "none"))
        if self.kind not in (int, float):
            return text
        try:
            return self.kind(text)
        except ValueError:
            wanted = "a whole number" if self.kind is int else "a number"
            raise ConfigError(self._wrong_kind(text, wanted)) from None

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

    >>> from lrscope.config.base import Section, settings_of
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
