"""docs/reference.md is what the declarations say."""

import importlib.util
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent


def script(name: str = "make_reference") -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_up_to_date() -> None:
    written = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert written == script().reference(), "run scripts/make_reference.py"


def test_schemas_of_statements_and_the_page_of_json_are_up_to_date() -> None:
    written, made = ROOT / "docs", script("make_json_reference")
    assert (written / "schemas" / "statements.json").read_text(encoding="utf-8") == made.statements_text()
    assert (written / "json.md").read_text(encoding="utf-8") == made.json_page(), "run scripts/make_json_reference.py"
