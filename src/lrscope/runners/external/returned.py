"""What a training function returned, as evaluations: a number, a dict with per-example scores, or nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrscope.config.external import TrainerConfig
from lrscope.errors import DataError
from lrscope.records import EvaluationRecord, Scores
from lrscope.runners.external.running_trial import Diverged, Reports, number_of, shown
from lrscope.runs.importers.checked import MAX_COUNT
from lrscope.runs.measured import Entry, merged
from lrscope.runs.metric import ARGUMENTS, choose_metric
from lrscope.runs.settings import without_split

SCORES, WEIGHTS, POSITION = "scores", "weights", ("step", "epoch")
UNNAMED = "score"  # what a plain number is called that nobody named


class WrongReturn(ValueError):  # noqa: N818 - how a trial failed
    """A function returned what cannot be an outcome; the message says what it may return."""


def evaluations_of(value: Any, reports: Reports, trainer: TrainerConfig) -> tuple[EvaluationRecord, ...]:
    """Return all that a trial measured: what it reported, and what it returned at the last step of that.

    Raises:
        WrongReturn: it is no number and no dict of them, or nothing at all was measured on dev.
        Diverged: a loss that was returned is NaN or infinite.
        DataError: per-example scores without a name, where several metrics were measured.
    """
    records = list(reports.records)
    if isinstance(value, Mapping):
        records += _of_dict(value, reports, trainer)
    elif value is not None:
        name = without_split(trainer.metric) if trainer.metric else UNNAMED
        records += _records({f"dev_{name}": _number(value, "a training function returns a number")}, reports)
    if not any(record.split == "dev" for record in records):
        got = "nothing" if value is None else shown(value)
        raise WrongReturn(
            f"a training function returns what it measured on dev, or reports it: got {got}; return a number or a "
            'dict such as {"dev_accuracy": 0.41}'
        )
    return merged(records)


def _of_dict(value: Mapping[Any, Any], reports: Reports, trainer: TrainerConfig) -> list[EvaluationRecord]:
    if others := [name for name in value if not isinstance(name, str)]:
        raise WrongReturn(f"what a training function returns has names for its values: got {shown(others[0])}")
    step, epoch = (_position(value, name) for name in POSITION)
    if step is not None or epoch is not None:
        reports.add(None if step is None else int(step), epoch, None, None, {})
    values = {
        name: _number(each, f"{name} is a number")
        for name, each in value.items()
        if name not in (SCORES, WEIGHTS, *POSITION)
    }
    records = _records(values, reports)
    if value.get(SCORES) is None:
        if value.get(WEIGHTS) is not None:
            raise WrongReturn("weights belong to per-example scores: got them without; return scores as well")
        return records
    measured = {name for record in (*reports.evaluations, *records) if record.split == "dev" for name in record.metrics}
    by_metric = _scores(value[SCORES], value.get(WEIGHTS), measured, trainer)
    dev = next((record for record in records if record.split == "dev"), None)
    dev = dev or EvaluationRecord(reports.step, reports.epoch, "dev", {}, 0.0)
    own = {name: scores.mean() for name, scores in by_metric.items() if name not in measured}
    known = replace(dev, metrics={**dev.metrics, **own}, scores=by_metric)
    return [*(record for record in records if record.split != "dev"), known]


def _position(value: Mapping[str, Any], name: str) -> float | None:
    """Return the step or the epoch that was returned."""
    if value.get(name) is None:
        return None
    position = _number(value[name], f"{name} is a number")
    if not 0.0 <= position <= MAX_COUNT or (name == "step" and position != int(position)):
        raise WrongReturn(f"{name} says how far the training came: got {shown(value[name])}")
    return position


def _records(values: Mapping[str, float], reports: Reports) -> list[EvaluationRecord]:
    splits = Entry.of(values, bare="dev").splits
    for split, measured in splits.items():
        for name, value in measured.items():
            if math.isfinite(value):
                continue
            if name.endswith("loss"):
                reason = f"{name} on {split} was {value} at the end"
                reports.diverged = reason
                raise Diverged(reason)
            raise WrongReturn(
                f"a training function returns finite numbers: got {name} = {value}; raise lrscope.Diverged where a "
                "training diverged"
            )
    return [EvaluationRecord(reports.step, reports.epoch, split, dict(each), 0.0) for split, each in splits.items()]


def _number(value: Any, rule: str) -> float:
    try:
        return number_of(value, "")
    except TypeError:
        raise WrongReturn(f"{rule}: got {shown(value)}") from None


def _scores(given: Any, weights: Any, measured: set[str], trainer: TrainerConfig) -> dict[str, Scores]:
    """Return per-example scores by metric; those without a name are of the decision metric."""
    if isinstance(given, Mapping):
        named = {without_split(str(name)): each for name, each in given.items()}
    elif measured:
        try:
            named = {choose_metric(measured, trainer.metric, trainer.direction, ARGUMENTS).name: given}
        except DataError as error:
            raise WrongReturn(
                f"scores without a name are of the metric that runs are compared by: {error}; or return "
                '{"scores": {"NAME": array}}'
            ) from None
    else:
        named = {without_split(trainer.metric) if trainer.metric else UNNAMED: given}
    return {name: _scores_of(name, each, weights) for name, each in named.items()}


def _scores_of(name: str, given: Any, weights: Any) -> Scores:
    values = _array(given, f"scores of {name}")
    weight = np.ones(len(values), np.float32) if weights is None else _array(weights, "weights of scores")
    if len(weight) != len(values):
        raise WrongReturn(f"scores have one weight an example: got {len(weight)} weights for {len(values)} scores")
    if (weight < 0).any() or not weight.sum() > 0:
        raise WrongReturn("weights of scores are 0 or more, and not all 0: got others")
    return Scores(values, weight)


def _array(given: Any, what: str) -> NDArray[np.float32]:
    if callable(detach := getattr(given, "detach", None)):  # a tensor, wherever it lies
        given = detach().cpu()
        given = given.float() if callable(getattr(given, "float", None)) else given
    try:
        values = np.asarray(given, dtype=np.float32)
    except (TypeError, ValueError):
        raise WrongReturn(f"{what} are a list of numbers, one an example: got {shown(given)}") from None
    if values.ndim != 1 or not len(values):
        shape = " × ".join(map(str, values.shape)) or "a single number"
        raise WrongReturn(f"{what} are a list of numbers, one an example: got an array of {shape}")
    if not np.isfinite(values).all():
        raise WrongReturn(f"{what} are finite: got {int((~np.isfinite(values)).sum())} that are not")
    return values
