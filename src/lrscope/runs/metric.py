"""Which metric runs are compared by, and which way of it is better. Nothing is guessed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from lrscope.config.metric_names import is_best_of_epochs, is_mean, is_metric, known_direction, preference
from lrscope.errors import DataError
from lrscope.records import Direction, Metric
from lrscope.runs.notes import BestOfEpochs, MeanOfRuns, Note, OtherMetrics
from lrscope.runs.quantities import Names, Text
from lrscope.runs.settings import without_split


class Asking(NamedTuple):
    """How a metric is asked for, and which way of it is better: by options, or by arguments of a call."""

    metric: str
    direction: str


OPTIONS = Asking("--metric NAME", "--minimize or --maximize")
ARGUMENTS = Asking('metric="NAME"', 'direction="minimize" or direction="maximize"')


def metric_of_files(
    files: Sequence[tuple[str, AbstractSet[str]]], wanted: str | None = None, direction: Direction | None = None
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
        return choose_metric(every, wanted, direction), every
    shared = frozenset.intersection(*(frozenset(metrics) for _, metrics in known))
    if not shared:
        each = "; ".join(dict.fromkeys(f"{', '.join(sorted(metrics))} in {name}" for name, metrics in known))
        raise DataError(f"files are compared by a metric that all of them have: got {each}; report them one by one")
    return choose_metric(shared, None, direction), shared


def passed_over(names: Iterable[str], metric: Metric) -> tuple[Note, ...]:
    """Say which other metrics of dev could have been compared by, and what a summary of several values is not.

    The loss is shown anyway.
    """
    others = sorted(name for name in set(names) - {metric.name, "loss"} if is_metric(name))
    notes: list[Note] = [OtherMetrics(Text(metric.name), Names(others))] if others else []
    if is_best_of_epochs(metric.name):
        notes.append(BestOfEpochs(Text(metric.name)))
    if is_mean(metric.name):
        notes.append(MeanOfRuns(Text(metric.name)))
    return tuple(notes)


def direction_of(name: str) -> Direction | None:
    """Return which way of a metric is better where its name is a known one, None where it is not.

    The names are listed in `config/metric_names.py`.

    >>> direction_of("eval_loss"), direction_of("f1"), direction_of("score")
    ('minimize', 'maximize', None)
    """
    return known_direction(without_split(name))


def choose_metric(
    names: Iterable[str],
    wanted: str | None = None,
    direction: Direction | None = None,
    asking: Asking = OPTIONS,
) -> Metric:
    """Return the metric to compare runs by: the one that is wanted, else the first by which its task is scored.

    A wanted one may be named with its split (`eval_loss`) or without. Otherwise known metrics go in the order of
    `config/metric_names.py`, the loss after those of the task; an unknown one is taken where it is the only one, once
    its direction is told. A direction that is asked for counts before what the name says.

    Args:
        names: what was measured on dev, without its split.
        wanted: the metric that was asked for.
        direction: the direction that was asked for.
        asking: how errors say that both are asked for.

    Raises:
        DataError: nothing was measured, or not what is wanted; several could be meant; the direction is not known.

    >>> choose_metric({"loss", "f1"}), choose_metric({"loss", "entropy", "num_tokens"})
    (Metric(name='f1', direction='maximize'), Metric(name='loss', direction='minimize'))
    >>> choose_metric({"loss", "rouge1", "gen_len"}), choose_metric({"loss", "score"})
    (Metric(name='rouge1', direction='maximize'), Metric(name='loss', direction='minimize'))
    """
    known = sorted(set(names))
    if not known:
        raise DataError("runs are compared by a metric of their evaluations: got none; let the training evaluate")
    if wanted is None:
        name = _first(known, direction, asking)
    elif wanted in known or without_split(wanted) in known:
        name = wanted if wanted in known else without_split(wanted)
    else:
        raise DataError(
            f"runs are compared by a metric that was measured on dev: got {wanted!r}; it has {', '.join(known)}"
        )
    better = direction or direction_of(name)
    if better is None:
        raise DataError(f"whether a larger {name} is better is not known: add {asking.direction}")
    return Metric(name, better)


def _first(known: Sequence[str], direction: Direction | None, asking: Asking) -> str:
    """Return the metric that is meant where none is wanted."""
    metrics = sorted((name for name in known if is_metric(name)), key=preference)
    if direction is not None and (fitting := [each for each in metrics if direction_of(each) in (None, direction)]):
        metrics = fitting
    if directed := [name for name in metrics if direction_of(name) is not None]:
        return directed[0]
    if len(metrics) == 1:
        return metrics[0]
    measured = ", ".join(known)
    if not metrics:
        raise DataError(f"runs are compared by what says how good they are: got only {measured}; log the dev loss")
    raise DataError(f"which metric to compare by is not known: measured were {measured}; name one with {asking.metric}")
