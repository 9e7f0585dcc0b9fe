"""All that is concluded as plain values: what `--json` prints."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from lrscope.findings.advice import advice
from lrscope.findings.answer import answer
from lrscope.findings.findings import findings
from lrscope.runs.statement import as_plain
from lrscope.statistics.conclusions import Conclusions
from lrscope.studies.sealed_test import choice_of


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
                "final": run.final,
            }
            for run in c.runs.runs
        ],
        "arms": [
            {
                "name": arm.name, "rate": arm.rate, "value": _plain(arm.value), "sd": _plain(arm.sd),
                "verdict": arm.standing, "beaten_by": arm.beaten_by, "beaten_through": arm.beaten_through,
                "above_guessing": None if c.learned is None else c.learned.arms[number],
                "diverged": arm.num_diverged, "failed": arm.num_failed,
            }
            for number, arm in enumerate(c.arms)
        ],
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
