"""A report: what the runs show, as a page and as Markdown, with the test scores opened where asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lrscope.errors import ConfigError
from lrscope.report.document import Document, document
from lrscope.report.locales import Locale, locale
from lrscope.statistics.conclusions import Conclusions
from lrscope.workflows.conclusions import ReportConfig, conclude_sources
from lrscope.workflows.sealed_scores import OpenedTest, check_open_test, open_test_scores
from lrscope.workflows.study_folder import compared_study


@dataclass(frozen=True, eq=False)
class ReportResult:
    """What a report says and where it lies: `page` is HTML, `text` Markdown, `opened` the test scores opened for it."""

    conclusions: Conclusions
    document: Document
    language: Locale
    page: Path
    text: Path
    notes: tuple[str, ...] = ()
    opened: OpenedTest | None = None


def report(
    sources: Sequence[Path],
    config: ReportConfig | None = None,
    *,
    lang: str = "en",
    folder: Path | None = None,
    open_test: str | None = None,
) -> ReportResult:
    """Write the report of a study, or of imported runs, and return it.

    `folder` is where it is written: the study's own where None, a new one under `runs/` for imported runs. `open_test`
    opens the sealed test scores of the "chosen" setting, or of "all", once the choice is stored.

    Raises:
        ConfigError: something asked for cannot be.
        DataError, StudyError: the runs cannot be read.
    """
    config, language = config or ReportConfig(), locale(lang)
    if folder is not None and folder.is_file():
        raise ConfigError(f"a report is written into a folder: {folder} is a file; name another with --out")
    if open_test is not None:
        check_open_test(open_test, config)
    conclusions, notes = conclude_sources(sources, config)
    opened = None
    if open_test is not None:
        opened = open_test_scores(compared_study(sources[0]), conclusions, open_test)
        conclusions, notes = conclude_sources(sources, config)
    own = Path("runs") / f"report-{datetime.now():%Y%m%d-%H%M%S}"
    home = folder or (own if conclusions.runs.is_imported else compared_study(sources[0]))
    from lrscope.report.files import write_report

    made = document(conclusions)
    page, text, *_ = write_report(made, language, home)
    return ReportResult(conclusions, made, language, page, text, notes, opened)
