"""What nobody measured that the evidence holds: refused, with the way in which the prior would err."""

from __future__ import annotations

import re

from lrscope.config.setting import show_value
from lrscope.errors import ConfigError
from lrscope.priors.question import METHODS, TASKS

_LOWER = (
    "{what} wants far lower rates than supervised fine-tuning, often by 10 to 100 times: the prior would be too high"
)
_ALIKE = "{what} was never measured: ask for the nearest method, and trust the answer less"
# Words that people use, and what is known of the direction in which an answer of supervised fine-tuning errs.
UNKNOWN = (
    (r"dpo|ipo|orpo|kto|simpo|cpo|rso|preference.*", _LOWER.format(what="preference tuning")),
    (r"grpo|ppo|rloo|rl|rlhf|rlvr|reinforce.*", _LOWER.format(what="reinforcement learning of a full model")),
    (r"reward.*|rm", "a reward model was never measured: classification is the nearest task"),
    (r"scratch|from.scratch|pre.?train.*", "training from scratch takes higher rates than fine-tuning: the prior would "
     "be too low"),
    (r"cpt|continued.*", "continued pretraining was never measured: it has far more steps, and the prior likely errs "
     "high"),
    (r"muon|soap|shampoo", "{word}'s rate is in another unit, of a normalised update, unless it is scaled to AdamW's: "
     "the prior would be too low, often by 10 to 100 times"),
    (r"sgd|momentum|nesterov", "SGD's rate is in another unit, of the gradient itself: the prior would be far too low"),
    (r"lion|signum", "Lion wants rates 3 to 10 times lower than AdamW's (Chen et al. 2302.06675): the prior would be "
     "too high"),
    (r"adafactor|prodigy|dadapt.*|schedule.?free.*", "{word} scales its own steps: the prior says nothing of its rate"),
    (r"dora|qlora|adalora|rslora|lora\+|loraplus|pissa|vera|ia3|prefix.*|prompt.*|adapter.*|bitfit", _ALIKE),
)  # fmt: skip
ADAM = ("adamw", "adam", "adamw_torch", "adamw_torch_fused", "adamw_8bit", "paged_adamw_8bit")


def check_known(method: str, task: str, optimizer: str) -> None:
    """Refuse what the evidence knows nothing of.

    Raises:
        ConfigError: with what was asked, and which way the prior would err.
    """
    for option, word, known in (
        ("--method", method, METHODS),
        ("--task", task, TASKS),
        ("--optimizer", optimizer, ADAM),
    ):
        if word in known:
            continue
        shown = known if option != "--optimizer" else known[:1]
        rule = f"{option} is one of {', '.join(shown)}, of which landscapes were measured: got {show_value(word)}"
        raise ConfigError(f"{rule}; {_error_of(word)}")


def _error_of(word: str) -> str:
    small = word.lower()
    for pattern, told in UNKNOWN:
        if re.fullmatch(pattern, small):
            return told.format(word=word, what=word)
    return "nothing is known of another"
