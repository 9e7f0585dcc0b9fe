"""What was asked: frozen sections, validated when they are built, to TOML and back."""

from lrscope.config.find import FindConfig
from lrscope.config.study import DataConfig, ModelConfig, NumericsConfig, StudyConfig, SweepConfig
from lrscope.config.trial import TrialConfig

__all__ = [
    "DataConfig",
    "FindConfig",
    "ModelConfig",
    "NumericsConfig",
    "StudyConfig",
    "SweepConfig",
    "TrialConfig",
]
