"""How threads wait, and what is said of a busy machine."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from lrscope import machine


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, machine.SPINS),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, None),
        ({"GOMP_SPINCOUNT": "10"}, "10"),
        ({"KMP_BLOCKTIME": "0"}, None),
    ],
)
def test_threads_spin_briefly_unless_a_user_says_otherwise(
    environment: dict[str, str], expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in machine.WAIT_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    machine.limit_spinning()
    assert os.environ.get("GOMP_SPINCOUNT") == expected


def test_the_command_line_sets_it_before_torch_is_loaded() -> None:
    code = (
        "import os, sys; from lrscope.cli import app\n"
        "seen = []\n"
        "see = lambda **_: seen.append(('torch' in sys.modules, os.environ['GOMP_SPINCOUNT']))\n"
        "app.make_app = lambda *_: see\n"
        "try: app.main([])\n"
        "except SystemExit: pass\n"
        "print(seen)\n"
    )
    clean = {name: value for name, value in os.environ.items() if name not in machine.WAIT_SETTINGS}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=clean, check=False)
    assert done.stdout.strip() == f"[(False, '{machine.SPINS}')]", done.stderr


@pytest.mark.parametrize(
    ("load", "cores", "threads", "is_said"),
    [
        (0.1, 2, 2, False), (2.7, 2, 2, True), (2.7, 2, 1, True), (0.9, 2, 2, False), (3.0, 16, 4, False),
        (14.0, 16, 8, True),
    ],
)  # fmt: skip
def test_a_busy_machine_is_noted(
    load: float, cores: int, threads: int, is_said: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (load, load, load), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    note = machine.busy_note(threads)
    assert (note is not None) == is_said
    if note is not None:
        assert f"a load of {load:.1f} on {cores} cores" in note


def test_where_the_load_is_not_known_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "getloadavg", raising=False)
    assert machine.busy_note(1) is None
