"""Where to write, as it is asked for: `tensorboard`, `csv:tables`, `wandb:team/project`; and the sink that does."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from lrscope.errors import ConfigError
from lrscope.sinks.base import Sink


class _Kind(NamedTuple):
    """A sink's place in the code, what must be installed for it, and whether WHERE is a folder."""

    place: str
    package: str
    takes_folder: bool


KINDS = {
    "csv": _Kind("csv_files.CsvSink", "", takes_folder=True),
    "tensorboard": _Kind("tensorboard_events.TensorBoardSink", "tensorboard", takes_folder=True),
    "wandb": _Kind("wandb_runs.WandbSink", "wandb", takes_folder=False),
    "mlflow": _Kind("mlflow_runs.MlflowSink", "mlflow", takes_folder=False),
    "trackio": _Kind("trackio_runs.TrackioSink", "trackio", takes_folder=False),
}


@dataclass(frozen=True)
class Target:
    """A kind of sink and where it writes: a folder, or a project; the kind's own default where it is empty."""

    kind: str
    where: str = ""

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read `KIND[:WHERE]`. A folder is kept whole, so that a study may be gone on with from another one.

        >>> Target.parse("wandb:team/project")
        Target(kind='wandb', where='team/project')
        >>> Target.parse("excel")
        Traceback (most recent call last):
        lrscope.errors.ConfigError: --log is one of csv, tensorboard, wandb, mlflow, trackio: got 'excel'

        Raises:
            ConfigError: there is no such kind.
        """
        kind, _, where = text.strip().partition(":")
        kind, where = kind.strip().lower(), where.strip()
        if kind not in KINDS:
            raise ConfigError(f"--log is one of {', '.join(KINDS)}: got {text!r}")
        if where and KINDS[kind].takes_folder:
            where = str(Path(where).expanduser().resolve())
        return cls(kind, where)

    def __str__(self) -> str:
        return f"{self.kind}:{self.where}" if self.where else self.kind

    def sink(self) -> Sink:
        """Return the sink, its library imported.

        Raises:
            ConfigError: the library is not installed, or cannot be imported.
        """
        place, package, _ = KINDS[self.kind]
        if package and find_spec(package) is None:
            raise ConfigError(
                f'--log {self.kind} needs {package}, which is not installed: pip install "lrscope[{self.kind}]"'
            )
        module, name = place.split(".")
        try:
            made: Sink = getattr(importlib.import_module(f"lrscope.sinks.{module}"), name)(self.where)
        except Exception as error:
            raise ConfigError(f"--log {self.kind} cannot be used: {one_line(error)}; leave it out") from error
        return made


def checked(texts: Iterable[str]) -> tuple[Target, ...]:
    """Return where to write, each once, when all of it can be written to: known before anything trains.

    Raises:
        ConfigError: there is no such kind, its library is not installed, or it cannot be written to.
    """
    targets = tuple(dict.fromkeys(map(Target.parse, texts)))
    for target in targets:
        sink = target.sink()
        try:
            sink.check()
        except Exception as error:
            raise ConfigError(f"--log {target} cannot be written to: {one_line(error)}; leave it out") from error
    return targets


def one_line(error: BaseException) -> str:
    r"""Return what an exception of somebody else's library says, on one line and not too long.

    >>> one_line(OSError("no\n  space"))
    'no space'
    """
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    text = " ".join(said.split()).rstrip(".;")
    return (text[:300] + "…" if len(text) > 300 else text) or type(error).__name__
