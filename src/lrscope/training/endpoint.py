"""What is measured once, when a trial has ended: stored beside what its last evaluation of dev measured."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

from lrscope.files import write_text
from lrscope.models.trainable import TrainableModel
from lrscope.records import Answered, EvaluationRecord
from lrscope.store.study import StudyStore
from lrscope.store.trials import ANSWERS
from lrscope.tasks.base import EncodedSplit, Endpoint
from lrscope.training.evaluation import Told, tell_nothing
from lrscope.training.study_inputs import StudyInputs

SECONDS_BETWEEN_TOLD = 1.0


class EndpointStopped(Exception):  # noqa: N818
    """It was asked to stop before all was measured."""


def measured_endpoint(
    model: TrainableModel, inputs: StudyInputs, split: EncodedSplit, tell: Told = tell_nothing
) -> Endpoint | None:
    """Return what is measured of a trained model besides what every evaluation does; None where nothing is."""
    measuring = _measured(model, inputs, split, lambda: False)
    while True:
        try:
            answered = next(measuring)
            tell("answers", answered.number, answered.total)
        except StopIteration as ended:
            found: Endpoint | None = ended.value
            return found


def _measured(
    model: TrainableModel, inputs: StudyInputs, split: EncodedSplit, is_stopped: Callable[[], bool]
) -> Generator[Answered, None, Endpoint | None]:
    """Yield how far it is, with every answer and every second, and return what is measured."""
    last, told, endpoint = -1, 0.0, None
    for found in inputs.task.endpoint(model, inputs.data, split):
        if not isinstance(found, Answered):
            endpoint = found
            continue
        if is_stopped():
            raise EndpointStopped
        if found.number != last or perf_counter() - told > SECONDS_BETWEEN_TOLD:
            last, told = found.number, perf_counter()
            yield found
    return endpoint


def store_endpoint(
    store: StudyStore, trial: int, model: TrainableModel, inputs: StudyInputs, is_stopped: Callable[[], bool]
) -> Iterator[EvaluationRecord | Answered]:
    """Add to a trial's last evaluation of dev what is measured once, and yield it; done again, it comes to the same.

    How far it is is yielded before.

    Raises:
        EndpointStopped: `is_stopped` says so.
    """
    began = perf_counter()
    found = yield from _measured(model, inputs, inputs.encoded["dev"], is_stopped)
    if found is None:
        return
    write_answers(store.trial_folder(trial) / ANSWERS, found.rows)
    last = store.evaluations(trial, "dev")[-1]
    metrics, scores = found.evaluation
    seconds = last.seconds + perf_counter() - began
    record = replace(last, metrics={**last.metrics, **metrics}, scores=scores, seconds=seconds)
    store.append(trial, [], [record])
    yield record


def write_answers(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as JSON lines.

    Raises:
        StudyError: the file cannot be written.
    """
    write_text(path, "".join(json.dumps(dict(row), ensure_ascii=False) + "\n" for row in rows))
