"""Imported files as comparisons: runs that were measured on one dev set, by one metric, belong together.

Runs of different dev sets are never compared: each set is a comparison of its own. What does not tell its set is
compared with others only where all that do tell it have the same one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from lrscope.config.metric_names import SHORT_NAMES
from lrscope.errors import DataError
from lrscope.records import Direction, Metric
from lrscope.runs.beside import ArmFrom
from lrscope.runs.dev_set import UNKNOWN, DevSet
from lrscope.runs.file_names import names_of_files
from lrscope.runs.importers.base import Imported
from lrscope.runs.joined_scores import with_score_table
from lrscope.runs.metric import metric_of_files, passed_over
from lrscope.runs.notes import NeverEvaluated, Note
from lrscope.runs.quantities import Settings
from lrscope.runs.reconcile import reconciled
from lrscope.runs.run import Run
from lrscope.runs.runs import Runs
from lrscope.runs.settings import shared_settings


@dataclass(frozen=True)
class Asked:
    """How files are to be compared: by which metric, which way of it is better, at which evaluation, of which sizes.

    `arm_from` is where settings are taken from that files do not name themselves.
    """

    sizes: Mapping[str, int]
    metric: str | None = None
    direction: Direction | None = None
    at_best: bool = False
    arm_from: ArmFrom | None = None


def comparisons(files: Sequence[tuple[str, Imported]], asked: Asked) -> list[Runs]:
    """Return the runs of all files as comparisons, one a dev set, in the order in which the sets come.

    Args:
        files: what files hold, by their names.
        asked: how to compare.

    Raises:
        DataError: the runs of a comparison have no metric in common, or not the one that is asked for.
    """
    called = names_of_files([file.called or name for name, file in files])
    named = _with_common_names([_named(file, own) for (_, file), own in zip(files, called, strict=True)])
    place = dev_sets(each for file in named for each in _sets_of(file))
    sets = list(dict.fromkeys(place.values()))
    if len(sets) < 2:
        return [_compared([(name, file) for (name, _), file in zip(files, named, strict=True)], sets, UNKNOWN, asked)]
    found = []
    for dev_set in sets:
        own = [
            (name, replace(file, runs=tuple(run for run in file.runs if place[run.dev_set] == dev_set)))
            for (name, _), file in zip(files, named, strict=True)
            if any(place[each] == dev_set for each in _sets_of(file))
        ]
        found.append(_compared(own, sets, dev_set, asked))
    return found


def _sets_of(file: Imported) -> list[DevSet]:
    """Return the sets of a file's runs; scores of examples do not name theirs."""
    return [run.dev_set for run in file.runs] if file.scores is None else [UNKNOWN]


def dev_sets(each: Iterable[DevSet]) -> dict[DevSet, DevSet]:
    """Return which set each of these is, of as few as there can be, each with all that is told of it.

    What could be any of several is a set of its own, the unknown one.

    >>> dev_sets([DevSet("a.txt"), DevSet("a.txt", 10, 10)])[DevSet("a.txt")]
    DevSet(name='a.txt', low=10, high=10)
    >>> [known.name for known in dev_sets([DevSet("a.txt"), DevSet("b.txt"), DevSet()]).values()]
    ['a.txt', 'b.txt', '']
    """
    told = list(dict.fromkeys(each))
    sets: list[DevSet] = []
    number: dict[DevSet, int] = {}
    for one in sorted((one for one in told if one != UNKNOWN), key=lambda one: (not one.name, one.low is None)):
        alike = [place for place, known in enumerate(sets) if not known.contradicts(one)]
        if not alike:
            sets.append(one)
            number[one] = len(sets) - 1
        elif len(alike) == 1:
            sets[alike[0]] = sets[alike[0]].merged(one)
            number[one] = alike[0]
    if len(sets) == 1:
        return dict.fromkeys(told, sets[0])
    return {one: sets[number[one]] if one in number else UNKNOWN for one in told}


