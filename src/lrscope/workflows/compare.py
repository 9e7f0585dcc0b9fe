"""Studies compared with one another, where that is allowed: of one task, by one metric, on one dev set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lrscope.config.command_line import quote
from lrscope.errors import StudyError
from lrscope.runs.study_facts import differences, facts_of
from lrscope.store.study import StudyStore
from lrscope.workflows.conclusions import ReportConfig
from lrscope.workflows.report import ReportResult, reports
from lrscope.workflows.study_folder import compared_study


def compare(
    folders: Sequence[Path], config: ReportConfig | None = None, *, lang: str = "en", folder: Path | None = None
) -> ReportResult:
    """Write one report of several studies, and return it; example by example where they kept the scores of examples.

    Args:
        folders: two studies or more, or folders of tune.
        config: how their runs are compared.
        lang: the language of the report.
        folder: where it is written; a new one under `runs/` where None.

    Raises:
        StudyError: they may not be compared, or cannot be read; it says what differs.
        ConfigError, DataError: something asked for cannot be.
    """
    config = config or ReportConfig()
    if len(folders) < 2:
        raise StudyError(
            f"two studies or more are compared: got {len(folders)}; read one with lrscope report, list those that "
            "there are with lrscope list"
        )
    require_comparable(folders, config)
    (result,) = reports(folders, config, lang=lang, folder=folder)
    return result


def require_comparable(folders: Sequence[Path], config: ReportConfig) -> None:
    """Refuse studies whose runs may not be compared.

    Raises:
        StudyError: with what differs between the first and another one.
    """
    facts = []
    for path in map(compared_study, folders):
        with StudyStore.open(path) as store:
            facts.append(facts_of(store))
    for each, path in zip(facts[1:], folders[1:], strict=True):
        if found := list(differences(facts[0], each, by_own_metric=config.metric is None)):
            both = f"{quote(folders[0])} {quote(path)}"
            raise StudyError(
                f"studies are compared on one task, one metric and one dev set: got {folders[0]} and {path}, which "
                f"differ in {' and in '.join(found)}; lrscope report {both} says what can be said of them"
            )
