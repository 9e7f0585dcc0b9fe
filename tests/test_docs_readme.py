"""The README's four commands run as they stand, the longer ones cut short, and its translation has the same."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

import pytest

from tests.conftest import Cli

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```sh\n(.*?)\n```$", re.DOTALL | re.MULTILINE)
COMMANDS = {
    line.split()[1]: line for line in BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
}  # by the command that each runs
PICTURE = re.compile(r'<img src="([^"]+)" width="\d+" alt="([^"]+)">')


def words(command: str, out: Path) -> list[str]:
    """Return a command's words, its results in another folder."""
    return [str(out) if word.startswith("runs/") else word for word in shlex.split(COMMANDS[command])[1:]]


@pytest.fixture(autouse=True)
def _in_the_clone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


def test_there_are_four() -> None:
    assert list(COMMANDS) == ["prior", "report", "sweep", "tune"]
    for line in COMMANDS.values():  # what cmd.exe, PowerShell and sh read alike
        assert "\\" not in line
        assert "'" not in line
        assert "\n" not in line
        assert re.fullmatch(r"(?:[^\",]|\"[^\"]*\")*", line), "PowerShell takes a bare comma for a list"


def test_the_translation_has_the_same() -> None:
    translated = BLOCK.findall((ROOT / "README.zh.md").read_text(encoding="utf-8"))
    assert [line.replace(" --lang zh", "") for line in translated] == list(COMMANDS.values())


@pytest.mark.parametrize("page", ["README.md", "README.zh.md"])
def test_each_has_a_picture(page: str) -> None:
    pictures = PICTURE.findall((ROOT / page).read_text(encoding="utf-8"))
    assert len(pictures) == 4
    assert [path for path, _ in pictures if not (ROOT / path).is_file()] == []


def test_the_prior(cli: Cli) -> None:
    code, out, _ = cli(*shlex.split(COMMANDS["prior"])[1:])
    assert code == 0
    assert "start at" in out
    assert "outside of the evidence" in out


def test_the_report_of_recorded_runs(cli: Cli, tmp_path: Path) -> None:
    code, out, error = cli(*words("report", tmp_path))
    assert code == 0, error
    assert "Use lr " in out
    assert "Confidence: low" in out
    assert (tmp_path / "report.html").is_file()


@pytest.mark.slow
def test_the_sweep_of_a_trainer_script(cli: Cli, tmp_path: Path) -> None:
    typed = " ".join(map(shlex.quote, words("sweep", tmp_path)))
    rates, seeds = "3e-4,1e-3,3e-3", "--seeds 2"
    assert rates in typed
    assert seeds in typed
    code, out, error = cli(*shlex.split(typed.replace(rates, "1e-3").replace(seeds, "--seeds 1")))
    assert code == 0, error
    assert "1e-3" in out
    assert "dev accuracy" in out
    assert cli("report", tmp_path)[0] == 0


def test_tune_names_what_is_there(cli: Cli, tmp_path: Path) -> None:
    code, _, error = cli(*[word.replace("5min", "1s") for word in words("tune", tmp_path)])
    assert code == 2  # a budget that nothing can be done with, which is known once model and data are read
    assert "--budget" in error
