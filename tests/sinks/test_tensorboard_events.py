"""TensorBoard: what its own reader finds, the HParams plugin's data among it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from tests.sinks.records import FAILED, NATIVE, OWN, VERDICT, study_log

pytest.importorskip("tensorboard")
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

from lrscope.sinks.tensorboard_events import TensorBoardSink


def read(folder: Path) -> EventAccumulator:
    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def hparams(events: EventAccumulator, name: str) -> Any:
    content = events.SummaryMetadata(f"_hparams_/{name}").plugin_data.content
    return plugin_data_pb2.HParamsPluginData.FromString(content)


def text(events: EventAccumulator, tag: str) -> str:
    return events.Tensors(tag)[0].tensor_proto.string_val[0].decode()


def test_a_run_a_trial_with_all_steps(tmp_path: Path) -> None:
    TensorBoardSink("").write(study_log(tmp_path), NATIVE, is_again=False)
    events = read(tmp_path / "tensorboard" / "0001-lr-1e-3-seed-0")
    rates = events.Scalars("train/learning_rate")
    assert [(each.step, pytest.approx(each.value)) for each in rates] == [(0, 1e-3), (1, 5e-4)]
    assert rates[1].wall_time - rates[0].wall_time == pytest.approx(1.0, abs=0.01)
    assert [(each.step, each.value) for each in events.Scalars("dev/f1")] == [(1, 0.25), (2, 0.5)]
    assert math.isnan(events.Scalars("train/gradient_norm")[1].value)
    assert text(events, "outcome") == "completed"


def test_the_hparams_plugin_finds_settings_metrics_and_outcomes(tmp_path: Path) -> None:
    for trial in (NATIVE, OWN, FAILED):
        TensorBoardSink("").write(study_log(tmp_path), trial, is_again=False)
    events = read(tmp_path / "tensorboard" / "0001-lr-1e-3-seed-0")
    experiment = hparams(events, "experiment").experiment
    assert [info.name.tag for info in experiment.metric_infos] == ["dev/f1", "dev/loss"]
    kinds = {info.name: info.type for info in experiment.hparam_infos}
    assert kinds == {
        "lr": api_pb2.DATA_TYPE_FLOAT64, "schedule": api_pb2.DATA_TYPE_STRING, "batch_size": api_pb2.DATA_TYPE_FLOAT64,
        "is_packed": api_pb2.DATA_TYPE_BOOL, "seed": api_pb2.DATA_TYPE_FLOAT64,
    }  # fmt: skip
    start = hparams(events, "session_start_info").session_start_info
    assert (start.hparams["lr"].number_value, start.hparams["schedule"].string_value) == (1e-3, "linear")
    assert start.hparams["is_packed"].bool_value is True
    runs = [read(path) for path in sorted((tmp_path / "tensorboard").iterdir())]
    ends = [hparams(run, "session_end_info").session_end_info.status for run in runs]
    assert ends == [api_pb2.STATUS_SUCCESS, api_pb2.STATUS_FAILURE, api_pb2.STATUS_FAILURE]
    assert [text(run, "outcome") for run in runs[1:]] == ["diverged: loss became nan", "failed: exit code 1"]


def test_a_second_write_takes_the_place_of_the_first(tmp_path: Path) -> None:
    sink, study = TensorBoardSink(str(tmp_path / "tb")), study_log(tmp_path)
    for _ in range(3):
        sink.write(study, NATIVE, is_again=True)
    folder = tmp_path / "tb" / "mine-abc123" / "0001-lr-1e-3-seed-0"
    assert len(list(folder.iterdir())) == 1
    assert len(read(folder).Scalars("train/loss")) == 2


def test_the_verdict_is_text_with_a_table(tmp_path: Path) -> None:
    TensorBoardSink("").conclude(study_log(tmp_path), VERDICT)
    lines = text(read(tmp_path / "tensorboard" / "verdict"), "verdict").splitlines()
    assert lines[:2] == ["Use lr 1e-3.  ", "Confidence: medium."]
    assert lines[-2:] == [
        "| lr 1e-3 | 1 | 0.5 | nan | may be the best, recommended |",
        "| =cmd() | 0 | nan | nan | no value |",
    ]
