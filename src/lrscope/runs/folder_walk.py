"""A folder looked through without following links, never without end: its files, and what could not be listed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class FolderWalk:
    """The plain files of a folder and of the folders in it, those of a folder before those below it, by name.

    A folder that holds a file named `not_below` is not looked into. `unlisted` has the folders that may not be listed,
    `skipped` those that hold `not_below`; `is_cut` says that there was more than `max_entries` names.
    """

    folder: Path
    max_depth: int
    max_entries: int
    not_below: str = ""
    skips_hidden: bool = False
    unlisted: list[Path] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)
    is_cut: bool = False

    def files(self) -> Iterator[Path]:
        """Yield the files. Links are passed over, of files and of folders."""
        seen = 0
        waiting = [(self.folder, 0)]
        for here, depth in waiting:
            try:
                with os.scandir(here) as listed:
                    entries = sorted(listed, key=lambda entry: entry.name)
            except OSError:
                self.unlisted.append(here)
                continue
            if depth and self.not_below and any(entry.name == self.not_below for entry in entries):
                self.skipped.append(here)
                continue
            for entry in entries:
                seen += 1
                if seen > self.max_entries:
                    self.is_cut = True
                    return
                if self.skips_hidden and entry.name.startswith("."):
                    continue
                if _is(entry, folder=True):
                    if depth < self.max_depth:
                        waiting.append((here / entry.name, depth + 1))
                elif _is(entry, folder=False):
                    yield here / entry.name


def _is(entry: os.DirEntry[str], *, folder: bool) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False) if folder else entry.is_file(follow_symlinks=False)
    except OSError:  # it went away, or its folder may be listed and not entered
        return False
