"""Settings that a record does not name: of the configuration beside it, or of its path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lrscope.errors import DataError
from lrscope.runs.beside import with_arms
from lrscope.runs.comparisons import Asked
from lrscope.runs.notes import PathsDiffer, SettingsBeside
from lrscope.runs.runs import Runs
from lrscope.runs.sources import importer_of, read_comparisons


def state(path: Path, loss: float = 1.0, **more: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    history = [{"step": 5, "eval_loss": loss + 1, **more}, {"step": 10, "eval_loss": loss, **more}]
    path.write_text(json.dumps({"log_history": history}), encoding="utf-8")
    return path


def read(*paths: Path, arm_from: Any = None) -> Runs:
    (runs,) = read_comparisons(list(paths), Asked({}, arm_from=arm_from))
    return runs


CONFIGURATIONS = [
    ("hparams.yaml", "lr: 0.001\nseed: 3\nmodel:\n  hidden: 8\n"),
    ("params.json", json.dumps({"lr": 1e-3, "seed": 3})),
    ("args.json", json.dumps({"learning_rate": "1e-3", "seed": 3, "max_steps": -1})),
    (".hydra/config.yaml", "optimizer:\n  lr: 1e-3\n  betas:\n  - 0.9\nseed: 3\n"),
    ("config.yml", "# axolotl\nlearning_rate: 1e-3  # peak\nseed: 3\nspecial_tokens:\n  pad: '<pad>'\n"),
    ("training_args.yaml", "learning_rate: 0.001\nseed: 3\nstage: sft\n"),
    (
        "README.md",
        "## Training\n\n- learning_rate: 0.001\n- seed: 3\n- optimizer: Use adamw_torch\n",
    ),
]


@pytest.mark.parametrize(("name", "text"), CONFIGURATIONS, ids=[name for name, _ in CONFIGURATIONS])
def test_a_configuration_in_the_folder_of_a_run_is_its_own(name: str, text: str, tmp_path: Path) -> None:
    path = state(tmp_path / "run" / "trainer_state.json")
    (path.parent / name).parent.mkdir(exist_ok=True)
    (path.parent / name).write_text(text, encoding="utf-8")
    runs = read(path)
    assert [(run.arm, run.rate, run.seed) for run in runs.runs] == [("lr 1e-3", 1e-3, 3)]
    (note,) = [note for note in runs.notes if isinstance(note, SettingsBeside)]
    assert note.files == (str(path.parent / name),)


def test_settings_that_differ_make_other_arms(tmp_path: Path) -> None:
    for name, rank in (("a", 8), ("b", 16)):
        state(tmp_path / name / "checkpoint-10" / "trainer_state.json", learning_rate=1e-4)
        (tmp_path / name / "checkpoint-10" / "adapter_config.json").write_text(
            json.dumps({"r": rank, "lora_alpha": 16})
        )
    assert sorted(run.arm for run in read(tmp_path).runs) == ["lr 1e-4, LoRA rank 16", "lr 1e-4, LoRA rank 8"]
    (tmp_path / "a" / "args.json").write_text(json.dumps({"learning_rate": 1e-4, "weight_decay": 0.1}))
    assert any(run.settings.get("lora_rank") == "8" for run in read(tmp_path).runs)


def test_runs_of_a_folder_are_called_by_their_rates_where_configurations_tell_them(tmp_path: Path) -> None:
    for number in (0, 1):
        state(tmp_path / str(number) / "log.json", loss=1.0 + number)
        (tmp_path / str(number) / ".hydra").mkdir()
        (tmp_path / str(number) / ".hydra" / "config.yaml").write_text(f"optim:\n  lr: 1e-{number + 3}\n")
    assert [run.arm for run in read(tmp_path).runs] == ["lr 1e-3", "lr 1e-4"]


def test_what_is_no_configuration_of_the_run_is_left_alone(tmp_path: Path) -> None:
    path = state(tmp_path / "trainer_state.json", learning_rate=1e-4)
    model = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 8, "learning_rate": 5.0}
    (tmp_path / "config.json").write_text(json.dumps(model))
    (tmp_path / "training_args.bin").write_bytes(b"\x80\x04cos\nsystem\n")
    (tmp_path / "args.json").write_text("{" * 10_000)
    (tmp_path / "hparams.yaml").write_bytes(b"\xff\xfe\xff")
    assert [(run.arm, run.settings) for run in read(path).runs] == [("lr 1e-4", {})]
    (tmp_path / "hparams.yaml").write_text("lr: 1e-2\nbatch_size: 8\n")  # of another run: the log shows 1e-4
    assert [(run.arm, run.settings) for run in read(path).runs] == [("lr 1e-4", {})]
    assert read(path, arm_from="config").runs[0].arm == "lr 1e-2", "it was asked for"


def test_a_configuration_beside_several_runs_is_of_none_of_them(tmp_path: Path) -> None:
    paths = [state(tmp_path / name, loss) for name, loss in (("a.json", 1.0), ("b.json", 2.0))]
    (tmp_path / "config.yaml").write_text("lr: 1e-3\n")
    assert [run.rate for run in read(*paths).runs] == [None, None]
    with pytest.raises(DataError, match=r"beside each run: got .*config\.yaml for several runs, beside"):
        read(*paths, arm_from="config")
    for path, rate in zip(paths, ("1e-4", "1e-3"), strict=True):
        path.with_suffix(".yaml").write_text(f"lr: {rate}\n")
    assert [run.arm for run in read(*paths, arm_from="config").runs] == ["lr 1e-4", "lr 1e-3"]
    with pytest.raises(DataError, match=r"beside each run: got none, such as hparams\.yaml"):
        read(state(tmp_path / "c" / "c.json"), arm_from="config")


def test_seeds_of_a_setting_whose_paths_tell_settings_are_asked_about(tmp_path: Path) -> None:
    paths = [
        state(tmp_path / f"beta{beta}" / "trainer_state.json", loss=1.0 + beta, learning_rate=1e-4)
        for beta in (0.1, 0.5)
    ]
    (note,) = [note for note in read(*paths).notes if isinstance(note, PathsDiffer)]
    assert (note.arm, list(note.parts)) == ("lr 1e-4", ["beta0.1", "beta0.5"])
    assert len(read(*paths, arm_from="path").arms) == 2
    for beta, rank in ((0.1, 8), (0.5, 16)):  # a configuration beside each tells them apart
        (tmp_path / f"beta{beta}" / "args.json").write_text(json.dumps({"warmup_steps": rank}))
    assert len(read(*paths).arms) == 2
    assert not [note for note in read(*paths).notes if isinstance(note, PathsDiffer)]
    again = [state(tmp_path / f"run{n}" / "trainer_state.json", loss=2.0 + n, learning_rate=1e-4) for n in (1, 2)]
    assert not [note for note in read(*again).notes if isinstance(note, PathsDiffer)]


def test_paths_name_runs_where_that_is_asked_for(tmp_path: Path) -> None:
    for name in ("lr1e-4_bs8/s1", "lr1e-4_bs8/s2", "lr1e-3_bs8/s1"):
        state(tmp_path / name / "trainer_state.json", loss=float(len(name)) + (name[-1] == "2") + ("-3" in name))
    runs = read(tmp_path, arm_from="path").runs
    assert sorted((run.arm, run.seed, run.settings["batch_size"]) for run in runs) == [
        ("lr 1e-3", 1, "8"), ("lr 1e-4", 1, "8"), ("lr 1e-4", 2, "8"),
    ]  # fmt: skip
    assert {run.rate for run in runs} == {1e-3, 1e-4}
    assert {run.rate for run in read(tmp_path).runs} == {None}, "paths are names, unless more is asked for"


def test_folds_that_paths_name_are_no_seeds(tmp_path: Path) -> None:
    files = []
    for rate in ("1e-4", "3e-4"):
        for fold in (0, 1):
            path = tmp_path / f"lr{rate}" / f"fold_{fold}" / "log.csv"
            path.parent.mkdir(parents=True)
            path.write_text(f"epoch,lr,train_loss,val_loss\n1,{rate},1.5,1.{fold}\n2,{rate},1.4,1.{fold}1\n")
            files.append((path, importer_of(path).read(path)))
    runs = [file.runs[0] for _, file in with_arms(files, None)]
    assert [str(run.dev_set) for run in runs] == ["fold 0", "fold 1", "fold 0", "fold 1"]
    assert [str(file.runs[0].dev_set) for _, file in with_arms(files[:1], None)] == ["an unknown dev set"]
