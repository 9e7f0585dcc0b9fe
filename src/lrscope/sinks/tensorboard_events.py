"""TensorBoard event files, a run a trial; the HParams plugin shows the sweep.

Written with tensorboard's own writer: torch's would need torch, which a sweep of somebody's command does not.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.api_pb2 import (
    DATA_TYPE_BOOL,
    DATA_TYPE_FLOAT64,
    DATA_TYPE_STRING,
    STATUS_FAILURE,
    STATUS_SUCCESS,
    Experiment,
    HParamInfo,
    MetricInfo,
    MetricName,
)
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo
from tensorboard.plugins.text.plugin_data_pb2 import TextPluginData
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from lrscope.sinks.base import StudyLog, TrialLog, VerdictLog, home
from lrscope.sinks.verdict_text import as_markdown

EVENTS = "events.out.tfevents.*"
VERDICT = "verdict"


class TensorBoardSink:
    """Event files in the study's `tensorboard/`, or in a folder of the study's name in the one that was named."""

    def __init__(self, where: str) -> None:
        self._where = where

    def check(self) -> None:
        """Make the folder, where one was named."""
        if self._where:
            Path(self._where).mkdir(parents=True, exist_ok=True)

    def write(self, study: StudyLog, trial: TrialLog, *, is_again: bool) -> None:
        """Write a trial as a run of its own, with what the HParams plugin wants of it."""
        end = time.time()
        start = end - trial.seconds
        with _events(self._run(study, trial.short_name)) as add:
            add(_experiment(study, trial, start), start, 0)
            add(_session_start(study, trial, start), start, 0)
            for step, seconds, values in trial.history():
                add(
                    Summary(value=[Summary.Value(tag=t, simple_value=v) for t, v in values.items()]),
                    start + seconds,
                    step,
                )
            add(_text("outcome", trial.outcome), end, trial.step)
            add(_session_end(trial, end), end, trial.step)

    def conclude(self, study: StudyLog, verdict: VerdictLog) -> None:
        """Write the answer as text, with a table of the settings."""
        with _events(self._run(study, VERDICT)) as add:
            add(_text("verdict", as_markdown(study, verdict)), time.time(), 0)

    def _run(self, study: StudyLog, name: str) -> Path:
        return home(self._where, study, "tensorboard") / name


@contextmanager
def _events(folder: Path) -> Iterator[Any]:
    """Give what adds events to a new file in a folder; files that were there are removed, once the new one is whole."""
    before = set(folder.glob(EVENTS))
    suffix = f".{len(before)}" if before else ""  # names have but the second in them
    writer = EventFileWriter(str(folder), filename_suffix=suffix)
    try:
        yield lambda summary, when, step: writer.add_event(Event(wall_time=when, step=step, summary=summary))
        writer.flush()
    finally:
        writer.close()
    for path in before:
        path.unlink(missing_ok=True)


def _experiment(study: StudyLog, trial: TrialLog, start: float) -> Summary:
    """Return what the plugin's table has: a column a setting, and dev's metrics, the one that decides first."""
    dev = dict.fromkeys([f"dev/{study.metric}", *sorted(name for name in trial.last() if name.startswith("dev/"))])
    experiment = Experiment(
        name=study.name, description=f"lrscope study {study.unique_name}", time_created_secs=start,
        hparam_infos=[HParamInfo(name=name, type=_type(value)) for name, value in trial.settings.items()],
        metric_infos=[MetricInfo(name=MetricName(tag=name), display_name=name) for name in dev],
    )  # fmt: skip
    return _hparams(metadata.EXPERIMENT_TAG, HParamsPluginData(experiment=experiment))


def _session_start(study: StudyLog, trial: TrialLog, start: float) -> Summary:
    info = SessionStartInfo(group_name=f"{study.unique_name}/{trial.short_name}", start_time_secs=start)
    for name, value in trial.settings.items():
        if isinstance(value, bool):
            info.hparams[name].bool_value = value
        elif isinstance(value, int | float):
            info.hparams[name].number_value = value
        else:
            info.hparams[name].string_value = str(value)
    return _hparams(metadata.SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=info))


def _session_end(trial: TrialLog, end: float) -> Summary:
    """Return how a session ended. The plugin knows no other outcome than success and failure."""
    status = STATUS_SUCCESS if trial.status in ("completed", "stopped") else STATUS_FAILURE
    info = SessionEndInfo(status=status, end_time_secs=end)
    return _hparams(metadata.SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=info))


def _type(value: Any) -> int:
    if isinstance(value, bool):
        return int(DATA_TYPE_BOOL)
    return int(DATA_TYPE_FLOAT64 if isinstance(value, int | float) else DATA_TYPE_STRING)


def _hparams(tag: str, data: HParamsPluginData) -> Summary:
    about = metadata.create_summary_metadata(data)
    return Summary(value=[Summary.Value(tag=tag, metadata=about, tensor=metadata.NULL_TENSOR)])


def _text(tag: str, text: str) -> Summary:
    plugin = SummaryMetadata.PluginData(plugin_name="text", content=TextPluginData(version=0).SerializeToString())
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
    tensor = TensorProto(dtype="DT_STRING", string_val=[text.encode(errors="backslashreplace")], tensor_shape=shape)
    return Summary(value=[Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=plugin), tensor=tensor)])
