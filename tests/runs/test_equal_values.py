"""One run in two records, of which one was rounded, is one run; two seeds are two."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from lrscope.runs.equal_values import is_rounded
from lrscope.runs.sources import read_runs


def both(tmp_path: Path, digits: int, seed: int = 0) -> list[Path]:
    """Write a trainer state, and what was printed of a run at a seed, to so many digits."""
    entries, printed = [], []
    for name, generator in (("state", random.Random(0)), ("printed", random.Random(seed))):
        for step in range(10, 81, 10):
            loss = {"loss": 2 - step / 100 + generator.random() / 10, "learning_rate": 1e-4 * (1 - (step - 1) / 80)}
            dev = {
                "eval_loss": 1.5 - step / 100 + generator.random() / 10,
                "eval_accuracy": 0.5 + generator.random() / 10,
            }
            for values in (loss, dev):
                if name == "state":
                    entries.append({**values, "epoch": step / 40, "step": step})
                else:
                    printed.append({n: float(f"{v:.{digits}g}") for n, v in {**values, "epoch": step / 40}.items()})
    state, log = tmp_path / "trainer_state.json", tmp_path / "train.log"
    state.write_text(json.dumps({"log_history": entries, "max_steps": 80, "global_step": 80}), encoding="utf-8")
    log.write_text("\n".join(map(str, printed)), encoding="utf-8")
    return [state, log]


@pytest.mark.parametrize(("digits", "seed", "number"), [(4, 0, 1), (17, 0, 1), (4, 1, 2), (17, 1, 2)])
def test_a_console_beside_its_state_is_one_run(tmp_path: Path, digits: int, seed: int, number: int) -> None:
    assert len(read_runs(both(tmp_path, digits, seed), {}).runs) == number


@pytest.mark.parametrize(
    ("values", "others", "same"),
    [
        ([], [], False),
        ([1.0], [1.0, 2.0], False),
        ([0.5, 0.25], [0.5, 0.25], True),
        ([0.5], [0.5000123], False),
        ([float("nan"), 0.1234], [float("nan"), 0.12341], True),
        ([float("inf")], [float("inf")], True),
        ([0.1234], [0.12351], False),
    ],
)
def test_values_that_were_rounded(values: list[float], others: list[float], same: bool) -> None:
    assert is_rounded(values, others) == same
    assert is_rounded(others, values) == same
