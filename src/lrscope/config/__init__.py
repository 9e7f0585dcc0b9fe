"""What was asked: frozen sections, validated when they are built, to TOML and back."""

from lrscope.config.any_study import AnyStudy
from lrscope.config.any_trial import AnyTrial
from lrscope.config.external import ExternalStudy, ExternalSweep, ExternalTrial, OwnSettings, TrainerConfig
from lrscope.config.find import FindConfig
from lrscope.config.study import DataConfig, ModelConfig, NumericsConfig, SftConfig, StudyConfig
from lrscope.config.sweep import SweepConfig
from lrscope.config.trial import TrialConfig

__all__ = [
    "AnyStudy",
    "AnyTrial",
    "DataConfig",
    "ExternalStudy",
    "ExternalSweep",
    "ExternalTrial",
    "FindConfig",
    "ModelConfig",
    "NumericsConfig",
    "OwnSettings",
    "SftConfig",
    "StudyConfig",
    "SweepConfig",
    "TrainerConfig",
    "TrialConfig",
]
