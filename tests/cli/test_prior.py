"""`lrscope prior`, as a user types it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from tests.conftest import Cli

LLAMA = ["prior", "--model", "meta-llama/Llama-3.1-8B"]


def test_it_says_where_to_start_how_surely_and_what_was_never_measured(cli: Cli) -> None:
    code, out, err = cli(*LLAMA, "--method", "lora", "--task", "sft", "--batch-size", "64", "--examples", "5000")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith(
        "LoRA, supervised fine-tuning of llama-3.1-8b (8B parameters) with AdamW: batch size 64, 79"
    )
    assert lines[1].startswith("  start at ")
    assert lines[1].endswith(" with 80%")
    assert "(90%: below" in lines[-6]
    assert "llama-3" in lines[-5]
    assert "batch size 64 lies between what was measured" in lines[-4]
    assert lines[-3].startswith("next: lrscope sweep --task sft --model meta-llama/Llama-3.1-8B ")
    assert lines[-2].startswith("or, with a training of your own: lrscope sweep --command 'python train.py")
    assert lines[-1].startswith("or, within a budget of time: lrscope tune --command 'python train.py")


def test_json_says_the_same(cli: Cli) -> None:
    _, out, _ = cli(*LLAMA, "--json")
    said = json.loads(out)
    assert said["interval"]["low"] < said["start"] < said["interval"]["high"]
    assert said["question"]["steps"] == 157
    assert said["evidence"]["held_out_coverage"] == pytest.approx(0.8, abs=0.12)
    assert {each["name"] for each in said["outside"]} <= {"batch size", "steps"}
    assert said["next"].startswith("lrscope sweep")


@pytest.mark.parametrize("method", ["lora", "full"])
def test_the_next_command_makes_a_study(cli: Cli, tmp_path: Path, method: str) -> None:
    _, out, _ = cli(*LLAMA, "--method", method, "--batch-size", "8", "--json")
    words = shlex.split(json.loads(out)["next"])[1:]
    code, _, err = cli(*words, "--save-config", tmp_path / "sweep.toml")
    assert code == 0, err
    saved = (tmp_path / "sweep.toml").read_text()
    assert f'train_part = "{method}"' in saved or 'train_part = ["' in saved
    assert "batch_size = 8" in saved


def test_the_next_command_of_ones_own_training_makes_a_study(cli: Cli, tmp_path: Path) -> None:
    said = json.loads(cli(*LLAMA, "--json")[1])
    words = shlex.split(said["next_own"])[1:]
    code, _, err = cli(*words, "--save-config", tmp_path / "sweep.toml")
    assert code == 0, err
    assert "{lr}" in (tmp_path / "sweep.toml").read_text()
    assert [float(f"{rate:.2g}") for rate in said["rates"]] == [float(rate) for rate in words[-1].split(",")]


def test_the_tune_goes_over_the_interval(cli: Cli) -> None:
    said = json.loads(cli(*LLAMA, "--json")[1])
    words = shlex.split(said["next_tune"])
    low, high = map(float, words[words.index("--lr") + 1].split(":"))
    assert (low, high) == pytest.approx((said["interval"]["low"], said["interval"]["high"]), rel=0.05)
    assert words[-2:] == ["--budget", "2h"]


def test_where_little_is_known_it_says_so_and_points_at_a_range_test(cli: Cli) -> None:
    code, out, _ = cli(*LLAMA, "--method", "head", "--task", "classification")
    assert code == 0
    assert "this is wide" in out
    assert " --lr auto\n" in out


def test_a_folder_is_asked_about(cli: Cli, tmp_path: Path) -> None:
    sizes = {"vocab_size": 49_152, "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30,
             "num_attention_heads": 9, "num_key_value_heads": 3, "tie_word_embeddings": True}  # fmt: skip
    folder = tmp_path / "SmolLM2-mine"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(sizes))
    code, out, _ = cli("prior", "--model", folder, "--json")
    assert code == 0
    assert json.loads(out)["question"]["family"] == "smollm2"
    assert json.loads(out)["question"]["parameters"] == pytest.approx(134.5e6, rel=0.01)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--method", "dpo"], "too high"),
        (["--task", "dpo"], "too high"),
        (["--optimizer", "muon"], "another unit"),
        (["--task", "from-scratch"], "too low"),
        (["--method", "qlora"], "nearest"),
        (["--optimizer", "sgd"], "too low"),
        (["--task", "translation"], "nothing is known"),
        (["--method", "head"], "a head alone is that of a classifier: got task sft"),
        (["--parameters", "-1"], "--parameters must be a positive number"),
        (["--batch-size", "0"], "--batch-size must be at least 1"),
        (["--examples", "0"], "--examples"),
    ],
)
def test_what_it_does_not_know_is_refused_in_one_line(cli: Cli, arguments: list[str], told: str) -> None:
    code, out, err = cli(*LLAMA, *arguments)
    assert (code, out) == (2, "")
    assert told in err
    assert err.count("\n") == 1


def test_a_model_of_unknown_size_is_refused(cli: Cli) -> None:
    code, _, err = cli("prior", "--model", "microsoft/phi-4")
    assert code == 2
    assert "add --parameters 7e9" in err
