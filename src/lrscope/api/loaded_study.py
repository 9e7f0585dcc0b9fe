"""A study read elsewhere, whoever runs it: `lrscope.load_study("runs/sweep")`."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from lrscope.api.study_line import study_line
from lrscope.errors import LrscopeError, StudyError
from lrscope.range_test.result import RangeTestResult
from lrscope.records import UNDECIDED
from lrscope.report import glance
from lrscope.runs.import_range_test import read_result
from lrscope.statistics.conclusions import Conclusions
from lrscope.studies.frames import StudyReader
from lrscope.visible_text import paragraphs
from lrscope.workflows.conclusions import conclude_study
from lrscope.workflows.study_folder import begun_study


class LoadedStudy(StudyReader):
    """A study of any command, opened for reading: its frames, what follows from it, and the same in a notebook.

    >>> from lrscope.sample import folder
    >>> load_study(folder())
    Traceback (most recent call last):
    lrscope.errors.StudyError: ...
    """

    @property
    def folder(self) -> Path:
        """The study's folder."""
        return self.store.folder

    @cached_property
    def range_test(self) -> RangeTestResult | None:
        """What its range tests come to; None of a study of trainings.

        Raises:
            StudyError: no range test has ended.
        """
        return None if self.store.config.find is None else read_result(self.store)

    @property
    def conclusions(self) -> Conclusions:
        """All that follows from its runs so far.

        Raises:
            LrscopeError: no run has ended yet, or they are range tests.
        """
        if self.store.config.find is not None:
            raise StudyError(f"{self.folder} holds range tests: they come to a range_test, not to a setting")
        if self.store.metric == UNDECIDED:
            raise StudyError("no run has ended with a value yet")
        return conclude_study(self.folder).conclusions

    @property
    def answer(self) -> str:
        """Which setting to use, how the others compare, and how sure that is; of range tests what to search."""
        try:
            return repr(self.range_test)[1:-1] if self.range_test is not None else glance.answer(self.conclusions)
        except LrscopeError as error:
            return str(error)

    def plot(self, of: str | None = None, path: Path | str | None = None) -> Any:
        """Return a chart of the report's page, or the range test's picture, as matplotlib's figure.

        Raises:
            ConfigError: there is no such chart.
            LrscopeError: no run has ended yet.
        """
        return self.range_test.plot(path) if self.range_test is not None else glance.figure(self.conclusions, of, path)

    def __str__(self) -> str:
        return f"{self.answer}\nThe study is in {self.folder}."

    def __repr__(self) -> str:
        try:
            if self.range_test is not None:
                return f"<study {self.folder}: {self.answer}>"
        except LrscopeError as error:
            return f"<study {self.folder}: {error}>"
        return study_line(self.folder, lambda: self.conclusions)

    def _repr_html_(self) -> str:
        where = f"The study is in {self.folder}."
        try:
            if self.range_test is not None:
                return self.range_test._repr_html_() + paragraphs([where])
            return glance.notebook_piece(self.conclusions, [where])
        except LrscopeError as error:
            return paragraphs([str(error), where])


def load_study(folder: Path | str) -> LoadedStudy:
    """Open a study for reading; of a tune's folder the last study that it has begun.

    Raises:
        StudyError: there is none.
    """
    return LoadedStudy(begun_study(Path(folder)))
