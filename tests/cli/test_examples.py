"""The examples in the commands' help run, as they are typed, where the files that they name are there."""

from __future__ import annotations

import inspect
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from tests.conftest import Cli, Toy
from tests.sft import SftToy

from lrscope.cli.app import COMMANDS, GROUPS

TRAINING = Path(__file__).parents[1] / "fixtures" / "external" / "train.py"
# What takes more than a few seconds even on toy files.
LONG = ("demo", "find", "sweep --model", "sweep --like", "tune", "run-llama")


def examples() -> Iterator[str]:
    places = [(name, module) for name, module in COMMANDS.items()]
    places += [(name, f"lrscope.cli.{group}") for group, (_, names) in GROUPS.items() for name in names]
    for name, module in places:
        command = getattr(import_module(module), name.replace("-", "_"))
        text = inspect.cleandoc(command.__doc__).partition("Example:\n\n")[2]
        yield from (" ".join(part.split()) for part in text.split("\n\n"))


def parameters() -> Iterator[object]:
    for number, line in enumerate(dict.fromkeys(examples())):
        arguments = line.removeprefix("lrscope ")
        marks = [pytest.mark.slow] if arguments.startswith(LONG) else []
        if arguments.startswith("demo"):
            marks.append(pytest.mark.skip(reason="two minutes: make demo runs it, and test_sweep a smaller one"))
        if arguments.startswith("serve"):
            marks.append(pytest.mark.skip(reason="it serves until Ctrl-C: test_live_pages runs and ends it"))
        yield pytest.param(line, marks=marks, id=f"{number}-{' '.join(arguments.split()[:2])}")


@pytest.fixture
def conversations(tmp_path: Path, chat_llama: Path) -> SftToy:
    from tests.sft import sft_toy_in

    return sft_toy_in(tmp_path / "conversations", chat_llama)


@pytest.fixture
def place(toy: Toy, conversations: SftToy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all that examples name but studies."""
    home = tmp_path / "place"
    home.mkdir()
    for model, names in (
        (toy.model, ("stories260K", "stories260K-hf", "stories42M.pt")),
        (conversations.model, ("SmolLM2-135M-Instruct", "HuggingFaceTB/SmolLM2-135M-Instruct")),
    ):
        for name in names:
            shutil.copytree(model, home / name)
    for file, names in (
        (toy.train, ("train.txt", "sst-train.txt")),
        (toy.dev, ("dev.txt", "sst-dev.txt")),
        (toy.test, ("sst-test.txt",)),
        (toy.names, ("sst-label-mapping.json",)),
        (conversations.train, ("gsm8k-train.jsonl",)),
        (conversations.test, ("test.jsonl", "prompts.jsonl")),
        (TRAINING.parents[1] / "logs" / "three-rates-5.log", ("training.log",)),
        (TRAINING.parents[1] / "logs" / "classic-5.trainer_state.json", ("old/trainer_state.json",)),
    ):
        for name in names:
            (home / name).parent.mkdir(exist_ok=True)
            shutil.copy(file, home / name)
    (home / "sentences.txt").write_text("the film is good\nthe film is bad\n", encoding="utf-8")
    own = TRAINING.read_text(encoding="utf-8").replace('"--epochs"', '"--num_train_epochs"')
    (home / "train.py").write_text(own.replace("options.epochs", "options.num_train_epochs"), encoding="utf-8")
    monkeypatch.chdir(home)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return home


def make_studies(line: str, toy: Toy, sft: SftToy, cli: Cli) -> None:
    """Make the studies that an example reads, or goes on with."""
    if line.startswith("lrscope tune --resume"):
        own = "python train.py --learning_rate {lr} --seed {seed} --num_train_epochs {epochs} --output_dir {out}"
        begun = cli(
            "tune", "--command", own, "--lr", "1e-5:1e-3", "--epochs", 1, "--budget", "7s", "--out", "runs/mine"
        )
        assert begun[0] == 0, begun[2]
    _, new, out = line.partition("--out runs/")
    for name in ("first", "sft", "sweep", "linear", "cosine"):
        if f"runs/{name}" not in line or (new and out.split()[0] == name):
            continue
        made = {
            "first": ["finetune", *toy.options()],
            "sft": ["finetune", *sft.options("--train-part", "lora", "--lora-rank", "2")],
            "sweep": ["sweep", *toy.options("--lr", "1e-3,1e-2")],
            "linear": ["sweep", *toy.options("--lr", "1e-3,1e-2")],
            "cosine": ["sweep", *toy.options("--lr", "1e-3,1e-2", "--schedule", "cosine")],
        }[name]
        code, _, error = cli(*made, "--out", f"runs/{name}")
        assert code == 0, error


@pytest.mark.parametrize("line", [*parameters()])
def test_an_example_runs(line: str, place: Path, toy: Toy, conversations: SftToy, cli: Cli) -> None:
    line = re.sub(r"--budget \S+", "--budget 8s", line)  # of which a test need not spend all
    make_studies("runs/first" if line.startswith("lrscope list") else line, toy, conversations, cli)
    program, *arguments = shlex.split(line)
    code, out, error = cli(*arguments)
    # The example of the check is of a mistake, which it finds.
    assert (program, code) == ("lrscope", int(arguments[:2] == ["schedule", "check"])), error
    assert out + error
