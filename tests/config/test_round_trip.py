"""What is written comes back as it was: any configuration, through TOML, through JSON, and through a command line."""

import json
import shlex
import tomllib
from typing import Any

from hypothesis import given, settings
from tests.config.strategies import DATA, MODELS, NUMERICS, SWEEPS, TRIALS

from lrscope.config import DataConfig, ModelConfig, NumericsConfig, StudyConfig, SweepConfig, TrialConfig
from lrscope.config.command_line import quote


@settings(max_examples=60, deadline=None)
@given(DATA, MODELS, TRIALS, NUMERICS, SWEEPS)
def test_through_toml_and_json(data: Any, model: Any, trial: Any, numerics: Any, sweep: Any) -> None:
    config = StudyConfig(
        data=DataConfig(**data), model=ModelConfig(**model), trial=TrialConfig(**trial),
        numerics=NumericsConfig(**numerics), sweep=SweepConfig(**sweep),
    )  # fmt: skip
    assert StudyConfig.from_dict(tomllib.loads(config.to_toml())) == config
    assert StudyConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@settings(max_examples=60, deadline=None)
@given(DATA)
def test_words_come_through_the_shell(data: dict[str, Any]) -> None:
    for value in filter(None, map(str, data.values())):
        assert shlex.split(quote(value, "posix")) == [value]
