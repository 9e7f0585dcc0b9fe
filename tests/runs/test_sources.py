"""Which importer reads a file, and files of several formats as one comparison."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lrscope.errors import DataError
from lrscope.runs.sources import importer_of, read_runs

LOG = "# 1e-4\nepoch 0: train loss :: 1.9, dev acc :: 0.24\nepoch 1: train loss :: 1.5, dev acc :: 0.31\n"
STATE = json.dumps(
    {"log_history": [{"step": 5, "epoch": 1.0, "learning_rate": 1e-3, "eval_acc": 0.3, "eval_loss": 1.0}]}
)
TABLE = "lr;dev_acc;dev_f1\n0,01;0,4;0,3\n"
SCORES = "arm,seed,example_id,metric,value\na,0,1,acc,1\na,0,2,acc,0\n"


@pytest.mark.parametrize("name", ["file", "file.csv", "file.json", "file.log"])
@pytest.mark.parametrize(
    ("content", "importer"),
    [
        (LOG, "ConsoleLog"),
        (STATE, "TrainerState"),
        (json.dumps(json.loads(STATE), indent=2), "TrainerState"),
        (TABLE, "MetricTable"),
        ('{"lr": 1e-4, "dev_acc": 0.4}\n{"lr": 1e-3, "dev_acc": 0.5}\n', "MetricTable"),
        (SCORES, "ExampleScoreTable"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_files_are_recognised_by_what_is_in_them(
    name: str, content: str, importer: str, encoding: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(content, encoding=encoding)
    assert type(importer_of(tmp_path / name)).__name__ == importer


def test_parquet_is_recognised_by_its_mark_and_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "file"
    pq.write_table(pa.table({"lr": [1e-4], "dev_acc": [0.4]}), path)
    assert type(importer_of(path)).__name__ == "MetricTable"
    pq.write_table(pa.table({"arm": ["a"], "seed": [0], "example_id": [1], "metric": ["acc"], "value": [0.5]}), path)
    assert type(importer_of(path)).__name__ == "ExampleScoreTable"


@pytest.mark.parametrize(
    ("name", "importer"), [("file.csv", "MetricTable"), ("file.json", "TrainerState"), ("file.txt", "ConsoleLog")]
)
def test_a_suffix_decides_where_the_content_does_not(name: str, importer: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("words\n", encoding="utf-8")
    assert type(importer_of(tmp_path / name)).__name__ == importer


def test_files_of_several_formats_are_compared_by_a_metric_that_all_have(tmp_path: Path) -> None:
    for name, content in (
        ("run.log", LOG),
        ("state", STATE),
        ("table.txt", TABLE),
        ("f1.csv", "lr,dev_f1\n1e-2,0.3\n"),
    ):
        (tmp_path / name).write_text(content, encoding="utf-8")
    runs = read_runs([tmp_path / name for name in ("run.log", "state", "table.txt")], {})
    assert runs.metric == ("acc", "maximize")
    assert [run.rate for run in runs.runs] == [1e-4, 1e-3, 0.01]
    with pytest.raises(DataError, match=r"a metric that all of them have: got acc in .*run\.log; f1 in .*f1\.csv"):
        read_runs([tmp_path / "run.log", tmp_path / "f1.csv"], {})
    asked = read_runs([tmp_path / "table.txt", tmp_path / "run.log"], {}, "f1")
    assert asked.metric == ("f1", "maximize")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX")
def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(LOG + "words\n" * 20_000,))
    writer.start()
    runs = read_runs([pipe], {})
    writer.join()
    assert [(run.rate, run.last("dev", "acc")) for run in runs.runs] == [(1e-4, 0.31)]
    assert runs.source == str(pipe)
    with pytest.raises(DataError, match="of files: /dev/null is neither"):
        read_runs([Path("/dev/null")], {})


def test_per_example_scores_of_several_files_are_one_table(tmp_path: Path) -> None:
    for name, content in (("a.csv", SCORES), ("copy.csv", SCORES), ("b.csv", SCORES.replace("\na", "\nb")),
                          ("other.csv", SCORES.replace("\na", "\nc").replace("0,2", "0,3"))):  # fmt: skip
        (tmp_path / name).write_text(content, encoding="utf-8")
    runs = read_runs([tmp_path / "a.csv", tmp_path / "b.csv"], {})
    assert runs.scores is not None
    assert (runs.scores.names, runs.scores.means.tolist()) == (("a", "b"), [[0.5], [0.5]])
    with pytest.raises(DataError, match=r"got a, seed 0 in several"):
        read_runs([tmp_path / "a.csv", tmp_path / "copy.csv"], {})
    with pytest.raises(DataError, match=r"a, seed 0 has 2, c, seed 0 2, of which 1 are the same"):
        read_runs([tmp_path / "a.csv", tmp_path / "other.csv"], {})


def test_rows_of_one_step_are_one_evaluation(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    rows = [
        "lr,epoch,step,train_loss,val_loss",
        "1e-4,0,49,2.6,",
        "1e-4,0,99,2.4,",
        "1e-4,0,99,,2.3",
        "1e-4,1,199,1.8,1.9",
    ]
    path.write_text("\n".join(rows), encoding="utf-8")
    (run,) = read_runs([path], {}).runs
    assert [(point.step, point.epoch) for point in run.points] == [(100, 1), (200, 2)]
    assert dict(run.points[0].splits) == {"train": {"loss": 2.5}, "dev": {"loss": 2.3}}
