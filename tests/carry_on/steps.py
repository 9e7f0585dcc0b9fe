"""The steps of a page of docs/, taken in a copy of the project: what a stranger would do, word by word.

A block with a title is a file: new, or with `diff` one that is changed. A block of `sh` is what is typed.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARTS = ("src", "tests", "docs", "scripts", "pyproject.toml", "CHANGELOG.md", "README.md")
BLOCK = re.compile(r'^ *```(\w+)(?: title="([^"]+)")?\n(.*?)^ *```$', re.DOTALL | re.MULTILINE)
PROGRAMS = {
    "pytest": [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
    "lrscope": [sys.executable, "-m", "lrscope"],
    "ruff": [sys.executable, "-m", "ruff"],
    "python": [sys.executable],
}


@dataclass(frozen=True)
class Block:
    """A block of a page: its language, the file that it is or changes, and its text."""

    language: str
    file: str
    text: str


def blocks_of(page: Path) -> list[Block]:
    return [Block(*found) for found in BLOCK.findall(page.read_text(encoding="utf-8"))]


def numbered_steps(page: Path) -> list[int]:
    return [int(number) for number in re.findall(r"^(\d+)\. ", page.read_text(encoding="utf-8"), re.MULTILINE)]


def copy_project(folder: Path) -> None:
    """Copy what a page works on; caches and what git ignores are left behind."""
    for name in PARTS:
        source = ROOT / name
        ignore = shutil.ignore_patterns("__pycache__", "*.pyc", "notebooks")
        shutil.copytree(source, folder / name, ignore=ignore) if source.is_dir() else shutil.copy(source, folder / name)


def changed(text: str, diff: str) -> str:
    """Return a file's text with one change made: lines with a space or a minus must stand in it once, as they are."""
    lines = [line or " " for line in diff.splitlines()]
    assert {line[0] for line in lines} <= {" ", "-", "+"}, diff
    before, after = ("".join(f"{line[1:]}\n" for line in lines if line[0] in kept) for kept in (" -", " +"))
    assert text.count(before) == 1, f"these lines stand {text.count(before)} times in the file:\n{before}"
    return text.replace(before, after)


def take(page: Path, folder: Path) -> list[str]:
    """Take a page's steps in the order in which they stand; return what the commands printed."""
    files, printed = set(), []
    for block in blocks_of(page):
        if block.file:
            path = folder / block.file
            if block.language == "diff":
                path.write_text(changed(path.read_text(encoding="utf-8"), block.text), encoding="utf-8")
            else:
                assert not path.exists(), f"{block.file} exists already"
                path.write_text(block.text, encoding="utf-8")
            files.add(block.file)
        elif block.language == "sh":
            printed += [run(line, folder) for line in block.text.replace("\\\n", " ").splitlines()]
    code = sorted(file for file in files if file.endswith(".py"))
    run(shlex.join(["ruff", "check", *code]), folder)
    run(shlex.join(["ruff", "format", "--check", *code]), folder)
    return printed


def run(line: str, folder: Path) -> str:
    """Run a line of a page in the copy, and return what it printed; it must succeed."""
    program, *arguments = shlex.split(line, comments=True)
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    done = subprocess.run(
        [*PROGRAMS[program], *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{line}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout
