"""The house of docs/architecture.md, held: a file imports from its own room and from lower floors, never up."""

import ast
import re
import xml.etree.ElementTree as ET
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "lrscope"

FLOORS = {
    "__main__": 11,
    "cli": 10, "api": 10,
    "terminal": 9, "integrations": 9,
    "workflows": 8,
    "studies": 7, "report": 7,
    "executors": 6, "findings": 6,
    "runners": 5, "statistics": 5, "priors": 5, "tuning": 5,
    "runs": 4, "training": 4, "sinks": 4,
    "tasks": 3, "store": 3,
    "config": 2, "records": 2,
    "schedules": 1, "models": 1, "data": 1, "range_test": 1, "sample": 1,
    "errors": 0, "visible_text": 0, "files": 0, "machine": 0, "randomness": 0, "figure_style": 0, "number_text": 0,
    "shown_figure": 0, "json_text": 0, "parabola": 0,
}  # fmt: skip

# Rooms that must work, and start fast, where torch is not loaded.
WITHOUT_TORCH = (
    "errors",
    "files",
    "visible_text",
    "figure_style",
    "machine",
    "randomness",
    "range_test",
    "schedules",
    "data",
    "config",
    "records",
    "store",
    "sinks",
    "runs",
    "statistics",
    "priors",
    "tuning",
    "findings",
    "executors",
    "studies",
    "workflows",
)
HEAVY = ("torch", "transformers", "matplotlib", "pyarrow", "scipy", "ray")


def files() -> list[Path]:
    return sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


def room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports(path: Path, *, top_level_only: bool = False) -> frozenset[str]:
    tree = tree_of(path)
    guarded = {
        id(child)
        for node in ast.walk(tree)
        if top_level_only and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for child in ast.walk(node)
    }
    inside = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for child in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in guarded or (top_level_only and id(node) in inside):
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(found)


def test_every_room_has_a_floor() -> None:
    assert {room(path) for path in files()} <= set(FLOORS)


def shown_floors() -> dict[str, int]:
    """Return the floor on which the picture has each room."""
    svg = "{http://www.w3.org/2000/svg}"
    picture = ET.parse(ROOT / "docs" / "architecture.svg")
    return {
        text.text or "": int(floor.attrib["id"].removeprefix("floor-"))
        for floor in picture.iter(f"{svg}g")
        if floor.get("class") == "floor"
        for text in floor.iter(f"{svg}text")
        if "room" in text.get("class", "").split()
    }


def written_floors() -> dict[str, int]:
    """Return the floor on which the table has each room."""
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"), re.M)
    named = ((int(floor), name) for floor, rooms in rows for name in re.findall(r"`(\w+)(?:/|\.py)?`", rooms))
    return {name: floor for floor, name in named}


def test_the_page_and_its_picture_show_the_house_as_it_is() -> None:
    rooms = {name: floor for name, floor in FLOORS.items() if name != "__main__"}
    assert written_floors() == rooms
    assert shown_floors() == rooms


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_never_go_up(path: Path) -> None:
    here = room(path)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "lrscope" or len(parts) < 2 or parts[1] not in FLOORS:
            continue
        there = parts[1]
        assert there in (here, "errors") or FLOORS[there] < FLOORS[here], (
            f"{here} (floor {FLOORS[here]}) imports {name}"
        )


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_rooms_that_start_without_heavy_packages(path: Path) -> None:
    if room(path) in (*WITHOUT_TORCH, "report", "terminal", "cli", "api", "__main__"):
        heavy = {name for name in imports(path, top_level_only=True) if name.split(".")[0] in HEAVY}
        assert not heavy, f"{path.name} imports {heavy} when it is loaded"


def modules(name: str) -> set[str]:
    """Return the modules of lrscope that an imported name leads to: itself, or the module that it is taken from."""
    return {candidate for candidate in (name, name.rpartition(".")[0]) if candidate in SIBLINGS}


SIBLINGS = {".".join(("lrscope", *path.relative_to(SOURCE).with_suffix("").parts)): path for path in files()}


def test_modules_of_a_room_import_each_other_in_one_direction() -> None:
    # Those under TYPE_CHECKING and inside of functions count too: a circle is one however late it closes.
    graph = {
        module: {other for name in imports(path) for other in modules(name) if room(SIBLINGS[other]) == room(path)}
        for module, path in SIBLINGS.items()
        if path.name != "__init__.py"
    }
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")


def test_files_stay_small() -> None:
    lengths = {path.relative_to(SOURCE): len(path.read_text(encoding="utf-8").splitlines()) for path in files()}
    assert max(lengths.values()) <= 330, lengths


def test_commands_print_by_one_way() -> None:
    # output.echo and output.progress_console show what would steer a terminal; use them instead.
    for path in files():
        if room(path) in ("cli", "terminal") and path.name != "output.py":
            text = path.read_text(encoding="utf-8")
            assert "typer.echo" not in text, f"{path}: print with lrscope.terminal.output.echo"
            assert "Console(stderr" not in text, f"{path}: draw on lrscope.terminal.output.progress_console()"


def test_the_judging_rooms_do_not_speak_of_accuracy() -> None:
    for path in files():
        if room(path) in ("store", "runs", "statistics", "findings"):
            text = path.read_text(encoding="utf-8").lower()
            assert "accuracy" not in text, f"{path}: metrics, values and directions only"
            assert "label" not in text.replace("labelled", ""), f"{path}: metrics, values and directions only"


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_functions_take_few_parameters(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            taken = len(node.args.posonlyargs) + len(node.args.args) + len(node.args.kwonlyargs)
            assert taken <= 15, f"{node.name} takes {taken}"
