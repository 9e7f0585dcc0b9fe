"""A report: what the runs show, as a page and as Markdown, with the test scores opened where asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from lrscope.errors import ConfigError
from lrscope.json_text import embedded_json, with_schema
from lrscope.number_text import counted
from lrscope.report import glance
from lrscope.report.document import Document, document
from lrscope.report.locales import Locale, locale
from lrscope.runs.reading import told_to
from lrscope.statistics.conclusions import Conclusions
from lrscope.visible_text import visible
from lrscope.workflows.callbacks import Callbacks, ItemsDone
from lrscope.workflows.conclusions import Concluded, ReportConfig, conclude_each
from lrscope.workflows.report_values import REPORT, for_page, report_values
from lrscope.workflows.sealed_scores import OpenedTest, check_open_test, open_test_scores
from lrscope.workflows.study_folder import compared_study


@dataclass(frozen=True, eq=False, repr=False)
class ReportResult:
    """What a report says and where it lies: `page` is HTML, `text` Markdown, `opened` the test scores opened for it.

    `values` are all of it as plain values, as `--json` prints them. `others` are those of runs on other dev sets. In a
    notebook it shows the answer, the charts and the table.
    """

    conclusions: Conclusions
    document: Document
    language: Locale
    page: Path
    text: Path
    notes: tuple[str, ...] = ()
    opened: OpenedTest | None = None
    values: dict[str, Any] = field(default_factory=dict)
    others: tuple[ReportResult, ...] = ()

    def plot(self, of: str | None = None, path: Path | str | None = None) -> Any:
        """Return a chart of the page as matplotlib's figure, and write it where a path is given.

        `of` is "by-rate" (the first where none is named), "curves", "curves1" and so on.

        Raises:
            ConfigError: there is no such chart.
        """
        return glance.figure(self.conclusions, of, path)

    def __repr__(self) -> str:
        more = f"; {counted(len(self.others), 'report')} more" if self.others else ""
        return f"<report {visible(str(self.page))}: {glance.one_line(self.conclusions)}{more}>"

    def _repr_html_(self) -> str:
        notes = [*self.notes, f"The report is in {self.page}."]
        return "".join([glance.notebook_piece(self.conclusions, notes), *(each._repr_html_() for each in self.others)])


def report(folder: Path, *, lang: str = "en") -> ReportResult:
    """Write the report of a study into its folder, and return it.

    Raises:
        StudyError: the study cannot be read.
    """
    (result,) = reports([folder], lang=lang)
    return result


def reports(
    sources: Sequence[Path],
    config: ReportConfig | None = None,
    *,
    lang: str = "en",
    folder: Path | None = None,
    open_test: str | None = None,
    callbacks: Callbacks | None = None,
) -> list[ReportResult]:
    """Write the report of a study, or of imported runs, and return it; of runs on several dev sets, one report a set.

    `folder` is where it is written: the study's own where None, a new one under `runs/` for imported runs; where there
    are several, each is in a folder of its own in it. `open_test` opens the sealed test scores of the "chosen" setting,
    or of "all", once the choice is stored.

    Raises:
        ConfigError: something asked for cannot be.
        DataError, StudyError: the runs cannot be read.
    """
    config, language = config or ReportConfig(), locale(lang)
    if folder is not None and folder.is_file():
        raise ConfigError(f"a report is written into a folder: {folder} is a file; name another with --out")
    if open_test is not None:
        check_open_test(open_test, config)
    show = (callbacks or Callbacks()).on_progress
    with told_to(lambda done, total: show(ItemsDone("MB read", done >> 20, total >> 20))):
        each = conclude_each(sources, config)
    opened = None
    if open_test is not None:
        opened = open_test_scores(compared_study(sources[0]), each[0].conclusions, open_test)
        each = conclude_each(sources, config)
    own = Path("runs") / f"report-{datetime.now():%Y%m%d-%H%M%S}"
    home = folder or (own if each[0].conclusions.runs.is_imported else compared_study(sources[0]))
    if len(each) == 1:
        return [_written(each[0], language, home, opened)]
    return [_written(one, language, home / str(number), None) for number, one in enumerate(each, start=1)]


def _written(concluded: Concluded, language: Locale, home: Path, opened: OpenedTest | None) -> ReportResult:
    from lrscope.report.files import PAGE, write_report

    made, values = document(concluded.conclusions), report_values(concluded.conclusions)
    data = embedded_json(with_schema(REPORT, for_page(values, PAGE)))
    page, text, *_ = write_report(made, language, home, data)
    values = {"report": str(page), **values}
    return ReportResult(concluded.conclusions, made, language, page, text, concluded.notes, opened, values)
