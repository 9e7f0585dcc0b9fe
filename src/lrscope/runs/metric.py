"""Which metric runs are compared by, and which way of it is better, where a record does not say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from lrscope.errors import DataError
from lrscope.records import Metric
from lrscope.runs.notes import Note, OtherMetrics
from lrscope.runs.quantities import Names, Text

# Metrics that are better when they are less, by a word of their name.
_LESS_IS_BETTER = re.compile(
    r"loss$|(^|[_ /.-])(perplexity|ppl|errors?|err|mse|rmse|mae|nll|bpb|bpc|wer|cer|ter|brier|ece)([_ /.-]|$)", re.I
)


def decision_metric(names: Iterable[str], wanted: str | None = None) -> Metric:
    """Return the metric to compare by: the one that is wanted, else the first by name that is better when larger.

    Raises:
        DataError: the one that is wanted was not measured.

    >>> decision_metric({"loss", "acc"}), decision_metric({"loss", "dev_ppl"}, "dev_ppl")
    (Metric(name='acc', direction='maximize'), Metric(name='dev_ppl', direction='minimize'))
    """
    known = sorted(names)
    if wanted is not None and wanted not in known:
        raise DataError(
            f"runs are compared by a metric that was measured on dev: got {wanted!r}; it has {', '.join(known)}"
        )
    larger = [name for name in known if not _LESS_IS_BETTER.search(name)]
    name = wanted or (larger or known)[0]
    return Metric(name, "maximize" if name in larger else "minimize")


def metric_of_files(
    files: Sequence[tuple[str, AbstractSet[str]]], wanted: str | None = None
) -> tuple[Metric, frozenset[str]]:
    """Return the metric to compare files by, and those among which it was chosen: the ones that all of them have.

    A file without any evaluation has no say: its runs have no value.

    Raises:
        DataError: nothing was measured, no metric is in all files, or the one that is wanted is in none.

    >>> metric_of_files([("a.log", {"loss", "acc"}), ("b.csv", {"loss"})])[0]
    Metric(name='loss', direction='minimize')
    """
    known = [(name, metrics) for name, metrics in files if metrics]
    if not known:
        raise DataError(
            f"runs are compared by their evaluations: got none in {files[0][0]}; train with evaluations, such as "
            "Trainer's --eval_strategy epoch"
        )
    if wanted is not None:
        every = frozenset().union(*(metrics for _, metrics in known))
        return decision_metric(every, wanted), every
    shared = frozenset.intersection(*(frozenset(metrics) for _, metrics in known))
    if not shared:
        each = "; ".join(f"{', '.join(sorted(metrics))} in {name}" for name, metrics in known)
        raise DataError(f"files are compared by a metric that all of them have: got {each}; report them one by one")
    return decision_metric(shared), shared


def passed_over(names: Iterable[str], metric: Metric) -> tuple[Note, ...]:
    """Say which other metrics of dev could have been compared by; the loss is shown anyway."""
    others = sorted(set(names) - {metric.name, "loss"})
    return (OtherMetrics(Text(metric.name), Names(others)),) if others else ()
