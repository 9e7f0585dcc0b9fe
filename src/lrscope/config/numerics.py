"""What a study decided to compute with: a plain value, stored with it, and the same for every trial and resume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from lrscope import __version__
from lrscope.errors import UnusableStudyError

MAX_THREADS = 2**16
CHOICES = {
    "precision": ("float32", "bfloat16", ""),
    "batching": ("bucketed", "random", ""),
    "implementation": ("native", "transformers", "external"),
}


@dataclass(frozen=True)
class Numerics:
    """What `auto` came to, and the versions that computed. `implementation` is `native` or `transformers`,
    or `external` for a training of the user's own, whose numerics are its own.

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
    def external(threads: int) -> Numerics:
        """Return what is known of a training of the user's own: how many threads a run was given."""
        return Numerics("", "", threads, "", "external")

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Numerics:
        """Return what a study stored; what this version does not know is left out.

        Raises:
            UnusableStudyError: something is missing, or is no such value.
        """
        kept = {item.name: values.get(item.name, item.default) for item in fields(Numerics)}
        threads = kept.pop("threads")
        wrong = [
            name
            for name, value in kept.items()
            if not isinstance(value, str) or value not in CHOICES.get(name, (value,))
        ]
        if wrong or not isinstance(threads, int) or isinstance(threads, bool) or not 1 <= threads <= MAX_THREADS:
            raise UnusableStudyError(
                f"a study keeps the numerics that it began with: {', '.join(wrong) or 'threads'} cannot be used; "
                "restore study.db from a copy"
            )
        return Numerics(threads=threads, **kept)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for the store."""
        return asdict(self)
