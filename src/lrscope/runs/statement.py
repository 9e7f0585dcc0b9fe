"""One thing a report says, in no language: a frozen dataclass whose fields are quantities.

The words of each are in `report/locales` under its kind; how a field is written follows from its type.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Statement:
    """The base of all: `kind` is the class's name in lower case with hyphens.

    Where one kind has several wordings, `WORDINGS` lists them and `wording` says which one fits.
    """

    kind: ClassVar[str] = ""
    WORDINGS: ClassVar[tuple[str, ...]] = ("",)

    def __init_subclass__(cls) -> None:
        cls.kind = re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()

    @property
    def wording(self) -> str:
        """Which of its wordings fits."""
        return ""

    @property
    def key(self) -> str:
        """The key of its sentence in a language: its kind, and its wording where it has several."""
        return f"{self.kind}/{self.wording}" if self.wording else self.kind


def statement_classes(base: type[Statement] = Statement) -> Iterator[type[Statement]]:
    """Yield every kind of statement that has been defined: the classes that no other is based on."""
    for each in base.__subclasses__():
        if each.__subclasses__():
            yield from statement_classes(each)
        else:
            yield each


def as_plain(statement: Statement) -> dict[str, Any]:
    """Return a statement as plain values, as `--json` prints it: its kind, then its fields; None where not known.

    An interval is [low, high], an estimate {"value", "error"}.
    """
    return {"kind": statement.kind, **{item.name: _plain(getattr(statement, item.name)) for item in fields(statement)}}


def _plain(value: object) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if is_dataclass(value) and not isinstance(value, type):
        values = {name: _plain(each) for name, each in asdict(value).items()}
        return list(values.values()) if set(values) == {"low", "high"} else values
    return [_plain(each) for each in value] if isinstance(value, tuple) else value
