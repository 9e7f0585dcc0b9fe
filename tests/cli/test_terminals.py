"""Commands on a narrow terminal, on a dumb one, with NO_COLOR, and piped: no codes where there should be none, and no
row of a table that is wider than the terminal.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.cells import cell_len
from tests.conftest import Toy
from tests.sft import SftToy

from lrscope.cli.app import main

STUDIES = Path(__file__).parents[1] / "fixtures" / "v0.1"
COLUMNS = 40
LINES_OF_PROGRESS = ("epoch ", "step ", "trial ", "seed ", "test ")  # their parts are set apart by two spaces
STYLE = re.compile(r"\x1b\[[\d;]*m")
MOVE = re.compile(r"\x1b\[[?\d;]*[A-Za-z]|\r")
CONDITIONS = {
    "narrow": {"TERM": "xterm-256color"},
    "NO_COLOR": {"TERM": "xterm-256color", "NO_COLOR": "1"},
    "dumb": {"TERM": "dumb"},
    "piped": {"TERM": "xterm-256color", "FORCE_COLOR": "1"},
}
Shown = Callable[..., str]


@contextmanager
def terminal() -> Iterator[list[str]]:
    """Make standard output and error a terminal; what was written is in the list afterwards."""
    fcntl, termios = pytest.importorskip("fcntl"), pytest.importorskip("termios")
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, (24).to_bytes(2, sys.byteorder) + COLUMNS.to_bytes(2, sys.byteorder) * 3)
    pieces: list[bytes] = []

    def read() -> None:
        try:
            while piece := os.read(ours, 65536):
                pieces.append(piece)
        except OSError:  # the other end is closed
            pass

    reader, written = threading.Thread(target=read), []
    reader.start()
    before = sys.stdout, sys.stderr
    try:
        with os.fdopen(theirs, "w", encoding="utf-8") as file:
            sys.stdout = sys.stderr = file
            yield written
    finally:
        sys.stdout, sys.stderr = before
        reader.join()
        os.close(ours)
    written.append(b"".join(pieces).decode().replace("\r\n", "\n"))


@pytest.fixture(params=CONDITIONS)
def shown(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shown:
    """Run a command in one of the conditions, hold what it shows to them, and return that without codes."""
    condition = request.param
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**CONDITIONS[condition], "COLUMNS": str(COLUMNS)}.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: object) -> str:
        def command() -> None:
            with pytest.raises(SystemExit) as ended:
                main([str(argument) for argument in arguments])
            assert ended.value.code in (0, 1)

        if condition == "piped":
            command()
            text = "".join(capsys.readouterr())
        else:
            with terminal() as written:
                command()
            (text,) = written
        assert condition == "narrow" or not STYLE.search(text)
        assert condition in ("narrow", "NO_COLOR") or "\x1b" not in text
        plain = MOVE.sub("\n", text)
        if condition != "piped":
            wide = [line for line in plain.splitlines() if cell_len(line) > COLUMNS and "  " in line.strip()]
            assert not [line for line in wide if not line.startswith(LINES_OF_PROGRESS)], wide
        return plain

    return run


@pytest.fixture
def studies(tmp_path: Path) -> Path:
    for name in ("cut", "done", "find"):
        shutil.copytree(STUDIES / name, tmp_path / "runs" / name)
    return tmp_path / "runs"


def test_reading_commands(shown: Shown, studies: Path) -> None:
    assert "6 trials" in shown("status", studies / "cut")
    assert "lr 1e-3" in shown("list", studies)
    assert "report.html" in shown("report", studies / "done")


def test_commands_without_a_study(shown: Shown) -> None:
    assert "start at" in shown("prior", "--model", "meta-llama/Llama-3.1-8B", "--method", "lora", "--task", "sft")
    run = ("--epochs", 5, "--steps-per-epoch", 107)
    assert "warmup 32" in shown("schedule", "show", "warmup(6%) > cosine(to=0.01)", "linear", *run)
    assert "did you mean 5ep" in shown("schedule", "check", "cosine(length=5st)", *run)


def test_data_show(shown: Shown, sft_toy: SftToy) -> None:
    assert "learned" in shown("data", "show", "--model", sft_toy.model, "--train", sft_toy.train)


@pytest.mark.slow
def test_training_commands(shown: Shown, toy: Toy, tmp_path: Path) -> None:
    options = toy.options("--out")
    assert "epoch 2/2" in shown("finetune", *options, tmp_path / "one")
    assert "2 trials" in shown("sweep", *options, tmp_path / "two", "--lr", "1e-3,1e-2")
    inputs = ("--model", toy.model, "--train", toy.train, "--dev", toy.dev, "--label-names", toy.names, "--threads", 1)
    test = ("--batch-size", 8, "--steps", 20, "--seeds", 1, "--out", tmp_path / "find")
    assert "seed 0" in shown("find", *inputs, *test)
