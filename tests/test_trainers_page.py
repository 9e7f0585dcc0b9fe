"""What docs/trainers.md tells people to type is what lrscope takes."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from lrscope.runners.external.placeholders import names_in, render_template, split_command

PAGE = (Path(__file__).parents[1] / "docs" / "trainers.md").read_text(encoding="utf-8")
COMMANDS = [text for text in re.findall(r"--command '([^']*)'", PAGE) if "…" not in text]
KNOWN = {"lr", "seed", "out", "checkpoint", "port", "config", "epochs", "steps", "lora_r"}
VALUES = {"lr": 1e-5, "seed": 1, "out": Path("/runs/out"), "epochs": 2.0, "lora_r": 8}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda text: " ".join(text.split()[:2]))
def test_commands_name_known_placeholders_and_say_where_the_rate_goes(command: str) -> None:
    names = frozenset[str]().union(*map(names_in, split_command(command)))
    assert names <= KNOWN
    assert {"lr", "seed", "out"} <= names or "config" in names


def test_every_trainer_has_its_command() -> None:
    programs = {split_command(command)[0] for command in COMMANDS}
    assert {"python", "trl", "axolotl", "llamafactory-cli", "tune", "srun", "./submit.sh"} <= programs


def test_the_filled_template_is_read_with_numbers_as_numbers(tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    template = tmp_path / "axolotl.yaml"
    template.write_text(
        next(block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.S) if "{lr}" in block), encoding="utf-8"
    )
    filled = yaml.safe_load(render_template(template, VALUES).text)
    assert (filled["learning_rate"], filled["seed"], filled["output_dir"]) == (1e-5, 1, "/runs/out")
    assert (filled["lora_r"], filled["num_epochs"]) == (8, 2)


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", PAGE, re.S))
def test_python_is_python(code: str) -> None:
    ast.parse(code)
