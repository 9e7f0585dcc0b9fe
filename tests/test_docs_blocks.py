"""Every block of README and docs that could be typed is run by a test, here or elsewhere, or there is a reason not to.

The options of all command lines are checked by `test_docs_commands`.
"""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Cli

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# Whole pages, word by word, by a test of their own.
RUN_ELSEWHERE = {
    "README.md": "test_docs_readme.py",
    "start.md": "test_docs_start.py", "python.md": "test_docs_python.py", "reference.md": "test_reference.py",
    "add-a-finding.md": "carry_on/test_pages.py", "add-a-format.md": "carry_on/test_pages.py",
    "add-a-schedule.md": "carry_on/test_pages.py", "add-a-task.md": "carry_on/test_pages.py",
}  # fmt: skip
PAGES = [
    page
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
    if page.name not in RUN_ELSEWHERE
]
RUN_HERE = r"lrscope (?:prior|schedule) "
NOT_RUN = {
    r"make |pipx? install |uv tool ": "sets up a machine: .ci/run and test_distribution do",
    r"ray start|lrscope sweep \.\.\. ": "needs a cluster: executors/test_ray starts one",
    r"export |#!/bin/bash|\$ lrscope": "a machine's or a batch system's own: test_trainers_page reads it",
    r"lrscope (?:sweep|tune) --command": "starts trainers that are not installed: test_trainers_page reads it",
    r"lrscope (?!prior|schedule)[a-z]+ ": (
        "names files and models of the reader's: cli/test_examples runs each command on its own"
    ),
    r"python benchmarks/": "takes minutes to hours: tests/benchmarks runs the parts",
    r"Use lr |\d+ settings |linear |example_id,|h\(z\)|import |lrscope\.sweep\(": "is not a command line",
}
# Python that stands by itself; other blocks go on with a model, an optimizer or a study of the reader's.
RUN_PYTHON = {
    "priors.md": ("from lrscope.priors",),
    "schedules.md": ("from lrscope.schedules", "from dataclasses", "from lrscope import"),
}


def blocks(page: Path, *languages: str) -> list[str]:
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [text for language, text in found if language in languages]


def commands(page: Path) -> list[str]:
    """Return the lines of blocks that this file runs, without their comments."""
    text = "\n".join(blocks(page, "", "sh", "bash")).replace("\\\n", " ")
    return [re.sub(r"  +#.*", "", line) for line in text.splitlines() if re.match(RUN_HERE, line)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_block_is_run_or_has_a_reason(page: Path) -> None:
    for text in blocks(page, "", "sh", "bash"):
        assert any(re.match(pattern, text) for pattern in (RUN_HERE, *NOT_RUN)), f"{page.name}: {text}"


@pytest.mark.parametrize("pattern", NOT_RUN)
def test_a_reason_is_needed(pattern: str) -> None:
    assert any(re.match(pattern, text) for page in PAGES for text in blocks(page, "", "sh", "bash"))


def test_the_tests_of_whole_pages_are_there() -> None:
    for page, test in RUN_ELSEWHERE.items():
        assert any((folder / page).is_file() for folder in (ROOT, ROOT / "docs"))
        assert page.removesuffix(".md") in (ROOT / "tests" / test).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.name)
def test_priors_and_schedules_run_as_typed(
    page: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for line in commands(page):
        code, out, error = cli(*shlex.split(line)[1:])
        assert out, line
        assert code == int("schedule check" in line), error  # each shows a mistake, which is found


@pytest.mark.parametrize("page", [*PAGES, ROOT / "docs" / "python.md"], ids=lambda page: page.name)
def test_python_is_python(page: Path) -> None:
    for text in blocks(page, "python"):
        ast.parse(text)


@pytest.mark.parametrize("name", RUN_PYTHON)
def test_python_that_stands_by_itself_runs(name: str) -> None:
    texts = [text for text in blocks(ROOT / "docs" / name, "python") if text.startswith(RUN_PYTHON[name])]
    assert len(texts) == len(RUN_PYTHON[name])
    done = subprocess.run([sys.executable, "-c", "\n".join(texts)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