def _compared(files: Sequence[tuple[str, Imported]], sets: Sequence[DevSet], dev_set: DevSet, asked: Asked) -> Runs:
    """Return the runs of files as one comparison, by one metric; runs of one arm become its seeds."""
    metric, candidates = _metric(files, asked)
    files = [(name, _scored(file, metric.name)) for name, file in files]
    _require_runs_once(file for _, file in files if file.scores is not None)
    runs = tuple(run for _, file in files for run in file.runs)
    notes: list[Note] = [*(passed_over(candidates, metric) if asked.metric is None else ())]
    notes += _never_evaluated(runs)
    notes += [note for _, file in files for note in file.notes]
    notes = list(dict.fromkeys(notes))  # what several files tell alike is said once
    known = dev_set if len(sets) > 1 else next(iter(sets), UNKNOWN)
    together = Runs(
        ", ".join(name for name, _ in files), metric, runs,
        {**({} if known.size is None else {"dev": known.size}), **asked.sizes}, notes=tuple(notes), is_imported=True,
        unread=tuple(line for _, file in files for line in file.unread),
        settings=shared_settings([file.settings for _, file in files]), dev_set=known,
        other_dev_sets=tuple(each for each in sets if each != dev_set) if len(sets) > 1 else (),
        baseline=next((file.baseline for _, file in files if file.baseline), {}),
        to_evaluate=next((file.to_evaluate for _, file in files if file.to_evaluate), ""),
    )  # fmt: skip
    return with_score_table(replace(reconciled(together), at_best=asked.at_best))


def _metric(files: Sequence[tuple[str, Imported]], asked: Asked) -> tuple[Metric, frozenset[str]]:
    """Return the metric to compare by, and those that it was chosen from; the loss where nothing was evaluated."""
    measured = [
        (name, metrics)
        for name, file in files
        for metrics in ([file.scores.names] if file.scores is not None else map(_measured, file.runs))
        if metrics
    ]
    if not measured:
        if asked.metric is not None:
            raise DataError(
                f"runs are compared by a metric of their evaluations: got --metric {asked.metric}, and no evaluation "
                f"in {', '.join(name for name, _ in files)}"
            )
        return Metric("loss", "minimize"), frozenset()
    own = _own_metric((file for _, file in files), asked)
    return metric_of_files(measured, *(own or (asked.metric, asked.direction)))


def _measured(run: Run) -> frozenset[str]:
    return frozenset(name for point in run.points for name in point.splits.get("dev", {}))


def _own_metric(files: Iterable[Imported], asked: Asked) -> Metric | None:
    """Return the metric that all files say they are compared by, unless another one, or another way, is asked for."""
    named = {file.metric for file in files}
    own = named.pop() if len(named) == 1 else None
    return own if own is not None and asked.metric in (None, own.name) and asked.direction is None else None


def _scored(file: Imported, metric: str) -> Imported:
    """Return a file with its runs, where those are the ones that have scores of the metric."""
    if file.scores is None:
        return file
    return replace(file, runs=file.scores.runs(metric) if metric in file.scores.names else ())


def _require_runs_once(scored: Iterable[Imported]) -> None:
    """Refuse tables of scores that hold the same run: they name their runs, so it is no other seed."""
    known: set[tuple[str, int | None]] = set()
    for run in (run for file in scored for run in file.runs):
        if (run.arm, run.seed) in known:
            raise DataError(
                f"scores of a run stand in one file: got {run.arm}, seed {run.seed} in several; runs of one arm differ "
                "in a column seed"
            )
        known.add((run.arm, run.seed))


def _named(file: Imported, called: str) -> Imported:
    """Return a file whose runs all have a name: what nothing else names is called after its file."""
    if all(run.arm for run in file.runs):
        return file
    return replace(file, runs=tuple(run if run.arm else replace(run, arm=called) for run in file.runs))


def _with_common_names(files: Sequence[Imported]) -> Sequence[Imported]:
    """Return files that call a metric by one name, where some shorten it."""
    for short, long in SHORT_NAMES.items():
        each = [_measured(run) for file in files for run in file.runs if run.points]
        if all((short in names) != (long in names) for names in each) and len({long in names for names in each}) > 1:
            files = [replace(file, runs=tuple(_renamed(run, short, long) for run in file.runs)) for file in files]
    return files


def _renamed(run: Run, short: str, long: str) -> Run:
    points = tuple(
        replace(point, splits={split: _with_name(values, short, long) for split, values in point.splits.items()})
        for point in run.points
    )
    final = {split: _with_name(values, short, long) for split, values in run.final.items()}
    return replace(run, points=points, final=final)


def _with_name(values: Mapping[str, float], short: str, long: str) -> dict[str, float]:
    return {long if name == short else name: value for name, value in values.items()}


def _never_evaluated(runs: Sequence[Run]) -> Iterator[Note]:
    """Name runs without an evaluation, where others have some."""
    never = dict.fromkeys(run.arm for run in runs if not run.points and not run.scores)
    if never and any(run.points for run in runs):
        yield NeverEvaluated(Settings(never))
