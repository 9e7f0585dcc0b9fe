"""Classes of sentences, predicted by a trained classifier."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lrscope.data.labels import LabelSet
from lrscope.data.splits import Split
from lrscope.errors import ConfigError
from lrscope.training.evaluation import Told, tell_nothing
from lrscope.training.inference import TrainedModel


def class_names(model: TrainedModel) -> tuple[str, ...]:
    """Return what a classifier calls its classes.

    Raises:
        ConfigError: it is none.
    """
    if model.task != "classification":
        raise ConfigError(f"classes are predicted by a classifier: got a model of task {model.task}; use generate")
    return LabelSet.of_state(model.inputs.data.state).names


def class_probabilities(
    model: TrainedModel, sentences: Sequence[str], tell: Told = tell_nothing
) -> NDArray[np.float32]:
    """Return the probability of each class (N, C), one row a sentence; `tell` hears how far it is."""
    return np.exp(model.outputs(Split.unlabelled("sentences", sentences), tell))
