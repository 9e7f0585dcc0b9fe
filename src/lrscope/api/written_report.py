"""`lrscope.write_report`: the report of studies and of other programs' runs, from Python."""

from __future__ import annotations

import webbrowser
from dataclasses import replace
from pathlib import Path
from typing import Any

from lrscope.workflows.conclusions import ReportConfig
from lrscope.workflows.report import ReportResult, reports


def write_report(
    *sources: str | Path,
    out: str | Path | None = None,
    lang: str = "en",
    open: bool = False,  # noqa: A002 - as a reader says it
    **how: Any,
) -> ReportResult:
    """Write the report of a study, or of runs of any program, and return it: a notebook shows it.

    Args:
        *sources: a study's folder; or folders, logs and tables of runs, as `lrscope report` takes them.
        out: where it is written; the study's own folder, or a new one under `runs/`, where it is left out.
        lang: its language, "en" or "zh".
        open: whether the page is shown in a browser.
        **how: how runs are compared: `metric`, `direction`, `margin`, `seed_sd`, `best_epoch`, `dev_size`, `arm_from`,
            the options of `lrscope report`.

    Raises:
        ConfigError: something asked for cannot be.
        DataError, StudyError: the runs cannot be read.
    """
    folder = None if out is None else Path(out)
    first, *others = reports([Path(source) for source in sources], ReportConfig(**how), lang=lang, folder=folder)
    if open:
        webbrowser.open(first.page.resolve().as_uri())
    return replace(first, others=tuple(others))
