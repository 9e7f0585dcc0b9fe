"""Answers of a trained language model to many prompts."""

from __future__ import annotations

from collections.abc import Sequence

from lrscope.errors import ConfigError
from lrscope.records import Answered
from lrscope.tasks.answering import Turns
from lrscope.tasks.sft import answering
from lrscope.tasks.sft_inputs import SftInputs
from lrscope.training.evaluation import Told, tell_nothing
from lrscope.training.inference import TrainedModel


def answers_to(model: TrainedModel, asked: Sequence[Turns], max_tokens: int, tell: Told = tell_nothing) -> list[str]:
    """Return what a model writes after each prompt: the most likely token each time, up to so many.

    `tell` hears how far it is.

    Raises:
        ConfigError: it is no language model.
        DataError: its chat template does not take a prompt.
    """
    inputs = model.inputs.data
    if not isinstance(inputs, SftInputs):
        raise ConfigError(f"prompts are answered by a language model: got one of task {model.task}; use predict")
    for written in inputs.writer(max_tokens).write(answering(model.network), asked):
        if not isinstance(written, Answered):
            return written
        tell("answers", written.number, written.total)
    raise AssertionError("the last that is written is what was written")
