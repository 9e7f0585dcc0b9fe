"""LLaMA-Factory's log and the totals that Trainer writes: nulls, doubled lines, files begun anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lrscope.errors import DataError
from lrscope.runs.importers.llama_factory import LlamaFactoryLog, TrainerResults
from lrscope.runs.notes import CurveElsewhere
from lrscope.runs.sources import importer_of


def entry(step: int, total: int = 100, **values: Any) -> dict[str, Any]:
    rate = values or {"loss": 1.0, "lr": 1e-4 * (1 - step / total)}
    clock = {"percentage": step / total * 100, "elapsed_time": "0:00:32", "remaining_time": "1 day, 6:01:13"}
    return {"current_steps": step, "total_steps": total, **rate, "epoch": step / 50, **clock}


def written(tmp_path: Path, *entries: dict[str, Any]) -> Path:
    path = tmp_path / "trainer_log.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in entries), encoding="utf-8")
    assert isinstance(importer_of(path), LlamaFactoryLog)
    return path


@pytest.mark.parametrize("doubled", [False, True])
def test_a_log_with_nulls_and_evaluations(doubled: bool, tmp_path: Path) -> None:
    entries = []
    for step in range(10, 101, 10):
        entries.append({**entry(step), "eval_loss": None, "reward": None, "predict_loss": None})
        if doubled:
            entries.append({**entry(step), "loss": 1.01})
        if step % 50 == 0:
            entries.append(entry(step, eval_loss=1.0 / step, loss=None))
    (run,) = LlamaFactoryLog().read(written(tmp_path, *entries)).runs
    assert (run.status, len(run.points)) == ("completed", 2)
    assert [(p.step, p.epoch, p.value("dev", "loss")) for p in run.points] == [(50, 1.0, 0.02), (100, 2.0, 0.01)]
    assert run.log is not None
    assert run.log.steps.tolist() == list(range(10, 101, 10))
    assert (run.log.total_steps, run.rate) == (100, 1e-4)


def test_a_file_that_was_begun_anew_holds_two_runs_and_a_resumed_one_holds_one(tmp_path: Path) -> None:
    first = [entry(step) for step in (10, 20, 30)]
    runs = LlamaFactoryLog().read(written(tmp_path, *first, *(entry(step, 200) for step in range(10, 201, 10)))).runs
    assert [run.status for run in runs] == ["interrupted", "completed"]
    (run,) = LlamaFactoryLog().read(written(tmp_path, *first, *(entry(step) for step in (20, 30, 40)))).runs
    assert run.log is not None
    assert run.log.steps.tolist() == [10, 20, 30, 40]
    assert run.status == "interrupted"


def test_totals_alone_point_to_the_state(tmp_path: Path) -> None:
    path = tmp_path / "all_results.json"
    totals = {"epoch": 3.0, "train_loss": 1.5, "train_runtime": 99.5, "train_steps_per_second": 1.0}
    evaluated = {"eval_loss": 1.25, "eval_runtime": 10.0, "eval_samples_per_second": 10.0, "eval_samples": 100}
    path.write_text(json.dumps({**totals, **evaluated}), encoding="utf-8")
    assert isinstance(importer_of(path), TrainerResults)
    imported = TrainerResults().read(path)
    (run,) = imported.runs
    assert (run.series("dev", "loss"), run.dev_set.size, run.seconds) == ([(3.0, 1.25)], 100, 99.5)
    assert isinstance(imported.notes[0], CurveElsewhere)
    path.write_text(json.dumps(totals), encoding="utf-8")
    with pytest.raises(DataError, match=r"trainer_state\.json"):
        TrainerResults().read(path)


@pytest.mark.parametrize(
    "line", ["[" * 10**5, "{", '{"current_steps": null}', '{"current_steps": -1, "loss": 1}', "\0"]
)
def test_lines_that_are_none_are_listed_or_left_out(line: str, tmp_path: Path) -> None:
    path = written(tmp_path, entry(10), entry(20))
    path.write_text(f"{path.read_text(encoding='utf-8')}{line}\n", encoding="utf-8")
    assert len(LlamaFactoryLog().read(path).runs) == 1


def test_field_cases(shared: Path) -> None:
    field = shared / "field"
    counts = {"18": (13, 6750), "19": (0, 6566), "20": (0, 8712)}
    for number, (evaluations, total) in counts.items():
        (path,) = field.glob(f"{number}-*")
        (run,) = LlamaFactoryLog().read(path).runs
        assert run.log is not None
        assert (len(run.points), run.log.total_steps) == (evaluations, total)
