"""What a study decided to compute with: a plain value, stored with it, and the same for every trial and resume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from lrscope import __version__


@dataclass(frozen=True)
class Numerics:
    """What `auto` came to, and the versions that computed. `implementation` is `native` or `transformers`.

    `torch` is empty in studies of lrscope 0.1, which did not record it.
    """

    device: str
    precision: str
    threads: int
    batching: str
    implementation: str
    code: str = __version__
    torch: str = ""

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Numerics:
        """Return what a study stored; what this version does not know is left out."""
        known = {item.name for item in fields(Numerics)}
        return Numerics(**{name: value for name, value in values.items() if name in known})

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for the store."""
        return asdict(self)
