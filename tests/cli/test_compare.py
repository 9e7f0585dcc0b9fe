"""`lrscope compare`: allowed on one task, metric and dev set, refused elsewhere with what differs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.commands import TRAIN
from tests.commands import sweep as sweep_of_command
from tests.conftest import TINY, Cli, Toy, random_weights, tiny_tokenizer, toy_lines
from tests.sft import SftToy

from lrscope.models.checkpoint_writer import write_checkpoint
from lrscope.store.study import StudyStore


def swept(cli: Cli, toy: Toy, folder: Path, *more: object) -> Path:
    """Return a new study of two seeds."""
    code, _, error = cli("sweep", *toy.options("--seeds", "2", "--out", folder, *more))  # type: ignore[arg-type]
    assert code == 0, error
    return folder


def compared(cli: Cli, *folders: Path, out: Path) -> dict[str, Any]:
    code, printed, error = cli("compare", *folders, "--out", out, "--json")
    assert code == 0, error
    return json.loads(printed)  # type: ignore[no-any-return]


def test_studies_of_one_dev_set_are_compared_example_by_example(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    low = swept(cli, toy, tmp_path / "low", "--lr", "1e-4,1e-3")
    copied = tmp_path / "elsewhere.txt"
    shutil.copy(toy.dev, copied)
    high = swept(cli, toy, tmp_path / "high", "--lr", "1e-3,1e-2", "--dev", copied)
    both = compared(cli, low, high, out=tmp_path / "both")
    assert [arm["name"] for arm in both["arms"]] == ["lr 1e-4", "lr 1e-3", "lr 1e-2"]
    assert len(both["runs"]) == 6, "what both ran, at one seed, is one run"
    assert "means-only" not in {each["kind"] for each in both["findings"]}
    assert "scores-ignored" not in {each["kind"] for each in both["findings"]}
    whole = swept(cli, toy, tmp_path / "whole", "--lr", "1e-4,1e-3,1e-2")
    alone = json.loads(cli("report", whole, "--json")[1])
    for name in ("difference", "low", "high"):
        as_one = pytest.approx([pair[name] for pair in alone["pairs"]])
        assert [pair[name] for pair in both["pairs"]] == as_one, "as if it had been one study"


def test_studies_of_two_models_are_told_apart(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    other = tmp_path / "other-model"
    write_checkpoint(other, random_weights(TINY, seed=1), TINY.to_config(), tiny_tokenizer())
    one = swept(cli, toy, tmp_path / "one", "--lr", "1e-3")
    two = swept(cli, toy, tmp_path / "two", "--lr", "1e-3", "--model", other)
    names = [arm["name"] for arm in compared(cli, one, two, out=tmp_path / "both")["arms"]]
    assert names == [f"lr 1e-3, model {toy.model.name}", "lr 1e-3, model other-model"]


def test_training_data_that_was_changed_tells_studies_apart(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    one = swept(cli, toy, tmp_path / "one", "--lr", "1e-3")
    toy.train.write_text("\n".join(toy_lines(43, 9)) + "\n", encoding="utf-8")
    two = swept(cli, toy, tmp_path / "two", "--lr", "1e-3")
    both = compared(cli, one, two, out=tmp_path / "both")
    assert [arm["name"] for arm in both["arms"]] == ["lr 1e-3, study one", "lr 1e-3, study two"]


def test_what_differs_is_named(toy: Toy, sft_toy_beside: SftToy, tmp_path: Path, cli: Cli) -> None:
    one = swept(cli, toy, tmp_path / "one", "--lr", "1e-3")
    elsewhere = tmp_path / "other-dev.txt"
    elsewhere.write_text("\n".join(toy_lines(17, 8)) + "\n", encoding="utf-8")
    two = swept(cli, toy, tmp_path / "two", "--lr", "1e-3", "--dev", elsewhere)
    toy.dev.write_text("\n".join(toy_lines(17, 7)) + "\n", encoding="utf-8")
    three = swept(cli, toy, tmp_path / "three", "--lr", "1e-3")
    four = tmp_path / "four"
    assert cli("finetune", *sft_toy_beside.options("--out", four))[0] == 0
    for other, says in (
        (two, f"the dev data ({toy.dev} and {elsewhere})"),
        (three, f"the dev data (what {toy.dev} held, or how it was read)"),
        (four, "the task (classification and sft)"),
    ):
        code, out, error = cli("compare", one, other, "--out", tmp_path / "both")
        assert (code, out, error.count("\n")) == (2, "", 1)
        assert f"which differ in {says}; lrscope report " in error
    assert not (tmp_path / "both").exists()


@pytest.fixture
def sft_toy_beside(tmp_path: Path, chat_llama: Path) -> SftToy:
    from tests.sft import sft_toy_in

    return sft_toy_in(tmp_path / "conversations", chat_llama)


def test_log_losses_are_of_the_same_tokens(sft_toy_beside: SftToy, tmp_path: Path, cli: Cli) -> None:
    for name, more in (("one", ["--lr", "1e-3"]), ("two", ["--batch-size", "4"]), ("all", ["--loss-on", "all"])):
        code, _, error = cli("finetune", *sft_toy_beside.options(*more, "--out", str(tmp_path / name)))
        assert code == 0, error
    both = compared(cli, tmp_path / "one", tmp_path / "two", out=tmp_path / "both")
    assert [arm["name"] for arm in both["arms"]] == ["lr 1e-3", "lr 1e-2"]
    assert "means-only" not in {each["kind"] for each in both["findings"]}, "token by token as they weigh"
    code, _, error = cli("compare", tmp_path / "one", tmp_path / "all", "--out", tmp_path / "x")
    assert (code, "held, or how it was read" in error) == (2, True), error


def test_a_metric_that_both_measured_may_be_asked_for(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    one = swept(cli, toy, tmp_path / "one", "--lr", "1e-3")
    two = swept(cli, toy, tmp_path / "two", "--lr", "1e-2")
    with StudyStore.open(two, for_writing=True) as store:
        store.replace_metric(type(store.metric)("loss", "minimize"))
    code, _, error = cli("compare", one, two, "--out", tmp_path / "both")
    assert (code, "the metric (accuracy and loss)" in error) == (2, True)
    code, _, error = cli("compare", one, two, "--metric", "loss", "--out", tmp_path / "both")
    assert code == 0, error


def test_commands_are_compared_where_they_are_one(tmp_path: Path, cli: Cli) -> None:
    for name, rates, command in (("a", "1e-4", TRAIN), ("b", "1e-3", TRAIN), ("c", "1e-3", f"{TRAIN} --other 1")):
        cli(*sweep_of_command(tmp_path / name, rates=rates, command=command, seeds=2))
    assert len(compared(cli, tmp_path / "a", tmp_path / "b", out=tmp_path / "both")["arms"]) == 2
    code, _, error = cli("compare", tmp_path / "a", tmp_path / "c")
    assert (code, "nothing tells whether on one dev set" in error) == (2, True), error


def test_one_study_is_not_compared(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    code, _, error = cli("compare", tmp_path)
    assert (code, "two studies or more are compared: got 1" in error) == (2, True)
