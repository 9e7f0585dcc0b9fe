"""What the built-in training reads before it runs: the same for every runner that trains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from lrscope.config import AnyTrial, StudyConfig, TrialConfig
from lrscope.config.numerics import Numerics
from lrscope.config.read import built_in_trial
from lrscope.records import TRAIN_TOKENS
from lrscope.runners.base import CostEstimate, Prepared
from lrscope.training.study_inputs import StudyInputs, load_inputs


class CostOfInputs(Protocol):
    """Estimates what trials on these inputs will cost."""

    def __call__(
        self, inputs: StudyInputs, trials: Sequence[TrialConfig], folder: Path, *, processes: int
    ) -> CostEstimate:
        """Return the cost of these trials of the study in `folder`."""
        ...


def prepare_training(config: StudyConfig, numerics: Numerics | None, estimate: CostOfInputs) -> Prepared:
    """Read and check everything that the study's trials train on.

    Raises:
        DataError, CheckpointError, ConfigError: an input cannot be used.
    """
    inputs = load_inputs(config, numerics)

    def cost(trials: Sequence[AnyTrial], folder: Path, *, processes: int) -> CostEstimate:
        return estimate(inputs, [built_in_trial(trial) for trial in trials], folder, processes=processes)

    return Prepared(
        metric=inputs.task.metric,
        fingerprint=inputs.data.fingerprint,
        numerics=inputs.numerics,
        sizes={name: split.num_examples for name, split in inputs.encoded.items()},
        notes=inputs.data.notes,
        cost=cost,
        inputs=inputs,
        task_state={
            **inputs.data.state,
            "baseline": inputs.task.baseline(inputs.encoded["dev"]),
            TRAIN_TOKENS: inputs.encoded["train"].size.num_tokens,
        },
        overlaps=inputs.data.overlaps,
        unit=inputs.task.unit,
    )


def on_same_inputs(prepared: Prepared, config: StudyConfig) -> Prepared:
    """Return what was read for a study as that of another one, which differs in rates, lengths and its grid alone."""
    return replace(prepared, inputs=replace(prepared.inputs, config=config))
