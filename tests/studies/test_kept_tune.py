"""What a tune of one's own training keeps: read back as it was, and refused in one line where it is damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.external import study

from lrscope.errors import StudyError
from lrscope.studies.budget import read_plan
from lrscope.studies.kept_tune import KeptTune, is_of_command, keep_tune, read_tune
from lrscope.studies.tune_plan import RateRange, plan_tune

SEARCH = RateRange(1e-5, 1e-3)


@pytest.mark.parametrize("has_plan", [False, True])
def test_it_is_read_back_as_it_was(has_plan: bool, tmp_path: Path) -> None:
    plan = plan_tune(3600.0, SEARCH, 10.0, 50.0, 2) if has_plan else None
    kept = KeptTune(3600.0, SEARCH, study(settings={"lora_r": 8}, epochs=3), plan)
    assert read_tune(tmp_path) is None
    keep_tune(tmp_path, kept)
    assert read_tune(tmp_path) == kept
    assert is_of_command(tmp_path)
    with pytest.raises(StudyError, match="was begun by a tune with --command"):
        read_plan(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"budget": "much"}, {"search": [1e-3, 1e-5]}, {"search": [1e-3]}, {"search": None}, {"search": ["a", "b"]},
        {"plan": []}, {"plan": {}}, {"plan": {"seeds": 3, "max_seeds": 2}}, {"settings": None}, {"settings": {"a": 1}},
        {"settings": {"trainer": {"command": ["a"]}, "trial": {"peak_rate": -1}}},
    ],
)  # fmt: skip
def test_damage_is_one_line(change: dict[str, Any], tmp_path: Path) -> None:
    keep_tune(tmp_path, KeptTune(3600.0, SEARCH, study(), plan_tune(3600.0, SEARCH, 10.0, 50.0, 2)))
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **change}), encoding="utf-8")
    with pytest.raises(StudyError, match=r"plan\.json"):
        read_tune(tmp_path)


def test_a_plan_of_the_built_in_training_is_another_thing(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text('{"budget": 60}', encoding="utf-8")
    with pytest.raises(StudyError, match="of the built-in training; name another folder"):
        read_tune(tmp_path)
