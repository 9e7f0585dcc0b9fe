"""The notebooks of docs/: they run, show what their text says, and hold nothing of the machine that ran them."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
PICTURE = "data:image/png;base64,"


@pytest.fixture(scope="module")
def run_notebooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("run_notebooks", ROOT / "scripts" / "run_notebooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def outputs(notebook: Any) -> list[dict[str, Any]]:
    """Return what the cells show of the values that stand last in them, by media type."""
    shown = [out for cell in notebook["cells"] for out in cell.get("outputs", [])]
    return [out["data"] for out in shown if out["output_type"] == "execute_result"]


def test_there_are_two() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["my_own_loop", "my_trainer"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_kept_is_small_and_tells_nothing_of_the_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text) < 250_000
    plain = re.sub(re.escape(PICTURE) + "[A-Za-z0-9+/=]*", "", text)
    assert not re.search(r"(?<![\w.</])/(?:home|root|tmp|work|usr|opt|Users)/", plain)
    assert str(Path.home()) not in plain
    assert "Warning" not in plain
    assert '"output_type": "error"' not in plain
    codes = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in codes] == list(range(1, len(codes) + 1)), "run scripts/run_notebooks.py"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_and_shows_what_it_says(path: Path, tmp_path: Path, run_notebooks: ModuleType) -> None:
    notebook = run_notebooks.executed(path, tmp_path)
    kept = json.loads(path.read_text(encoding="utf-8"))
    now = outputs(notebook)
    assert [sorted(each) for each in now] == [sorted(each) for each in outputs(kept)]
    pages = "".join("".join(each.get("text/html", "")) for each in now)
    assert "Search" not in pages  # is in the picture; what is read aloud says it in small letters
    assert re.search(r'alt="&lt;range test, \d seeds?: search ', pages)
    assert '<div class="lrscope-study">' in pages
    assert "Use lr" in pages
    assert any("image/png" in each for each in now)  # a figure without pyplot
    (folder,) = (study for study in (tmp_path / "runs").iterdir() if study.name.startswith("my-"))
    assert (folder / "study.db").is_file()
