"""CSV: tidy tables, no formulas, and what was half written is made anew."""

from __future__ import annotations

import csv
from pathlib import Path

from tests.conftest import Cli, Toy
from tests.sinks.records import FAILED, NATIVE, OWN, VERDICT, study_log

from lrscope.runs.sources import read_runs
from lrscope.sinks.csv_files import CsvSink


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_tables_hold_all_trials_steps_and_evaluations(tmp_path: Path) -> None:
    study, sink = study_log(tmp_path), CsvSink("")
    for trial in (NATIVE, OWN, FAILED):
        sink.write(study, trial, is_again=False)
    sink.conclude(study, VERDICT)
    trials, steps, evaluations, verdict = (
        table(tmp_path / "csv" / f"{name}.csv") for name in ("trials", "steps", "evaluations", "verdict")
    )
    assert [(row["trial"], row["status"], row["reason"]) for row in trials] == [
        ("1", "completed", ""), ("2", "diverged", "loss became nan"), ("3", "failed", "exit code 1"),
    ]  # fmt: skip
    assert [(row["schedule"], row["mode"]) for row in trials] == [("linear", ""), ("", "'=cmd()"), ("", "")]
    assert [(row["trial"], row["step"], row["learning_rate"]) for row in steps] == [
        ("1", "0", "0.001"),
        ("1", "1", "0.0005"),
    ]
    assert steps[1]["gradient_norm"] == "nan"
    assert [(row["trial"], row["step"], row["dev_loss"], row["train_loss"]) for row in evaluations] == [
        ("1", "1", "1.4", ""), ("1", "2", "1.3", "1.375"), ("2", "5", "", "2.0"), ("2", "10", "nan", ""),
    ]  # fmt: skip
    assert [(row["f1"], row["standing"], row["recommended"], row["confidence"]) for row in verdict] == [
        ("0.5", "may be the best", "True", "medium"), ("nan", "no value", "False", "medium"),
    ]  # fmt: skip


def test_the_folder_is_read_as_the_runs_that_were_written(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    cli("sweep", *toy.options("--lr", "1e-3,1e-2", "--seeds", "2"), "--out", tmp_path / "s", "--log", "csv")
    study = read_runs([tmp_path / "s"], {}).runs
    read = read_runs([tmp_path / "s" / "csv"], {}).runs
    values = [
        sorted((run.rate, run.seed, run.points[-1].splits["dev"]["accuracy"]) for run in runs) for runs in (study, read)
    ]
    assert values[0] == values[1]


def test_no_cell_is_a_formula(tmp_path: Path) -> None:
    study = study_log(tmp_path)
    CsvSink("").write(study, OWN, is_again=False)
    CsvSink("").conclude(study, VERDICT)
    assert {row["setting"] for row in table(tmp_path / "csv" / "verdict.csv")} == {"lr 1e-3", "'=cmd()"}
    cells = [cell for path in (tmp_path / "csv").iterdir() for row in table(path) for cell in row.values()]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))] == []


def test_the_first_write_of_a_process_makes_the_files_anew(tmp_path: Path) -> None:
    CsvSink("").write(study_log(tmp_path, [NATIVE]), NATIVE, is_again=False)
    path = tmp_path / "csv" / "steps.csv"
    path.write_text(path.read_text() + "2,0,0.0")  # cut off
    CsvSink("").write(study_log(tmp_path, [NATIVE, OWN]), OWN, is_again=True)
    assert len(table(path)) == 2
    assert [row["trial"] for row in table(tmp_path / "csv" / "trials.csv")] == ["1", "2"]


def test_a_trial_that_is_tried_again_is_there_once(tmp_path: Path) -> None:
    sink, study = CsvSink(str(tmp_path / "tables")), study_log(tmp_path, [NATIVE])
    sink.write(study, NATIVE, is_again=False)
    sink.write(study, NATIVE, is_again=True)
    assert len(table(tmp_path / "tables" / "mine-abc123" / "trials.csv")) == 1
