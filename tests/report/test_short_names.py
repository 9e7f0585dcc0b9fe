"""Long names of settings in a terminal's table."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conftest import Cli

from lrscope.report.short_names import LONGEST, short_names

XS = "x" * 60
LONG = "schedule step(every=1ep, gamma=0.1), a setting of a name that is long, epochs 5"


@pytest.mark.parametrize(
    ("names", "shared", "short"),
    [
        (["lr 1e-4, epochs 5", "lr 1e-3, epochs 5"], "", ["lr 1e-4, epochs 5", "lr 1e-3, epochs 5"]),
        ([f"lr 1e-4, {LONG}", f"lr 1e-3, {LONG}"], LONG, ["lr 1e-4", "lr 1e-3"]),
        ([f"lr 1e-4, {LONG}", "lr 1e-3, epochs 5"], "epochs 5", None),
        ([LONG, f"{LONG}, lr 1e-3"], "", None),
        ([f"lr 1e-4, {LONG}"], "", None),
        ([f"{XS}1{XS}", f"{XS}2{XS}"], "", [f"{XS}1{XS}", f"{XS}2{XS}"]),
    ],
)  # fmt: skip
def test_what_is_shared_is_said_once_and_names_stay_apart(
    names: list[str], shared: str, short: list[str] | None
) -> None:
    said, shown = short_names(names)
    assert said == shared
    if short is None:
        assert all(len(name) <= LONGEST for name in shown)
        assert len(set(shown)) == len(names)
    else:
        assert shown == short


def test_a_part_of_a_schedule_is_no_part_of_a_name() -> None:
    names = [f"lr 1e-4, step(every={n}ep, gamma=0.1), and so on and so on" for n in (1, 2)]
    assert short_names(names) == (
        "lr 1e-4, and so on and so on",
        ["step(every=1ep, gamma=0.1)", "step(every=2ep, gamma=0.1)"],
    )


def test_the_table_of_imported_runs_is_not_wider_than_it_must_be(tmp_path: Path, cli: Cli) -> None:
    table = tmp_path / "runs.csv"
    rows = [f'"{name}, {LONG}",{epoch},0.{epoch}{len(name)}' for name in ("a", "ab") for epoch in (1, 2)]
    table.write_text("\n".join(["arm,epoch,dev_acc", *rows]), encoding="utf-8")
    code, said, error = cli("report", table, "--out", tmp_path / "out")
    assert code == 0, error
    lines = said.splitlines()
    place = lines.index(f"setting: …, {LONG}")
    assert [line.split()[0] for line in lines[place + 1 :][:3]] == ["setting", "a", "ab"]
    assert all(len(line) < 80 for line in lines[place + 1 :][:3])
    assert f"a, {LONG}" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
