"""All that is concluded as plain values: what `--json` prints, and what a page holds of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from lrscope.findings.advice import advice
from lrscope.findings.answer import answer
from lrscope.findings.findings import findings
from lrscope.runs.statement import as_plain
from lrscope.statistics.conclusions import Conclusions
from lrscope.studies.sealed_test import choice_of

REPORT = "report/1"  # the schema of these values, with where the report is
PAGE_POINTS = 20_000  # evaluations that a page holds, all runs together: about a megabyte


def for_page(values: Mapping[str, Any], page: str) -> dict[str, Any]:
    """Return the values as a page named `page` holds them: of very long runs, evaluations evenly chosen.

    >>> runs = [{"epochs": list(range(100_000))}, {"epochs": [1, 2]}]
    >>> [len(run["epochs"]) for run in for_page({"runs": runs}, "report.html")["runs"]]
    [10000, 2]
    """
    most = max(2, PAGE_POINTS // max(1, len(values["runs"])))
    runs = [{**run, "epochs": _evenly(run["epochs"], most)} for run in values["runs"]]
    return {**values, "report": page, "runs": runs}


def _evenly(items: Sequence[Any], most: int) -> list[Any]:
    """Return at most so many items, evenly chosen, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    return [items[place * (len(items) - 1) // (most - 1)] for place in range(most)]


def report_values(c: Conclusions) -> dict[str, Any]:
    """Return everything that is concluded as plain values."""
    all_findings = findings(c)
    metric, choice = c.runs.metric, choice_of(c)
    return {
        "source": c.runs.source,
        "metric": {"name": metric.name, "direction": metric.direction},
        "margin": c.margin,
        "runs": [
            {
                "arm": run.arm, "seed": run.seed, "rate": run.rate, "status": run.status,
                "epochs": [{"step": point.step, "epoch": point.epoch, **point.splits} for point in run.points],
                "final": run.final, "seconds": _plain(run.seconds),
            }
            for run in c.runs.runs
        ],
        "arms": [
            {
                "name": arm.name, "rate": arm.rate, "value": _plain(arm.value), "sd": _plain(arm.sd),
                "verdict": arm.standing, "beaten_by": arm.beaten_by, "beaten_through": arm.beaten_through,
                "above_guessing": None if c.learned is None else c.learned.arms[number],
                "diverged": arm.num_diverged, "failed": arm.num_failed,
                "seconds_per_run": _plain(arm.seconds_per_run), "seconds_spent": _plain(arm.seconds_spent),
            }
            for number, arm in enumerate(c.arms)
        ],
        "seconds_spent": _plain(c.runs.seconds_spent),
        "guessing": dict(c.runs.baseline),
        "single_peak": {"status": c.verdict.single_peak, "p": _plain(c.verdict.single_peak_p)},
        "contenders": [c.evidence.names[arm] for arm in c.verdict.contenders],
        "choice": {
            **{name: getattr(choice, name) for name in ("first", "second", "is_default", "optimism", "metric", "at")},
            "behind": _plain(c.choice.behind), "is_recommended": c.recommended is not None and c.num_known > 1,
        },
        "pairs": [
            {**asdict(pair), "first": c.evidence.names[pair.first], "second": c.evidence.names[pair.second]}
            for pair in c.verdict.against_best()
        ],
        "recommended_rate": c.recommended_rate,
        "search": None if c.search is None else asdict(c.search),
        "answer": [as_plain(each) for each in answer(c)],
        "findings": [as_plain(finding) for finding in all_findings],
        "advice": [
            {
                **as_plain(each.suggestion), "because": each.because.kind, "command": str(each.command or ""),
                "minutes": _plain(each.minutes),
            }
            for each in advice(c, all_findings)
        ],
        "unread": [{"line": number, "text": text} for number, text in c.runs.unread],
    }  # fmt: skip


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
