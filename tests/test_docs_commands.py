"""Every command line of README and docs names a command that exists, and options that it has."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from lrscope.cli.app import make_app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "README.zh.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def command_lines(page: Path) -> list[str]:
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    text = "\n".join(block for language, block in blocks if language in ("", "sh", "bash")).replace("\\\n", " ")
    text = re.sub(r" #.*", "", text)  # comments may hold an apostrophe
    return re.findall(r"^lrscope (?:'[^']*'|\"[^\"]*\"|[^'\"\n])*", text, re.MULTILINE)


@pytest.mark.parametrize("page", [page for page in PAGES if command_lines(page)], ids=lambda page: page.name)
def test_options_of_command_lines_exist(page: Path) -> None:
    root: Any = typer.main.get_command(make_app())
    for line in command_lines(page):
        command, words = root, shlex.split(line)[1:]
        while words and hasattr(command, "commands"):
            word = words.pop(0).replace("_", "-")
            if word.startswith("-"):
                break
            assert word in command.commands, f"{page.name}: {line}"
            command = command.commands[word]
        known = {option.replace("_", "-") for each in command.params for option in each.opts} | {"--help"}
        given = {word.partition("=")[0].replace("_", "-") for word in words if re.match(r"--[a-z]", word)}
        # What is quoted for --command is another program's, and one word here.
        assert given - known == set(), f"{page.name}: {line}"
