"""Intervals along the rates: where the best one was expected before training, and where a search of rates puts it."""

from __future__ import annotations

from lrscope.findings.prior_findings import expected_before
from lrscope.report.chart import Span
from lrscope.report.wording import Wording
from lrscope.statistics.conclusions import Conclusions


def rate_spans(c: Conclusions, wording: Wording) -> tuple[Span, ...]:
    """Return the prior's 80% interval, and the 95% interval of a search with the rate that it recommends."""
    spans = []
    if (prior := expected_before(c)) is not None:
        low, high = prior.interval()
        spans.append(Span(wording.word("expected-before"), low, high, "expected", prior.rate))
    if c.search is not None and c.search.interval is not None:
        low, high = c.search.interval
        spans.append(Span(wording.word("searched-rate"), low, high, "estimated", c.search.rate))
    return tuple(spans)
