"""Names that programs give to settings and splits, and what the settings of several runs have in common."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

# What files call a split and a rate.
SPLITS = {"val": "dev", "valid": "dev", "validation": "dev", "eval": "dev"}
_SPLIT = re.compile(r"^(?:eval|dev|val|valid|validation)[_ /.](?=.)", re.I)
RATES = ("lr", "learning_rate", "peak_rate")
# Settings of training, by what programs call them: arms that differ in one are different arms.
SETTING = re.compile(
    r"^(((max|n|num|num_train|train|total)_?)?epochs|max_steps|.*batch_size.*|grad(ient)?_acc.*|.*dropout.*|weight_?decay|.*sched.*|warmup.*"
    r"|optim(izer)?|(pretrained_)?model(_name)?(_or_path|_path)?|option|clip.*|max_grad_norm|.*smoothing.*|max_(seq_)?len.*|lora_(r|rank|alpha|targets?|target_modules|scaling|plus_ratio)|layer_decay"
    r"|study|head_multiplier|(adam_)?(beta|eps).*|momentum|train(_file|_part)?)$", re.I
)  # fmt: skip
_EPOCHS = re.compile(r"^((max|n|num|num_train|train|total)_?)?epochs$", re.I)


def shared_settings(each: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the settings that all runs have alike.

    >>> shared_settings([{"epochs": "5", "seed": "1"}, {"epochs": "5", "seed": "2"}])
    {'epochs': '5'}
    """
    first = each[0] if each else {}
    return {key: value for key, value in first.items() if all(other.get(key) == value for other in each)}


def varied_settings(each: Sequence[Mapping[str, str]]) -> tuple[str, ...]:
    """Return the settings of training that runs differ in, but for those that only some of them tell.

    >>> varied_settings([{"batch_size": "8", "seed": "0"}, {"batch_size": "32", "seed": "1"}])
    ('batch_size',)
    """
    names = dict.fromkeys(name for settings in each for name in settings if SETTING.match(name))
    return tuple(
        name
        for name in names
        if all(name in settings for settings in each) and len({settings[name] for settings in each}) > 1
    )


def epochs_of(settings: Mapping[str, str]) -> str | None:
    """Return how many epochs settings ask for, by whatever name.

    >>> epochs_of({"warmup_epochs": "1", "num_train_epochs": "5"})
    '5'
    """
    return next((value for name, value in settings.items() if _EPOCHS.match(name)), None)


def without_split(metric: str) -> str:
    """Return a metric's name without the name of the split that evaluations are made on.

    >>> without_split("eval_loss"), without_split("val/acc"), without_split("loss")
    ('loss', 'acc', 'loss')
    """
    return _SPLIT.sub("", metric)
