"""A record while it is written: readable at any time, interrupted until it says otherwise."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from lrscope.errors import StudyError
from lrscope.records import Metric
from lrscope.runs import run_record_writer
from lrscope.runs.recorded_run import read_recorded
from lrscope.runs.run_record_writer import RunRecordWriter
from lrscope.runs.score_table import ExampleValues
from lrscope.runs.sources import read_runs


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    settings = {"batch_size": 8, "schedule": "linear"}
    writer = RunRecordWriter(tmp_path / "a", rate=1e-4, seed=2, settings=settings, metric=Metric("f1", "maximize"))
    writer.train(5, 0.5, loss=math.nan, rate=1e-4)
    assert read_recorded(writer.path).status == "interrupted"
    writer.evaluation(5, 0.5, "dev", {"loss": 1.5, "f1": 0.5})
    writer.evaluation(5, 0.5, "test", {"f1": 0.4})
    writer.example_scores("f1", ExampleValues(("x", "y"), np.array([0.0, 1.0]), np.array([1.0, 3.0])))
    writer.finish("diverged", "loss became nan")
    record = read_recorded(writer.path)
    assert (record.rate, record.seed, record.metric) == (1e-4, 2, ("f1", "maximize"))
    assert (record.status, record.reason) == ("diverged", "loss became nan")
    assert record.settings == {"batch_size": "8", "schedule": "linear"}
    splits = {each.split: dict(each.metrics) for each in record.evaluations}
    assert splits["dev"] == {"loss": 1.5, "f1": 0.5}
    assert math.isnan(splits["train"]["loss"])
    again = RunRecordWriter(tmp_path / "b")
    again.add(record.evaluations)
    again.finish()
    assert [each.metrics for each in read_recorded(again.path).evaluations if each.split != "train"] == [
        {"loss": 1.5, "f1": 0.5}, {"f1": 0.4}
    ]  # fmt: skip
    RunRecordWriter(tmp_path / "c").finish()
    assert read_recorded(tmp_path / "c" / "lrscope.json").evaluations == ()
    writer.finish()
    assert read_runs([tmp_path / "a"], {}).value(read_runs([tmp_path / "a"], {}).runs[0]) == 0.75


def test_a_long_run_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_record_writer, "MAX_LOGGED", 10)
    writer = RunRecordWriter(tmp_path)
    for step in range(1, 100):
        writer.train(step, None, loss=1.0, rate=1e-4)
    writer.finish()
    steps = [each.step for each in read_recorded(writer.path).evaluations]
    assert len(steps) <= 10
    assert (steps[0], steps[-1]) == (1, 99)


def test_a_folder_that_cannot_be_is_an_error_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match="cannot write a record in"):
        RunRecordWriter(tmp_path / "file" / "a")
