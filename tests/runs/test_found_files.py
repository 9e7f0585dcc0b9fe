"""Which files of a folder stand for its runs, each run once."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lrscope.errors import DataError
from lrscope.report.document import document
from lrscope.report.files import write_report
from lrscope.report.locales import locale
from lrscope.runs.found_files import chosen
from lrscope.runs.notes import FolderCut, FoldersUnlisted, RecordNotRead, RecordsLeftOut
from lrscope.runs.sources import read_runs
from lrscope.statistics.conclusions import Conclusions

EPOCHS = "".join(f"epoch {n}: train loss :: {2 - n / 10:.2f}, dev acc :: {0.3 + n / 100:.2f}\n" for n in range(3))


def state(path: Path, steps: Sequence[int] = (10, 20), *, rate: float = 1e-4, total: int = 20) -> Path:
    history = [{"step": 5, "loss": 1.0, "learning_rate": rate}]
    history += [{"step": step, "epoch": step / 10, "eval_loss": 1.5 - step / 100 + rate} for step in steps]
    path.parent.mkdir(parents=True, exist_ok=True)
    values = {"global_step": max(steps), "log_history": history, "max_steps": total}
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


def log(path: Path, text: str = EPOCHS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("names", "found", "left_out"),
    [
        (["trainer_state.json", "checkpoint-5/trainer_state.json", "train.log"], [""], ["train.log"]),
        (["a/checkpoint-9/trainer_state.json", "a/checkpoint-10/trainer_state.json"], ["a"], []),
        (["a/runs/Nov27_10-00-00_host/out.tfevents.1", "a/trainer_state.json"], ["a"], ["out.tfevents.1"]),
        (["a/events.out.tfevents.1", "a/events.out.tfevents.2", "a/1795821672.358/events.out.tfevents.3"], ["a"], []),
        (["fit/train/events.out.tfevents.1", "fit/validation/events.out.tfevents.1"], ["fit"], []),
        (["a/events.out.tfevents.1", "a/Loss_train/events.out.tfevents.2", "a/Loss_val/out.tfevents.3"], ["a"], []),
        (["lr_train/events.out.tfevents.1", "lr_val/events.out.tfevents.1"], ["lr_train", "lr_val"], []),
        (["a/all_results.json", "a/train.log"], ["a"], ["all_results.json"]),
        (["a/train_results.json", "a/all_results.json"], ["a"], ["train_results.json"]),
        (["runs/one/events.out.tfevents.1", "runs/two/events.out.tfevents.1"], ["runs/one", "runs/two"], []),
        (["lightning_logs/version_2/metrics.csv", "lightning_logs/version_10/metrics.csv"],
         ["lightning_logs/version_2", "lightning_logs/version_10"], []),
        (["mlruns/1/a/meta.yaml", "mlruns/1/a/metrics/eval/loss", "mlruns/1/meta.yaml"], ["mlruns/1/a"], []),
        (["t1/result.json", "t1/progress.csv", "t2/result.json"], ["t1", "t2"], ["progress.csv"]),
        (["a.log", "b.log", "summary.csv"], ["a.log", "b.log"], ["summary.csv"]),
        (["train.log", "table.csv"], ["table.csv"], ["train.log"]),
        (["x/train.log", "y/train.log"], ["x", "y"], []),
        (["sweep.log", "x/trainer_state.json", "y/trainer_state.json"], ["x", "y"], ["sweep.log"]),
        (["wandb/offline-run-20260101_000000-ab/run-ab.wandb", "trainer_state.json"], [""], ["run-ab.wandb"]),
        (["scores.parquet", "lrscope.json"], [""], []),
        (["table.parquet"], ["table.parquet"], []),
        (["model.safetensors", "photo.png", "trainer_state.json.bak"], [], []),
    ],
)  # fmt: skip
def test_the_richest_record_stands_for_a_run(names: list[str], found: list[str], left_out: list[str]) -> None:
    top = Path("out")
    got, further = chosen([top / name for name in sorted(names)], lambda path: True, top)
    assert {str(each.home) for each in got} == {str(top / name) for name in found}
    assert sorted(path.name for path in further) == sorted(left_out)


def test_runs_are_one_a_folder_at_their_last_state(tmp_path: Path) -> None:
    for name, rate in (("a", 1e-4), ("b", 1e-3)):
        state(tmp_path / name / "checkpoint-9" / "trainer_state.json", (5,), rate=rate)
        state(tmp_path / name / "checkpoint-20" / "trainer_state.json", rate=rate)
        log(tmp_path / name / "nohup.out")
    runs = read_runs([tmp_path], {})
    assert [(run.arm, run.points[-1].step, run.status) for run in runs.runs] == [
        ("lr 1e-4", 20, "completed"), ("lr 1e-3", 20, "completed"),
    ]  # fmt: skip
    (note,) = [note for note in runs.notes if isinstance(note, RecordsLeftOut)]
    assert note == RecordsLeftOut(2, ("a/nohup.out", "b/nohup.out"))
    ((only,),) = [read_runs([tmp_path / "a" / "checkpoint-9"], {}).runs]
    assert only.status == "interrupted", "a checkpoint that is asked for is read itself"


def test_a_state_that_is_older_than_a_checkpoint_is_not_the_last(tmp_path: Path) -> None:
    state(tmp_path / "trainer_state.json", (5,))
    state(tmp_path / "checkpoint-20" / "trainer_state.json")
    (run,) = read_runs([tmp_path], {}).runs
    assert run.points[-1].step == 20


def test_runs_that_name_nothing_are_called_by_their_folders(tmp_path: Path) -> None:
    for name in ("first", "second"):
        log(tmp_path / name / "metrics.json", json.dumps({"log_history": [{"eval_loss": 1.0, "step": 5}]}))
    assert [run.arm for run in read_runs([tmp_path], {}).runs] == ["first", "second"]


def test_nothing_found_says_what_is_there_and_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds none; it is empty\. Looked for were Trainer's states"):
        read_runs([tmp_path], {})
    log(tmp_path / "model" / "README.md", "a model\n")
    with pytest.raises(DataError, match=r"it has model/README\.md\. Looked for"):
        read_runs([tmp_path], {})
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "study.db").touch()
    with pytest.raises(DataError, match="but studies; report one of them: sweep"):
        read_runs([tmp_path], {})


def test_one_broken_record_is_named_and_the_others_count(tmp_path: Path) -> None:
    state(tmp_path / "a" / "trainer_state.json")
    log(tmp_path / "b" / "trainer_state.json", '{"log_history": [')
    runs = read_runs([tmp_path], {})
    (note,) = [note for note in runs.notes if isinstance(note, RecordNotRead)]
    assert note.file == "b/trainer_state.json"
    assert "is JSON" in note.reason
    (tmp_path / "a" / "trainer_state.json").unlink()
    with pytest.raises(DataError, match="is JSON"):
        read_runs([tmp_path], {})


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="symbolic links")
def test_links_are_not_followed(tmp_path: Path) -> None:
    state(tmp_path / "a" / "trainer_state.json")
    (tmp_path / "a" / "again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "b").symlink_to(tmp_path / "a", target_is_directory=True)
    (tmp_path / "a" / "other.log").symlink_to(tmp_path / "none")
    (run,) = read_runs([tmp_path], {}).runs
    assert run.arm == "lr 1e-4"
    linked = tmp_path / "outside"
    linked.symlink_to(tmp_path / "a", target_is_directory=True)
    assert len(read_runs([linked], {}).runs) == 1, "a link that is asked for is followed"


def test_a_folder_that_may_not_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state(tmp_path / "a" / "trainer_state.json")
    (tmp_path / "closed").mkdir()
    listed = os.scandir

    def scandir(path: Path) -> Any:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr("lrscope.runs.folder_walk.os", SimpleNamespace(scandir=scandir))
    (note,) = [note for note in read_runs([tmp_path], {}).notes if isinstance(note, FoldersUnlisted)]
    assert note.folders == ("closed",)
    with pytest.raises(DataError, match="closed holds none; closed cannot be listed"):
        read_runs([tmp_path / "closed"], {})


def test_many_files_are_looked_through_within_bounds(tmp_path: Path) -> None:
    state(tmp_path / "a" / "trainer_state.json")
    (tmp_path / "data").mkdir()
    for number in range(10_000):
        (tmp_path / "data" / f"{number}.txt").touch()
    begun = time.monotonic()
    runs = read_runs([tmp_path], {})
    assert time.monotonic() - begun < 10.0
    assert [run.arm for run in runs.runs] == ["lr 1e-4"]
    assert any(isinstance(note, FolderCut) for note in runs.notes)


def test_reports_of_these_runs_are_no_runs(tmp_path: Path) -> None:
    for rate in (1e-4, 1e-3):
        state(tmp_path / "runs" / f"{rate:g}" / "trainer_state.json", rate=rate)
    runs = read_runs([tmp_path / "runs"], {})
    page = write_report(document(Conclusions(runs)), locale("en"), tmp_path / "runs" / "report-1")[0]

    def arms() -> list[str]:
        return [run.arm for run in read_runs([tmp_path / "runs"], {}).runs]

    assert arms() == ["lr 1e-4", "lr 1e-3"]
    page.unlink()
    assert len(arms()) > 2, "without its page it is a table as any other"
