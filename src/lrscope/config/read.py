"""Any study and any trial, from the plain values that they were written as."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lrscope.config.any_study import AnyStudy, read_toml
from lrscope.config.any_trial import AnyTrial
from lrscope.config.base import build_section
from lrscope.config.external import ExternalStudy, ExternalTrial
from lrscope.config.study import StudyConfig
from lrscope.config.trial import TrialConfig
from lrscope.errors import StudyError


def study_from_dict(values: Mapping[str, Any], source: str = "") -> AnyStudy:
    """Return a study: of the user's own training where there is a table `trainer`.

    Raises:
        ConfigError: something is missing, unknown, or cannot be.
    """
    kind = ExternalStudy if isinstance(values, Mapping) and "trainer" in values else StudyConfig
    return kind.from_dict(values, source)


def study_from_toml(path: Path) -> AnyStudy:
    """Return the study of a `config.toml`.

    Raises:
        ConfigError: the file is missing, is not TOML, or asks for something that cannot be.
    """
    return study_from_dict(read_toml(path), str(path))


def trial_from_dict(values: Mapping[str, Any], source: str) -> AnyTrial:
    """Return a trial: of the user's own training where it has `settings`.

    Raises:
        ConfigError: something is missing, unknown, or cannot be.
    """
    return build_section(ExternalTrial if "settings" in values else TrialConfig, values, source)  # type: ignore[no-any-return]


def built_in(study: AnyStudy) -> StudyConfig:
    """Return a study of the built-in training.

    Raises:
        StudyError: it is of the user's own training, which lrscope cannot do this for.
    """
    if not isinstance(study, StudyConfig):
        raise StudyError("this is for studies of the built-in training: got one of a command or a function of your own")
    return study


def built_in_trial(trial: AnyTrial) -> TrialConfig:
    """Return a trial of the built-in training.

    Raises:
        StudyError: it is of the user's own.
    """
    if not isinstance(trial, TrialConfig):
        raise StudyError("this is for runs of the built-in training: got one of a command or a function of your own")
    return trial
