"""One file for the tokenizer that all checkpoints of a study have alike: megabytes each, where adapters are few."""

from __future__ import annotations

import filecmp
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

NAME = "tokenizer.json"


class SharedTokenizer:
    """Makes the tokenizers of checkpoints in `trials` links to one file, where the file system has links."""

    def __init__(self, trials: Path) -> None:
        self._trials = trials
        self._known: Path | None = None

    def share(self, checkpoint: Path) -> None:
        """Let a checkpoint have the tokenizer of another one; where that cannot be, its own stays."""
        own = checkpoint / NAME
        with suppress(OSError):
            if not own.is_file():
                return
            other = next(self._others(own), None)
            if other is not None and filecmp.cmp(own, other, shallow=False):
                _link(other, own)
            self._known = own

    def _others(self, own: Path) -> Iterator[Path]:
        """Yield tokenizers of other checkpoints, first the one that was shared last."""
        if self._known is not None and self._known.is_file() and self._known != own:
            yield self._known
        yield from (path for path in self._trials.glob(f"*/*/{NAME}") if path != own)


def _link(source: Path, target: Path) -> None:
    """Put a link to `source` in the place of `target`: one of the two is there at every moment.

    Raises:
        OSError: there can be none.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        os.link(source, temporary)
        temporary.replace(target)
    finally:
        # Renaming a link over another link to the same file does nothing, and leaves it behind.
        temporary.unlink(missing_ok=True)
