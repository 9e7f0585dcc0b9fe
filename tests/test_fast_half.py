"""`make test-fast`: what it runs exists, and leaves out what trains."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TRAINING = {
    "api", "benchmarks", "carry_on", "cli", "executors", "integrations", "models", "runners", "studies", "tasks",
    "terminal", "training", "workflows",
}  # fmt: skip


def test_the_fast_half_is_every_folder_that_does_not_train() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    match = re.search(r"^FAST := \$\(addprefix tests/, (.*)\)$", text, re.MULTILINE)
    assert match is not None
    named = match[1].split()
    for name in named:
        assert (ROOT / "tests" / name).exists(), name
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}
    assert folders - TRAINING == {name for name in named if not name.endswith(".py")}
