"""Imported runs made fit to be compared: what was trained differently is no seed of the same setting."""

from __future__ import annotations

import json
from pathlib import Path

from lrscope.runs.notes import PathsDiffer, PeakUnknown, SettingsUnnamed
from lrscope.runs.sources import read_runs
from lrscope.statistics.conclusions import Conclusions

EPOCHS = "epoch 0: train loss :: 1.9, dev acc :: 0.3{0}\nepoch 1: train loss :: 1.7, dev acc :: 0.4{0}\n"


def log(tmp_path: Path, *commands: str) -> Path:
    path = tmp_path / "run.log"
    path.write_text("".join(f"{line}\n{EPOCHS.format(n)}" for n, line in enumerate(commands)), encoding="utf-8")
    return path


def state(tmp_path: Path, name: str, steps: int, **changes: object) -> Path:
    history = [
        {"epoch": epoch, "step": steps * epoch // 3, "learning_rate": 1e-4, "eval_loss": 1.0 / epoch + steps / 1e4}
        for epoch in (1, 2, 3)
    ]
    path = tmp_path / name
    content = {"epoch": 3.0, "global_step": steps, "max_steps": steps, "num_train_epochs": 3, "log_history": history}
    path.write_text(json.dumps({**content, **changes}), encoding="utf-8")
    return path


def test_a_setting_that_one_command_names_and_another_does_not_makes_them_two_arms(tmp_path: Path) -> None:
    runs = read_runs([log(tmp_path, "python r.py --lr 1e-3", "python r.py --lr 1e-3 --warmup 100")], {})
    assert list(runs.arms) == ["lr 1e-3", "lr 1e-3, warmup 100"]
    assert runs.varied == ("warmup",)


def test_a_rate_with_other_settings_is_confounded_with_them(tmp_path: Path) -> None:
    runs = read_runs([log(tmp_path, "python r.py --lr 1e-3", "python r.py --lr 1e-4 --warmup 100")], {"dev": 500})
    assert list(runs.arms) == ["lr 1e-4", "lr 1e-3"]
    assert Conclusions(runs).is_confounded


def test_a_schedule_that_one_log_is_too_short_to_show_tells_no_runs_apart(tmp_path: Path) -> None:
    def entries(every: int) -> str:
        logged = [
            f"{{'loss': 1.0, 'learning_rate': {1e-4 * (1 - at / 60)}, 'epoch': {at / 20}}}"
            for at in range(every, 61, every)
        ]
        return "\n".join(
            [*logged, f"{{'eval_loss': {1 + every / 1e3}, 'epoch': 3.0}}", "{'train_runtime': 9.0, 'epoch': 3.0}", ""]
        )

    path, command = tmp_path / "run.log", "python run.py --learning_rate 1e-4 --num_train_epochs 3 --seed"
    path.write_text(f"{command} 1\n{entries(5)}{command} 2\n{entries(30)}", encoding="utf-8")
    runs = read_runs([path], {})
    assert [("schedule" in run.settings, run.seed) for run in runs.runs] == [(True, 1), (False, 2)]
    assert list(runs.arms) == ["lr 1e-4"]


def test_runs_of_other_lengths_are_two_arms(tmp_path: Path) -> None:
    runs = read_runs([state(tmp_path, "a.json", 375), state(tmp_path, "b.json", 96)], {})
    assert list(runs.arms) == ["lr 1e-4, max steps 375", "lr 1e-4, max steps 96"]
    seeds = read_runs([state(tmp_path, "a.json", 375), state(tmp_path, "c.json", 375, epoch=3.01)], {})
    assert len(seeds.arms) == 1


def test_a_run_that_names_no_settings_counts_as_a_seed_and_is_asked_about(tmp_path: Path) -> None:
    path = log(tmp_path, "# 1e-3", "python r.py --lr 1e-3 --dropout 0.3 --seed 4")
    runs = read_runs([path], {})
    assert [(run.arm, run.seed) for run in runs.runs] == [("lr 1e-3", 0), ("lr 1e-3", 4)]
    (note,) = (note for note in runs.notes if isinstance(note, SettingsUnnamed))
    assert (note.number, note.of, note.settings) == (1, 2, ("dropout",))


def test_a_copy_of_few_values_is_known_by_its_seed(tmp_path: Path) -> None:
    table = "lr,seed,val_acc\n1e-4,0,0.7\n1e-4,1,0.7\n3e-4,0,0.8\n"
    for name in ("a.csv", "copy.csv"):
        (tmp_path / name).write_text(table)
    runs = read_runs([tmp_path / "a.csv", tmp_path / "copy.csv"], sizes={}).runs
    assert sorted((run.arm, run.seed) for run in runs) == [("lr 1e-4", 0), ("lr 1e-4", 1), ("lr 3e-4", 0)]


def test_the_highest_rate_of_a_log_without_its_head_is_not_passed_off_as_the_peak(tmp_path: Path) -> None:
    def lines(first: int, peak: float) -> str:
        logged = [
            f"{{'loss': 1.0, 'learning_rate': {peak * (1 - at / 30)}, 'epoch': {at / 10}}}" for at in range(first, 31)
        ]
        return "\n".join([*logged, f"{{'eval_loss': {peak * 1e4}, 'epoch': 3.0}}"])

    paths = [tmp_path / "whole.log", tmp_path / "cut.log"]
    for path, first, peak in zip(paths, (1, 12), (2e-5, 5e-5), strict=True):
        path.write_text(lines(first, peak), encoding="utf-8")
    runs = read_runs(paths, {})
    (note,) = [note for note in runs.notes if isinstance(note, PeakUnknown)]
    assert list(note.arms) == ["lr 3e-5"]
    assert [run.rate for run in runs.runs if run.shows_peak] == [2e-5]


def test_a_row_that_sums_up_a_run_did_not_end_before_runs_with_epochs(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text("lr,seed,val_acc\n1e-4,0,0.7\n1e-3,0,0.6\n")
    (tmp_path / "new.csv").write_text("lr,seed,epoch,val_acc\n3e-4,0,1,0.7\n3e-4,0,2,0.8\n1e-4,1,1,0.6\n1e-4,1,2,0.7\n")
    runs = read_runs([tmp_path / "old.csv", tmp_path / "new.csv"], sizes={})
    assert {run.status for run in runs.runs} == {"completed"}
    assert not any(note.kind == "unfinished" for note in runs.notes)


def test_runs_that_their_warmups_tell_apart_are_not_said_to_be_seeds(tmp_path: Path) -> None:
    for warmup in (0, 60):
        rates = [1e-4 * min(at / max(warmup, 1), (600 - at) / (600 - warmup)) for at in range(0, 600, 20)]
        history: list[dict[str, float]] = [
            {"step": 20 * n + 1, "epoch": n / 30, "learning_rate": rate, "loss": 1.0} for n, rate in enumerate(rates)
        ]
        history.append({"step": 600, "epoch": 1.0, "eval_loss": 1.0 + warmup / 1e3})
        (tmp_path / f"w{warmup}").mkdir()
        state(tmp_path / f"w{warmup}", "trainer_state.json", 600, log_history=history)
    runs = read_runs([tmp_path], {})
    assert len(runs.arms) == 2
    assert not [note for note in runs.notes if isinstance(note, PathsDiffer)]
