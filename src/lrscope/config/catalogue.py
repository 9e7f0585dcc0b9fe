"""Every setting there is, by name: what options, documentation and command lines are made of."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from lrscope.config.base import Section, Setting, settings_of
from lrscope.config.execution import ExecutionConfig
from lrscope.config.external import TrainerConfig
from lrscope.config.find import FindConfig
from lrscope.config.study import DataConfig, ModelConfig, NumericsConfig, SftConfig, StudyConfig
from lrscope.config.sweep import SweepConfig
from lrscope.config.trial import TrialConfig

_ALL = (
    StudyConfig, DataConfig, ModelConfig, SftConfig, TrialConfig, NumericsConfig, SweepConfig, FindConfig,
    ExecutionConfig, TrainerConfig,
)  # fmt: skip
SECTIONS: Mapping[str, type[Section]] = {section.key: section for section in _ALL}


@functools.cache
def all_settings() -> Mapping[str, Setting]:
    """Return the settings of all sections by name; what two sections have is the same to a user, and declared first.

    >>> all_settings()["peak_rate"].flag, all_settings()["batch_size"].section
    ('--lr', 'trial')
    """
    found = [item for section in SECTIONS.values() for item in settings_of(section).values()]
    return {item.name: item for item in reversed(found) if not issubclass(item.kind, Section)}


# A part of the schedule, with an option of its own.
WARMUP = Setting(
    name="warmup", kind=str, help="Linear warmup: a share 6%, epochs 1ep, steps 100st or tokens 500ktok; 0 for none.",
    metavar="DURATION", shown_default="6%, unless the schedule has one", panel=TrialConfig.panel, varies=True,
    in_find=True,
)  # fmt: skip


@functools.cache
def option_settings() -> Mapping[str, Setting]:
    """Return what there are options for: all settings, and the warmup."""
    return {**all_settings(), WARMUP.name: WARMUP}


def flag_of(name: str) -> str:
    """Return the option that gives a setting, by its name in a configuration.

    >>> flag_of("scale_rate"), flag_of("label_names")
    ('--scale-lr', '--label-names')
    """
    return option_settings()[name].flag if name in option_settings() else "--" + name.replace("_", "-")


def title_of(name: str) -> str:
    """Return what people call a setting, one of another program by its own name.

    >>> title_of("peak_rate"), title_of("gradient_accumulation_steps")
    ('lr', 'gradient accumulation steps')
    """
    return option_settings()[name].title if name in option_settings() else name.replace("_", " ")
