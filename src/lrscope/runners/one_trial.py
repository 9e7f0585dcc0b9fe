"""What runners share that train each trial by itself."""

from __future__ import annotations

from lrscope.config import AnyStudy
from lrscope.config.numerics import Numerics
from lrscope.config.read import built_in
from lrscope.runners.base import OneByOne, Prepared
from lrscope.runners.cost_estimate import estimate_cost
from lrscope.runners.prepared import prepare_training


class OneTrialAJob(OneByOne):
    """The built-in training's inputs, and a job for every trial."""

    most_gpus = 1.0

    def prepare(self, config: AnyStudy, numerics: Numerics | None = None) -> Prepared:
        """Read data, weights and tokenizer."""
        return prepare_training(built_in(config), numerics, estimate_cost)
