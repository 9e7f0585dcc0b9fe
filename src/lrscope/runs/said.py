"""What there is to say, apart from any language: a kind, and the numbers that carry it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Said:
    """One thing said. The words for its `kind` are in `report/locales`; `arm` is what it is about, if one arm."""

    kind: str
    values: Mapping[str, Any] = field(default_factory=dict)
    arm: str | None = None
