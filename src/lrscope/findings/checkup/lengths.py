"""Whether the number of updates is what follows from the examples and the batch: only where all numbers are known."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from lrscope.findings.checkup import statements as s
from lrscope.findings.checkup.log_view import LogView, exactly, setting_of
from lrscope.runs.quantities import Count

NOTICED = 0.03  # a last batch that is dropped or filled up makes less, of so many updates
MIN_STEPS = 20  # an epoch: of fewer, one more or less is a large share
EXAMPLES = ("num_examples", "num_train_examples", "train_examples", "train_size", "num_train_samples", "train_samples")
WHOLE_BATCH = ("total_train_batch_size", "total_batch_size", "effective_batch_size", "global_batch_size")
BATCH = ("per_device_train_batch_size", "micro_batch_size")
ACCUMULATION = ("gradient_accumulation_steps", "gradient_accumulation", "grad_accum_steps", "accumulate_grad_batches")
DEVICES = ("world_size", "num_devices", "n_gpu", "num_gpus", "num_processes")


def length_findings(log: LogView, epochs: tuple[tuple[float, float], ...]) -> Iterator[s.CheckFinding]:
    """Yield where an epoch took another number of updates than follows; `epochs` are (updates, passes) of entries."""
    examples, batch, steps = _number(log, EXAMPLES), _batch(log), _steps_per_epoch(epochs)
    if log.unit != "step" or any(math.isnan(value) for value in (examples, batch, steps)):
        return
    expected = math.ceil(examples / batch)
    off = abs(steps / expected - 1.0)
    if min(steps, expected) >= MIN_STEPS and off > NOTICED and abs(steps - expected) > 2.0:
        numbers = (round(steps), expected, round(examples), round(batch))
        yield s.StepsDiffer(*(exactly(Count(number)) for number in numbers))


def _number(log: LogView, names: tuple[str, ...]) -> float:
    try:
        value = float(setting_of(log.settings, names).replace(",", ""))
    except ValueError:
        return math.nan
    return value if 1.0 <= value < 1e12 else math.nan


def _batch(log: LogView) -> float:
    """Return how many examples an update sees; NaN where accumulation or the number of devices is not known."""
    whole = _number(log, WHOLE_BATCH)
    if not math.isnan(whole):
        return whole
    return _number(log, BATCH) * _number(log, ACCUMULATION) * _number(log, DEVICES)


def _steps_per_epoch(epochs: tuple[tuple[float, float], ...]) -> float:
    """Return how many updates an epoch takes, by the first and the last entry; NaN where they are close."""
    if len(epochs) < 2:
        return math.nan
    (first, began), (last, ended) = epochs[0], epochs[-1]
    # Passes are written with two digits: half a percent of one pass.
    return float((last - first) / (ended - began)) if ended - began > 0.5 else math.nan


def epochs_of_entries(steps: np.ndarray, epochs: np.ndarray) -> tuple[tuple[float, float], ...]:
    """Return (updates, passes) of the entries that tell both."""
    if len(steps) != len(epochs):
        return ()
    known = np.isfinite(steps) & np.isfinite(epochs)
    return tuple(zip(steps[known].tolist(), epochs[known].tolist(), strict=True))
