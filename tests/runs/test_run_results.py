"""What trainings leave behind: whole, half written, of several programs, or nothing that is a metric."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

from lrscope.records import EvaluationRecord
from lrscope.runs.live_lines import LiveLines
from lrscope.runs.run_results import RunResults, read_results

HISTORY = [
    {"loss": 2.0, "learning_rate": 5e-5, "epoch": 0.5, "step": 5, "grad_norm": 1.0},
    {"loss": 1.0, "learning_rate": 1e-4, "epoch": 1.0, "step": 10},
    {"eval_loss": "1.5", "eval_accuracy": 0.5, "eval_runtime": 1.0, "epoch": 1.0, "step": 10},
    {"train_runtime": 3.5, "train_loss": 1.5, "epoch": 1.0, "step": 10},
]
TRAINED = [
    (5, "train", {"loss": 2.0, "learning_rate": 5e-5, "grad_norm": 1.0}),
    (10, "train", {"loss": 1.0, "learning_rate": 1e-4}),
]
EVALUATED = (10, "dev", {"loss": 1.5, "accuracy": 0.5})


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def told(results: RunResults) -> list[tuple[int, str, dict[str, float]]]:
    return [(each.step, each.split, dict(each.metrics)) for each in results.evaluations]


@pytest.mark.parametrize(
    "where", ["trainer_state.json", "checkpoint-10/trainer_state.json", "a/b/c/trainer_state.json"]
)
def test_the_newest_state_of_trainer_is_read(where: str, tmp_path: Path) -> None:
    write(tmp_path / "checkpoint-5" / "trainer_state.json", {"log_history": HISTORY[:1]})
    write(tmp_path / where, {"log_history": HISTORY})
    results = read_results(tmp_path)
    assert told(results) == [TRAINED[0], EVALUATED, TRAINED[1]]
    assert (results.source, results.seconds, results.unusable) == (where, 3.5, ())
    assert results.applied_rates == ((5, 5e-5), (10, 1e-4))
    assert results.metrics == ("accuracy", "loss")
    assert not results.counts_steps


def test_results_of_an_evaluation_after_training_are_of_the_end(tmp_path: Path) -> None:
    write(tmp_path / "trainer_state.json", {"log_history": [*HISTORY[:2], HISTORY[3]]})
    write(tmp_path / "all_results.json", {"epoch": 1.0, "eval_loss": 1.4, "perplexity": 4.0, "train_runtime": 3.5})
    assert told(read_results(tmp_path)) == [TRAINED[0], (10, "dev", {"loss": 1.4}), TRAINED[1]]


def test_what_a_person_writes_stands_at_the_end_of_what_was_logged(tmp_path: Path) -> None:
    metric = {"name": "eval_f1", "direction": "maximize"}
    write(tmp_path / "lrscope.json", {"dev_f1": 0.4, "test_f1": 0.3, "lr": 2e-5, "metric": metric})
    log = write(tmp_path / "output.log", "{'loss': '2', 'epoch': '1'}\n{'loss': '1', 'epoch': '2'}\n")
    results = read_results(tmp_path, log)
    assert told(results) == [(1, "train", {"loss": 2.0}), (2, "dev", {"f1": 0.4}), (2, "test", {"f1": 0.3}),
                             (2, "train", {"loss": 1.0})]  # fmt: skip
    assert (results.source, results.rate_asked, results.metric) == ("lrscope.json", 2e-5, ("f1", "maximize"))
    assert [each.epoch for each in results.evaluations] == [1.0, 2.0, 2.0, 2.0]


@pytest.mark.parametrize("name", ["log.jsonl", "metrics.csv"])
def test_tables_of_metrics_are_read(name: str, tmp_path: Path) -> None:
    rows = [{k: v for k, v in row.items() if k != "eval_runtime"} for row in HISTORY]
    if name.endswith("jsonl"):
        write(tmp_path / name, "\n".join(map(json.dumps, rows)) + '\n{"eval_loss": 0.')
    else:
        names = list(dict.fromkeys(key for row in rows for key in row))
        lines = [",".join(str(row.get(key, "")) for key in names) for row in rows]
        write(tmp_path / name, "\n".join([",".join(names), *lines]) + "\n")
    results = read_results(tmp_path)
    assert told(results) == [TRAINED[0], EVALUATED, TRAINED[1]]
    assert results.unusable == ((("log.jsonl", "line 5 is no JSON"),) if name.endswith("jsonl") else ())


def test_what_was_printed_is_read_where_nothing_was_written(tmp_path: Path) -> None:
    printed = "\n".join(str({k: str(v) for k, v in row.items() if k != "step"}) for row in HISTORY)
    log = write(tmp_path / "output.log", f"loading\n  5%|# | 1/20 [00:01<00:19, 1it/s]\r{printed}\n")
    expected = [(step // 5, split, metrics) for step, split, metrics in (TRAINED[0], EVALUATED, TRAINED[1])]
    results = read_results(tmp_path / "out", log)
    assert (told(results), results.source, results.counts_steps) == (expected, "what it printed", True)
    lines = LiveLines()
    for line in printed.split("\n"):
        lines.take(line)
    log.write_text("cut", encoding="utf-8")
    assert told(read_results(tmp_path / "out", log, live=lines.records)) == expected


def test_half_of_a_file_is_named_and_the_next_is_read(tmp_path: Path) -> None:
    write(tmp_path / "lrscope.json", '{"dev_f1": 0.')
    write(tmp_path / "checkpoint-10" / "trainer_state.json", json.dumps({"log_history": HISTORY})[:-40])
    write(tmp_path / "checkpoint-5" / "trainer_state.json", {"log_history": HISTORY[:3]})
    results = read_results(tmp_path)
    assert [name for name, _ in results.unusable] == ["lrscope.json", "checkpoint-10/trainer_state.json"]
    assert all("\n" not in why for _, why in results.unusable)
    assert results.source == "checkpoint-5/trainer_state.json"


def test_where_no_metric_is_what_was_there_is_named(tmp_path: Path) -> None:
    for name in ("model.safetensors", "data/train.jsonl", "config.json"):
        write(tmp_path / name, '{"text": "a"}')
    assert read_results(tmp_path).found == ("config.json", "model.safetensors", "data/train.jsonl")
    assert read_results(tmp_path).metrics == ()
    write(tmp_path / "trainer_state.json", {"log_history": HISTORY[:2]})
    assert read_results(tmp_path).found == ("trainer_state.json (train loss, train learning_rate, train grad_norm)",)
    assert read_results(tmp_path / "nowhere") == RunResults(seconds=pytest.approx(math.nan, nan_ok=True))


def test_a_loss_that_is_no_number_tells_where_it_diverged(tmp_path: Path) -> None:
    history = [*HISTORY[:2], {"loss": math.nan, "learning_rate": 9e-5, "step": 15}, {"loss": math.inf, "step": 20}]
    write(tmp_path / "trainer_state.json", {"log_history": history})
    assert read_results(tmp_path).diverged_at == (15, 9e-5)


def test_scores_stand_at_the_last_evaluation_of_dev(tmp_path: Path) -> None:
    write(tmp_path / "trainer_state.json", {"log_history": HISTORY})
    write(tmp_path / "scores.csv", "example_id,metric,value,weight\nb,eval_loss,2,1\na,eval_loss,1,3\n")
    results = read_results(tmp_path)
    (dev,) = (each for each in results.evaluations if each.split == "dev")
    assert dev.metrics == {"loss": 1.25, "accuracy": 0.5}
    assert dev.scores["loss"].values.tolist() == [1.0, 2.0]
    write(tmp_path / "other" / "scores.csv", "example_id,metric,value,weight\nb,loss,1,1\nc,loss,1,3\n")
    alone = read_results(tmp_path / "other")
    assert told(alone) == [(1, "dev", {"loss": 1.0})]
    assert len({results.examples, alone.examples, ""}) == 3
    write(tmp_path / "scores.csv", "example_id,metric,va")
    assert [name for name, _ in read_results(tmp_path).unusable] == ["scores.csv"]


def test_whatever_lies_there_is_no_error(tmp_path: Path) -> None:
    values: list[Any] = [None, [], 5, "x", {"log_history": [1, {"loss": []}, {"step": -1, "loss": "x"}, {"epoch": {}}]},
                         {"eval_loss": 10**400, "step": "²"}, {"dev_" + "x" * 500: 1, "dev_": 2, "": 3}]  # fmt: skip
    for number, value in enumerate(values):
        for name in ("lrscope.json", "trainer_state.json", "all_results.json", "a.jsonl", "a.csv", "scores.csv"):
            write(tmp_path / str(number) / name, value)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "lrscope.json").write_bytes(b"\xff\x00{")
    (tmp_path / "b" / "trainer_state.json").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "b" / "all_results.json")
    assert all(isinstance(each, EvaluationRecord) for each in read_results(tmp_path).evaluations)
    for folder in tmp_path.iterdir():
        read_results(folder)
