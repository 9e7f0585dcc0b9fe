"""What is written comes back as it was: any configuration, through TOML, through JSON, and through a command line."""

import json
import shlex
import tomllib
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from tests.config.strategies import DATA, SWEEPS, studies

from lrscope.config import StudyConfig, SweepConfig, TrialConfig
from lrscope.config.base import settings_of
from lrscope.config.command_line import quote


@settings(max_examples=60, deadline=None)
@given(studies(), SWEEPS)
def test_through_toml_and_json(study: StudyConfig, sweep: Any) -> None:
    grid = {
        name: values for name, values in sweep["grid"].items() if settings_of(TrialConfig)[name].belongs_to(study.task)
    }
    config = replace(study, sweep=SweepConfig(**{**sweep, "grid": grid}))
    assert StudyConfig.from_dict(tomllib.loads(config.to_toml())) == config
    assert StudyConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@settings(max_examples=60, deadline=None)
@given(DATA)
def test_words_come_through_the_shell(data: dict[str, Any]) -> None:
    for value in filter(None, map(str, data.values())):
        assert shlex.split(quote(value, "posix")) == [value]
