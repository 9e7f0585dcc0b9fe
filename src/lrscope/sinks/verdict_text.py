"""A verdict in the forms that libraries take: a flat table of values, and Markdown."""

from __future__ import annotations

import math
from typing import Any

from lrscope.sinks.base import StudyLog, VerdictLog


def summary_of(study: StudyLog, verdict: VerdictLog) -> dict[str, Any]:
    """Return a verdict as one flat table of values, the settings under their names."""
    values: dict[str, Any] = {
        "recommended": verdict.recommended, "confidence": verdict.confidence, "answer": " ".join(verdict.answer),
    }  # fmt: skip
    for each in verdict.settings:
        values[f"standing/{each.setting}"] = each.standing
        if not math.isnan(each.value):
            values[f"{study.metric}/{each.setting}"] = each.value
    return values


def as_markdown(study: StudyLog, verdict: VerdictLog) -> str:
    """Return the answer and a table of the settings, as Markdown."""
    lines = [
        "  \n".join(verdict.answer),
        "",
        f"| setting | seeds | dev {study.metric} | sd | standing |",
        "|" + " --- |" * 5,
    ]
    for each in verdict.settings:
        mark = ", recommended" if each.is_recommended else ""
        cells = (each.setting, str(each.seeds), f"{each.value:.4g}", f"{each.sd:.2g}", each.standing + mark)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)
