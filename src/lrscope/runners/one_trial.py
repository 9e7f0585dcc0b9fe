"""What runners share that train each trial by itself."""

from __future__ import annotations

from collections.abc import Sequence

from lrscope.config import AnyStudy, AnyTrial
from lrscope.config.numerics import Numerics
from lrscope.config.read import built_in
from lrscope.runners.base import Prepared
from lrscope.runners.cost_estimate import estimate_cost
from lrscope.runners.prepared import prepare_training


class OneTrialAJob:
    """The built-in training's inputs, and a job for every trial."""

    most_gpus = 1.0

    def prepare(self, config: AnyStudy, numerics: Numerics | None = None) -> Prepared:
        """Read data, weights and tokenizer."""
        return prepare_training(built_in(config), numerics, estimate_cost)

    def group(self, trials: Sequence[AnyTrial], numerics: Numerics) -> list[list[int]]:
        """Return each trial by itself."""
        return [[index] for index in range(len(trials))]
