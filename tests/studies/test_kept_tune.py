"""What a tune of one's own training keeps: read back as it was, and refused in one line where it is damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.external import study

from lrscope.errors import StudyError
from lrscope.studies.kept_tune import (
    KeptTune,
    is_of_earlier_version,
    keep_tune,
    read_tune,
)  # fmt: skip
from lrscope.studies.tune_plan import Known, RateRange

KNOWN = Known.of_range(RateRange(1e-5, 1e-3))


@pytest.mark.parametrize("known", [None, KNOWN, Known(-3.2, 0.3, "prior"), Known(-3.2, 0.3, "prior", start=-3.3)])
def test_it_is_read_back_as_it_was(known: Known | None, tmp_path: Path) -> None:
    run_seconds = None if known is None else 50.0
    kept = KeptTune(3600.0, study(settings={"lora_r": 8}, epochs=3), None, known, run_seconds, 12.5, 0.1)
    assert read_tune(tmp_path) is None
    keep_tune(tmp_path, kept)
    assert read_tune(tmp_path) == kept
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


@pytest.mark.parametrize(
    "change",
    [
        {"budget": "much"}, {"budget": 0}, {"spent": -1}, {"spent": None}, {"epochs": 0}, {"epochs": "a"},
        {"run_seconds": "long"}, {"known": []}, {"known": {}},
        {"known": {"center": -3.0, "sd": 0.0, "source": "prior"}},
        {"known": {"center": -3.0, "sd": 1.0, "source": "stars"}},
        {"known": {"center": -3.0, "sd": 1.0, "source": "prior", "start": "low"}},
        {"known": {"center": -3.0, "sd": 1.0, "source": "range", "bounds": [1]}}, {"settings": None},
        {"settings": {"a": 1}}, {"settings": {"trainer": {"command": ["a"]}, "trial": {"peak_rate": -1}}},
    ],
)  # fmt: skip
def test_damage_is_one_line(change: dict[str, Any], tmp_path: Path) -> None:
    keep_tune(tmp_path, KeptTune(3600.0, study(), None, KNOWN))
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **change}), encoding="utf-8")
    with pytest.raises(StudyError, match=r"plan\.json"):
        read_tune(tmp_path)


def test_a_plan_of_an_earlier_version_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text('{"budget": 60}', encoding="utf-8")
    assert is_of_earlier_version(tmp_path)
    with pytest.raises(StudyError, match=r"was begun by an earlier version, .*; to tune anew choose another --out"):
        read_tune(tmp_path)
