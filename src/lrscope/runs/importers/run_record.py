"""A run's own record, `lrscope.json`, with the per-example scores that lie beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lrscope.errors import DataError
from lrscope.runs.history import Told, run_of
from lrscope.runs.importers.base import Imported
from lrscope.runs.importers.checked import file_name
from lrscope.runs.importers.run_scores import read_run_scores
from lrscope.runs.importers.text import decoded
from lrscope.runs.recorded_run import FORMAT, RECORD, RecordedRun, read_recorded
from lrscope.runs.run import Run
from lrscope.runs.score_table import ExampleValues


class RunRecord:
    """One run a file."""

    suffixes: tuple[str, ...] = ()

    def claims(self, path: Path, head: bytes) -> bool:
        """Return whether it is called `lrscope.json`, or names its format."""
        return path.name == RECORD or (f'"{FORMAT}"' in (text := decoded(head, errors="replace")) and _is_object(text))

    def read(self, path: Path) -> Imported:
        """Return the run of a record. Its value at the endpoint is the mean of its scores, where it has any.

        Raises:
            DataError: it is no record, tells of no evaluation on dev, or its scores cannot be used.
        """
        record = read_recorded(path)
        scores = {} if record.scores is None else read_run_scores(record.scores)
        if not scores and not any(each.split == "dev" for each in record.evaluations):
            raise DataError(f"runs are compared by what was measured on dev: got nothing of dev in {file_name(path)}")
        run = run_of_record(record, scores)
        return Imported((run,), run.settings, metric=record.metric)


def _is_object(text: str) -> bool:
    return text.lstrip("\ufeff \t\r\n").startswith("{")


def run_of_record(record: RecordedRun, scores: Mapping[str, ExampleValues]) -> Run:
    """Return a record as a run."""
    told = Told(
        rate=record.rate, seed=record.seed, settings=record.settings, status=record.status, reason=record.reason,
        seconds=record.seconds,
    )  # fmt: skip
    return run_of(record.evaluations, told, is_counted=record.is_counted, scores=scores)
