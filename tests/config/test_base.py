"""A setting is declared once, and every value is held to its declaration, wherever it comes from."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from lrscope.config import FindConfig, NumericsConfig, StudyConfig, SweepConfig, TrialConfig
from lrscope.config.base import build_section, settings_of
from lrscope.config.catalogue import SECTIONS, all_settings, flag_of
from lrscope.errors import ConfigError
from lrscope.schedules import parse


@pytest.mark.parametrize("section", SECTIONS.values(), ids=lambda section: section.__name__)
def test_every_field_is_declared_with_its_help(section: Any) -> None:
    declared = settings_of(section)
    assert list(declared) == [item.name for item in dataclasses.fields(section)]
    for item in declared.values():
        assert item.help[0].isupper(), item.name
        assert item.help.endswith((".", "…")), item.name
        default = None if item.default is None or item.is_required else item.checked(item.default)[1]
        assert default is None, f"{item.name}: the default lies outside its own bounds"


def test_names_and_options_are_unique() -> None:
    flags = [item.flag for item in all_settings().values()]
    assert len(set(flags)) == len(flags)
    names = [name for section in SECTIONS.values() for name in settings_of(section)]
    shared = ["threads"]  # of the built-in training and of one's own: the same to a user
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    assert twice == ["model", *shared]  # the section and the setting in it
    assert len(names) == len(all_settings()) + 7 + len(shared)  # sections
    assert flag_of("peak_rate") == "--lr"


REFUSED: list[tuple[Any, dict[str, Any], str]] = [
    (TrialConfig, {"epochs": 1.5}, "epochs must be a whole number: got 1.5"),
    (TrialConfig, {"epochs": True}, "epochs must be a whole number: got True"),
    (TrialConfig, {"epochs": "3"}, "epochs must be a whole number: got '3'"),
    (TrialConfig, {"epochs": 10**5000}, "epochs must be at most 100,000: got a number of more than 4000 digits"),
    (TrialConfig, {"peak_rate": True}, "peak_rate must be a number"),
    (TrialConfig, {"peak_rate": 1e308}, r"peak_rate must be at most 1e\+38"),
    (TrialConfig, {"peak_rate": 10**400}, "peak_rate must be a positive number: got inf"),
    (TrialConfig, {"peak_rate": [1e-3]}, "peak_rate must be a number"),
    (TrialConfig, {"dropout": math.nan}, "dropout must be from 0 to below 1: got nan"),
    (TrialConfig, {"batch_size": 2**63}, "batch_size must be at most 1,000,000"),
    (TrialConfig, {"seed": 2**63}, r"seed must be from 0 to below 2\^63"),
    (TrialConfig, {"optimizer": ["adamw"]}, "optimizer must be a text"),
    (TrialConfig, {"micro_batch": 99}, "micro_batch must be from 1 to the batch size of 32"),
    (NumericsConfig, {"threads": 1_000_000}, "threads must be at most 1,024"),
    (SweepConfig, {"seeds": 10**9}, "seeds must be at most 10,000"),
    (SweepConfig, {"grid": [1]}, "grid must be a table"),
    (SweepConfig, {"seeds": 1000, "grid": {"peak_rate": [1e-3 + n for n in range(200)]}}, "at most 100,000 trials"),
    (FindConfig, {"steps": 10**12}, "steps must be at most 1,000,000"),
    (FindConfig, {"steps": 9}, "steps must be at least 10"),
    (FindConfig, {"start": 1e-2, "end": 1e-3}, "rises from start to a larger end"),
    (FindConfig, {"vary": ("head", "weather")}, "vary takes head, dropout, order: got 'weather'"),
    (FindConfig, {"vary": "head"}, "vary must be a list"),
]


@pytest.mark.parametrize(("section", "values", "says"), REFUSED, ids=[says for _, _, says in REFUSED])
def test_values_that_cannot_be(section: Any, values: dict[str, Any], says: str) -> None:
    needed = {"peak_rate": 1e-3} if section is TrialConfig else {}
    with pytest.raises(ConfigError, match=says) as error:
        section(**{**needed, **values})
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    "values", [[1.5], [True], ["3"], [math.nan], [[1, 2]], [{}], [None], [], 3, "3", [1, 0], [2**63]], ids=str
)
def test_values_of_a_grid_are_checked_like_single_ones(values: Any) -> None:
    for name in ("epochs", "batch_size"):
        with pytest.raises(ConfigError, match=name):
            SweepConfig(grid={name: values})


def test_rates_of_a_grid() -> None:
    for values in ([True], ["1e-3"], [0.0], [-1e-3], [math.inf], [1e308]):
        with pytest.raises(ConfigError, match="peak_rate must be"):
            SweepConfig(grid={"peak_rate": values})
    assert SweepConfig(grid={"peak_rate": [1, 2.5]}).grid == {"peak_rate": (1.0, 2.5)}
    assert SweepConfig(grid={"schedule": [" cosine "]}).grid == {"schedule": (parse("cosine"),)}


def test_numbers_of_numpy_become_pythons() -> None:
    config = TrialConfig(peak_rate=np.float64(1e-3), batch_size=np.int64(8), dropout=0)  # type: ignore[arg-type]
    assert (type(config.peak_rate), type(config.batch_size), type(config.dropout)) == (float, int, float)


@pytest.mark.parametrize("text", ["", "  ", "a\0b", "\ud800"])
def test_paths_that_cannot_be(text: str) -> None:
    values = {"data": {"train": text, "dev": "d"}, "model": {"model": "m"}, "trial": {"peak_rate": 1e-3}}
    with pytest.raises(ConfigError, match="train must"):
        StudyConfig.from_dict(values)


def test_an_unknown_task_is_an_error() -> None:
    values = {"data": {"train": "t", "dev": "d"}, "model": {"model": "m"}, "trial": {"peak_rate": 1e-3}}
    with pytest.raises(ConfigError, match="task is one of classification, sft: got 'other'"):
        StudyConfig.from_dict({**values, "task": "other"})


def test_the_key_of_version_0_1_is_read() -> None:
    values = {"data": {"train": "t", "dev": "d"}, "model": {"model": "m", "train": "head"}, "trial": {"peak_rate": 1.0}}
    config = StudyConfig.from_dict(values)
    assert config.trial.train_part == "head"
    assert config.to_dict()["trial"]["train_part"] == "head"


def test_problems_are_spelled_by_who_reports_them() -> None:
    with pytest.raises(ConfigError) as error:
        build_section(TrialConfig, {"peak_rate": -1.0, "batch_size": 0}, "[trial] in c.toml")
    assert str(error.value).startswith(
        "[trial] in c.toml: peak_rate must be a positive number: got -1; try 1e-4; batch_"
    )
    assert "--lr must be a positive number: got -1; try 1e-4; --batch-size must" in error.value.text(flag_of)
