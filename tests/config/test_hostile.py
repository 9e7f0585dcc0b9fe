"""Whatever a configuration holds, it is built or refused in one line: never a traceback."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrscope.config import StudyConfig
from lrscope.config.base import settings_of
from lrscope.config.catalogue import SECTIONS
from lrscope.errors import ConfigError, LrscopeError

NUMBERS = st.integers() | st.floats() | st.sampled_from([2**63, 10**400, 1e308, True, -1, 0])
PLAIN = st.none() | NUMBERS | st.text(st.characters()) | st.sampled_from(["cosin", "warmup(", "\0", "\ud800", " "])
ANYTHING = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)
GOOD: dict[str, Any] = {
    "data": {"train": "t", "dev": "d"}, "model": {"model": "m"}, "trial": {"peak_rate": 1e-3}, "numerics": {},
    "sweep": {}, "find": {},
}  # fmt: skip
PLACES = [
    (key, name) for key, section in SECTIONS.items() if key in GOOD for name in [*settings_of(section), "no_such_key"]
]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PLACES), ANYTHING), min_size=1, max_size=3))
def test_any_value_of_any_setting(changes: list[tuple[tuple[str, str], Any]]) -> None:
    values = {key: dict(section) for key, section in GOOD.items()}
    for (key, name), value in changes:
        values[key][name] = value
    refused(values)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["peak_rate", "epochs", "schedule", "optimizer", "seed", "micro_batch"]), ANYTHING)
def test_any_value_of_a_grid(name: str, value: Any) -> None:
    refused({**GOOD, "sweep": {"grid": {name: value}}})


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from([*GOOD, "task", "score_test", "x"]), ANYTHING) | ANYTHING)
def test_any_document(values: Any) -> None:
    refused(values)


def refused(values: Any) -> None:
    message = ""
    try:
        config = StudyConfig.from_dict(values)
    except LrscopeError as error:
        message = str(error)
    else:
        assert StudyConfig.from_dict(config.to_dict()) == config
    assert "\n" not in message
    assert len(message) < 3000


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 100_000, "a = " + "9" * 5000, "a = 1\na = 2", "\x00", '"\\ud800" = 1'], ids=range(5)
)
def test_files_that_no_reader_takes(text: str, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="not TOML that can be read"):
        StudyConfig.from_toml(tmp_path / "c.toml")
