"""TensorBoard's event files, as Trainer, Lightning, Keras and people's own loops write them.

All event files of a folder are one run, with those of hyperparameters below it and Keras' `train` and `validation`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lrscope.errors import DataError
from lrscope.runs.history import run_of_entries
from lrscope.runs.importers import checked
from lrscope.runs.importers.base import Imported
from lrscope.runs.importers.configuration import configuration_of
from lrscope.runs.importers.event_records import event_records
from lrscope.runs.importers.scalars import Scalars

MARK = b"brain.Event:"  # the version of the format, which the first record of a file names
_PART = re.compile(r"^(?:[0-9]{9,11}\.[0-9]+|(.+_)?(train|training|val|valid|validation|eval|dev|test))$")
_KINDS = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8", 19: "<f2"}  # TensorFlow's DataType, of tensors of one number


class TensorBoardEvents:
    """One run a folder of event files."""

    suffixes: tuple[str, ...] = ()

    def claims(self, path: Path, head: bytes) -> bool:
        """Return whether its first record names the format of events."""
        return MARK in head[:100]

    def read(self, path: Path) -> Imported:
        """Return the run of the folder that an event file lies in.

        Raises:
            DataError: TensorBoard is not installed, or a file cannot be read.
        """
        events = _Events()
        for file, split in _files_of_run(path):
            events.take(file, split)
        if not events.scalars.values and not events.settings:
            raise DataError(f"a run's events hold scalars: got none in {checked.file_name(path)}")
        told = configuration_of(events.settings).told(seconds=events.seconds)
        run = run_of_entries(list(events.scalars.entries()), told)
        return Imported((run,), run.settings)


def part_of_run(folder: str, *, beside_events: bool) -> str | None:
    """Return which split a folder's events are of, where they belong to the run of the folder above; None else.

    People and Keras have one writer a split (`train`, `val`); `add_scalars` makes a folder of each name, such as
    `Loss_val`, `add_hparams` one of a time, beside the events of the run; the last one's are of no split: empty.

    >>> [part_of_run(name, beside_events=True) for name in ("validation", "Loss_train", "1795821672.35", "lr_1e-4")]
    ['validation', 'train', '', None]
    """
    match = _PART.match(folder)
    if match is None or (match[1] and not beside_events):
        return None
    return match[2] or ""


def _files_of_run(path: Path) -> list[tuple[Path, str]]:
    """Return the event files of a run with the split that their folder stands for, empty where it names none."""
    try:
        above = path.parent.parent
        home = path.parent
        if part_of_run(home.name, beside_events=_has_events(above)) is not None:
            home = above
        is_beside = _has_events(home)
        parts = [(each, part_of_run(each.name, beside_events=is_beside)) for each in sorted(home.iterdir())]
        folders = [(home, ""), *((each, split) for each, split in parts if split is not None and each.is_dir())]
        files = [
            (each, split)
            for folder, split in folders
            for each in sorted(folder.iterdir())
            if "tfevents" in each.name and each.is_file() and each.stat().st_size
        ]
    except OSError as error:
        raise DataError(f"cannot read {checked.file_name(path.parent)}: {error.strerror or error}") from error
    return files if any(each == path for each, _ in files) else [(path, "")]


def _has_events(folder: Path) -> bool:
    return any("tfevents" in each.name for each in folder.iterdir())


@dataclass
class _Events:
    """What events hold: scalars, settings, and when the first and the last was written."""

    scalars: Scalars = field(default_factory=Scalars)
    settings: dict[str, Any] = field(default_factory=dict)
    first: float = math.inf
    last: float = -math.inf

    def take(self, path: Path, split: str) -> None:
        """Take in a file; one that is cut off counts as far as it goes."""
        for event in _events(path):
            for value in event.summary.value:
                plugin = value.metadata.plugin_data
                if plugin.plugin_name == "hparams":
                    self.settings.update(_hyperparameters(plugin.content))
                elif plugin.plugin_name == "text":
                    self.settings.update(_text(value))
                elif (number := _scalar(value)) is not None:
                    self.scalars.take(f"{split}/{value.tag}" if split else value.tag, int(event.step), number)
                    self.first, self.last = min(self.first, event.wall_time), max(self.last, event.wall_time)

    @property
    def seconds(self) -> float:
        """How long it took, from the first scalar to the last."""
        return self.last - self.first if self.last > self.first else math.nan


def _events(path: Path) -> Iterator[Any]:
    """Yield a file's events; one whose writer was killed ends with the last whole record.

    Raises:
        DataError: TensorBoard is not installed, or the file is damaged before its end.
    """
    shown = checked.file_name(path)
    try:
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
        from tensorboard.compat.proto.event_pb2 import Event
    except ImportError:
        raise DataError(
            f"{shown} holds TensorBoard's events, which TensorBoard reads: it is not installed; "
            'pip install "lrscope[tensorboard]"'
        ) from None
    try:
        for record in event_records(path):
            yield Event.FromString(record)
    except (ValueError, OSError, DecodeError) as error:
        said = getattr(error, "strerror", None) or (str(error) if isinstance(error, ValueError) else "one is no event")
        raise DataError(f"events are records with checksums: {said} in {shown}; copy the file again") from error


def _scalar(value: Any) -> float | None:
    """Return a scalar as the shortest number that is the same in its precision, None for what is none."""
    import numpy as np

    if value.HasField("simple_value"):
        return float(str(np.float32(value.simple_value)))
    if not value.HasField("tensor") or len(value.tensor.tensor_shape.dim):
        return None
    tensor = value.tensor
    if tensor.float_val:
        return float(str(np.float32(tensor.float_val[0])))
    if listed := [*tensor.double_val, *tensor.int_val, *tensor.int64_val]:
        return float(listed[0])
    kind = _KINDS.get(tensor.dtype)
    if kind is None or len(tensor.tensor_content) != np.dtype(kind).itemsize:
        return None
    return float(str(np.frombuffer(tensor.tensor_content, kind)[0]))


def _hyperparameters(content: bytes) -> Mapping[str, Any]:
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    try:
        data = HParamsPluginData.FromString(content)
    except Exception:  # noqa: BLE001 - protobuf's errors, of which there is no public name
        return {}
    values = {}
    for name, value in data.session_start_info.hparams.items():
        kind = value.WhichOneof("kind")
        if kind is not None:
            values[str(name)] = getattr(value, kind)
    return values


def _text(value: Any) -> Mapping[str, Any]:
    """Return a text's values where it is JSON, as Trainer writes its arguments."""
    texts = value.tensor.string_val
    if not texts or "model_config" in value.tag:
        return {}
    try:
        values = json.loads(texts[0])
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}
