"""What was written where, kept in the study's folder: a study that goes on writes what is missing, nothing twice."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

from lrscope.errors import StudyError
from lrscope.files import read_json, write_text
from lrscope.sinks.target import KINDS, Target

LEDGER = "logs.json"


@dataclass
class Written:
    """What one sink holds: of each trial the state that it was written in, and a digest of the verdict."""

    trials: dict[int, str] = field(default_factory=dict)
    verdict: str = ""


@dataclass
class Ledger:
    """A study's sinks, in the order in which they were asked for.

    `name` and `id` name the study in them, and stay when its folder is moved or called otherwise.
    """

    folder: Path
    name: str
    id: str
    sinks: dict[Target, Written]

    @classmethod
    def read(cls, folder: Path, name: str) -> Ledger:
        """Return what was kept in a study's folder; a new one of this name, without sinks, where there is nothing.

        Raises:
            StudyError: the file is damaged.
        """
        path = folder / LEDGER
        if not path.is_file():
            return cls(folder, name, secrets.token_hex(3), {})
        values = read_json(path)
        kept, own, sinks = values.get("name"), values.get("id"), values.get("sinks")
        if not (isinstance(own, str) and own.isalnum()) or not isinstance(sinks, list) or not _is_name(kept):
            raise damaged(path, "it holds no name, id and sinks")
        return cls(folder, kept, own, dict(_sink(each, path) for each in sinks))

    def add(self, *targets: Target) -> None:
        """Take sinks in, and keep them, where they are new."""
        if new := [target for target in targets if target not in self.sinks]:
            self.sinks |= {target: Written() for target in new}
            self.save()

    def save(self) -> None:
        """Write it down."""
        sinks = [
            {"kind": target.kind, "where": target.where, "trials": {str(n): state for n, state in was.trials.items()},
             "verdict": was.verdict}
            for target, was in self.sinks.items()
        ]  # fmt: skip
        write_text(
            self.folder / LEDGER, json.dumps({"name": self.name, "id": self.id, "sinks": sinks}, indent=1) + "\n"
        )


def damaged(path: Path, why: str) -> StudyError:
    """Return the error for a ledger that was changed: without it, everything is written once more."""
    return StudyError(f"{path} is damaged: {why}; restore it from a copy, or remove it and name the sinks again")


def _is_name(name: Any) -> TypeGuard[str]:
    """Return whether a name can be a folder's: it becomes one where a sink writes files."""
    return isinstance(name, str) and name not in ("", ".", "..") and not {"/", "\\", "\0"} & set(name)


def _sink(values: Any, path: Path) -> tuple[Target, Written]:
    try:
        target = Target(str(values["kind"]), values["where"])
        trials = {int(number): str(state) for number, state in values["trials"].items()}
        written = Written(trials, str(values["verdict"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise damaged(path, "a sink has a kind, a where, trials and a verdict") from error
    if target.kind not in KINDS or not isinstance(target.where, str):
        raise damaged(path, f"there is no sink {target.kind!r:.40}")
    return target, written
