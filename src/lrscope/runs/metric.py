"""Which metric runs are compared by, and which way of it is better, where a record does not say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from lrscope.config.metric_names import known_direction, less_is_better
from lrscope.errors import DataError
from lrscope.records import Direction, Metric
from lrscope.runs.notes import Note, OtherMetrics
from lrscope.runs.quantities import Names, Text
from lrscope.runs.settings import without_split


def decision_metric(names: Iterable[str], wanted: str | None = None) -> Metric:
    """Return the metric to compare by: the one that is wanted, else the first by name that is better when larger.

    It may be wanted with its split too, as `eval_loss`.

    Raises:
        DataError: the one that is wanted was not measured.

    >>> decision_metric({"loss", "acc"}), decision_metric({"loss", "dev_ppl"}, "dev_ppl")
    (Metric(name='acc', direction='maximize'), Metric(name='dev_ppl', direction='minimize'))
    """
    known = sorted(names)
    if wanted is not None and wanted not in known:
        wanted = without_split(wanted) if without_split(wanted) in known else wanted
    if wanted is not None and wanted not in known:
        raise DataError(
            f"runs are compared by a metric that was measured on dev: got {wanted!r}; it has {', '.join(known)}"
        )
    larger = [name for name in known if not less_is_better(name)]
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


def direction_of(name: str) -> Direction | None:
    """Return which way of a metric is better where its name is a known one, None where it is not.

    The names are listed in `config/metric_names.py`.

    >>> direction_of("eval_loss"), direction_of("f1"), direction_of("score")
    ('minimize', 'maximize', None)
    """
    return known_direction(without_split(name))


def choose_metric(names: Iterable[str], wanted: str | None = None, direction: Direction | None = None) -> Metric:
    """Return the metric to compare runs of anyone's training by; nothing is guessed.

    The one that is wanted, with or without its split (`eval_loss`, `loss`); else the only one beside the loss, if its
    direction is known; else the loss. A direction that is asked for counts before what the name says.

    Args:
        names: what was measured on dev, without its split.
        wanted: the metric that was asked for.
        direction: the direction that was asked for.

    Raises:
        DataError: nothing was measured, or not what is wanted; several could be meant; the direction is not known.

    >>> choose_metric({"loss", "f1"}), choose_metric({"loss", "entropy", "num_tokens"})
    (Metric(name='f1', direction='maximize'), Metric(name='loss', direction='minimize'))
    """
    known = sorted(set(names))
    if not known:
        raise DataError("runs are compared by a metric of their evaluations: got none; let the training evaluate")
    if wanted is None:
        name = _only(known, direction)
    elif wanted in known or without_split(wanted) in known:
        name = wanted if wanted in known else without_split(wanted)
    else:
        raise DataError(
            f"runs are compared by a metric that was measured on dev: got {wanted!r}; measured were {', '.join(known)}"
        )
    better = direction or direction_of(name)
    if better is None:
        raise DataError(f"whether a larger {name} is better is not known: add --minimize or --maximize")
    return Metric(name, better)


def _only(known: Sequence[str], direction: Direction | None) -> str:
    """Return the only metric that can be meant."""
    beside = [name for name in known if name != "loss"]
    if len(beside) == 1 and (direction or direction_of(beside[0])):
        return beside[0]
    if "loss" in known:
        return "loss"
    raise DataError(
        f"which metric to compare by is not known: measured were {', '.join(known)}; name one with --metric NAME"
    )
