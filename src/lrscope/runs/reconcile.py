"""Imported runs made fit to be compared: one run once, arms apart that were trained differently, what is unfinished."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from lrscope.config.catalogue import title_of
from lrscope.runs.equal_values import is_rounded
from lrscope.runs.history import UNFINISHED
from lrscope.runs.notes import (
    DuplicateRun,
    EarlierCheckpoint,
    NearlyFinished,
    Note,
    PathsDiffer,
    PeakEstimated,
    PeakUnknown,
    SeedsUnnamed,
    SettingsUnnamed,
    Unfinished,
)
from lrscope.runs.quantities import Count, Names, Setting, Settings, Share
from lrscope.runs.run import Run, axis_of
from lrscope.runs.runs import Runs
from lrscope.runs.schedule_settings import with_warmups
from lrscope.runs.settings import SETTING, epochs_of, varied_settings

NEARLY = 0.99  # of its steps: a run that was evaluated last before that is said to have ended early
SAME_VALUES, DIFFERENT_VALUES = 6, 4  # so many equal values, of which so many differ, are not equal by chance


def reconciled(runs: Runs) -> Runs:
    """Return runs of which each counts once, as a seed of an arm whose settings it shares; what was odd is noted."""
    apart = _apart(with_warmups(_aligned(runs.runs)))
    kept, twice = _once(apart)
    furthest = _furthest(kept, runs.metric.name)
    ended = [_ended(run, furthest.get(_length_asked(run), 0.0), runs.metric.name) for run in kept]
    notes = (
        *_still_true(runs.notes, ended), *twice, *_read_back(ended), *_unnamed(ended), *_without_seeds(ended),
        *_unfinished(ended), *_nearly_finished(ended),
    )  # fmt: skip
    settings = _with_defaults(ended)
    varied = varied_settings(settings)
    kinds = {run.arm: tuple(own[name] for name in varied) for run, own in zip(ended, settings, strict=True)}
    return replace(runs, runs=tuple(_seeded(ended)), notes=notes, varied=varied, kinds=kinds)


def _aligned(runs: Sequence[Run]) -> Sequence[Run]:
    """Return runs whose points stand at their steps, all of them, where some have no epochs and all have steps."""
    if axis_of(runs) == "epoch" or any(point.step is None for run in runs for point in run.points):
        return runs
    return [replace(run, points=tuple(replace(point, epoch=None) for point in run.points)) for run in runs]


def _with_defaults(runs: Sequence[Run]) -> list[dict[str, str]]:
    """Return each run's settings; one that it left at its default, and another run names, is empty.

    A schedule that is read off the rates is left out: a run that does not show it did not leave it at its default.
    """
    names = {name: "" for run in runs for name in run.settings if SETTING.match(name) and name != "schedule"}
    return [{**(names if run.names_all_settings else {}), **run.settings} for run in runs]


def _apart(runs: Sequence[Run]) -> list[Run]:
    """Give runs of one name that were trained differently names of their own."""
    values: dict[tuple[str, str], set[str]] = {}
    for run, settings in zip(runs, _with_defaults(runs), strict=True):
        for name, value in settings.items():
            if SETTING.match(name):
                values.setdefault((run.arm, name), set()).add(value)
    apart = list(dict.fromkeys(name for (_, name), of_arm in values.items() if len(of_arm) > 1))

    def named(run: Run) -> str:
        own = [f"{title_of(name)} {run.settings[name]}" for name in apart if name in run.settings]
        return ", ".join([run.arm, *own])

    return [replace(run, arm=named(run)) for run in runs]


def _by_arm(runs: Sequence[Run]) -> dict[str, list[Run]]:
    by_arm: dict[str, list[Run]] = {}
    for run in runs:
        by_arm.setdefault(run.arm, []).append(run)
    return by_arm


def _unnamed(runs: Sequence[Run]) -> Iterator[Note]:
    """Say of an arm which settings only some of its runs name: they count as its seeds, which may be wrong.

    A schedule that is read off the rates is left out: a short run does not show it.
    """
    for arm, of_arm in _by_arm(runs).items():
        names = dict.fromkeys(name for run in of_arm for name in run.settings if SETTING.match(name))
        missing = {name: sum(name not in run.settings for run in of_arm) for name in names if name != "schedule"}
        if any(missing.values()):
            unnamed = Names(name.replace("_", " ") for name, number in missing.items() if number)
            yield SettingsUnnamed(Setting(arm), Count(max(missing.values())), Count(len(of_arm)), unnamed)


def _still_true(notes: Sequence[Note], runs: Sequence[Run]) -> list[Note]:
    """Leave out what was noted of seeds of a setting whose runs turned out to be of several."""
    counts = {arm: len(of_arm) for arm, of_arm in _by_arm(runs).items()}
    return [note for note in notes if not isinstance(note, PathsDiffer) or counts.get(note.arm, 0) > 1]


def _without_seeds(runs: Sequence[Run]) -> Iterator[Note]:
    """Name the arms several runs of which name no seed: what else they differ in is not known."""
    if arms := [arm for arm, of_arm in _by_arm(runs).items() if sum(run.seed is None for run in of_arm) > 1]:
        yield SeedsUnnamed(Settings(arms))


def _read_back(runs: Sequence[Run]) -> Iterator[Note]:
    """Name the arms whose peak rates were never logged: those that are read back, and those that are not known."""
    arms = [
        run.arm
        for run in runs
        if run.log is not None
        and (schedule := run.log.schedule)
        and schedule.is_read_back
        and run.rate is not None
        and math.isclose(run.rate, schedule.peak, rel_tol=1e-3)
    ]
    if arms:
        yield PeakEstimated(Settings(dict.fromkeys(arms)))
    if unknown := [run.arm for run in runs if not run.shows_peak]:
        yield PeakUnknown(Settings(dict.fromkeys(unknown)))


def _once(runs: Sequence[Run]) -> tuple[list[Run], list[Note]]:
    """Leave out runs of an arm that have the values of another: a file that was copied, an earlier checkpoint."""
    by_arm = _by_arm(runs)
    left_out: dict[int, Note] = {}
    for arm, of_arm in by_arm.items():
        earlier = 0
        for place, run in enumerate(of_arm):
            others = [each for each in of_arm[:place] if id(each) not in left_out]
            if any(_is_copy(run, other) for other in others):
                left_out[id(run)] = DuplicateRun(Setting(arm), Count(len(_values(run))))
        whole = [run for run in of_arm if id(run) not in left_out]
        for run in whole:
            if any(_begins(run, other) for other in whole if other is not run):
                earlier += 1
                left_out[id(run)] = EarlierCheckpoint(Setting(arm), Count(earlier))
    notes = {(type(note), note.arm): note for note in left_out.values() if isinstance(note, EarlierCheckpoint)}
    copies = [note for note in left_out.values() if isinstance(note, DuplicateRun)]
    return [run for run in runs if id(run) not in left_out], [*copies, *notes.values()]


def _is_copy(run: Run, other: Run) -> bool:
    """Whether a run of an arm is another one once more: its few values are no chance where both name one seed."""
    if run.seed is not None and run.seed == other.seed and run.points == other.points:
        return True
    return _tells_itself(run) and _same(run, other)


def _values(run: Run) -> list[float]:
    return [value for point in run.points for values in point.splits.values() for value in values.values()]


def _tells_itself(run: Run) -> bool:
    """Whether a run has so many different values that another one with the same is itself."""
    measured = _values(run)
    return len(measured) >= SAME_VALUES and len(set(measured)) >= DIFFERENT_VALUES


def _same(run: Run, other: Run) -> bool:
    """Whether two runs of an arm have the same values, and do not name two seeds; one may have rounded them."""
    if _two_seeds(run, other):
        return False
    return run.points == other.points or (is_rounded(_on_dev(run), _on_dev(other)) and _log_the_same(run, other))


def _log_the_same(run: Run, other: Run) -> bool:
    losses, of_other = _losses(run), _losses(other)
    return not losses or not of_other or is_rounded(losses, of_other)


def _losses(run: Run) -> list[float]:
    """Return the training losses that it logged, in order."""
    return [] if run.log is None else [loss for loss in run.log.losses.tolist() if not math.isnan(loss)]


def _on_dev(run: Run) -> list[float]:
    """Return what was evaluated on dev, in order: a console and a state differ in what else they hold."""
    return [value for point in run.points for _, value in sorted(point.splits.get("dev", {}).items())]


def _two_seeds(run: Run, other: Run) -> bool:
    return run.seed is not None and other.seed is not None and run.seed != other.seed


def _begins(run: Run, other: Run) -> bool:
    """Whether a run's record is how another one begins: its losses to the last digit, and what was evaluated."""
    if run.log is None or other.log is None or _two_seeds(run, other):
        return False
    losses, longer = run.log.losses, other.log.losses
    first = losses[np.isfinite(losses)]
    is_telling = len(set(first.tolist())) >= DIFFERENT_VALUES
    if not is_telling or not len(losses) < len(longer):
        return False
    evaluated = [point.splits.get("dev") for point in run.points]
    of_longer = [point.splits.get("dev") for point in other.points[: len(evaluated)]]
    return np.array_equal(losses, longer[: len(losses)], equal_nan=True) and evaluated == of_longer


def _length_asked(run: Run) -> tuple[str | None, str | None]:
    return epochs_of(run.settings), run.settings.get("max_steps")


def _furthest(runs: Sequence[Run], metric: str) -> dict[tuple[str | None, str | None], float]:
    """Return how far the furthest run came, by the length that runs were asked for."""
    furthest: dict[tuple[str | None, str | None], float] = {}
    for run in runs:
        if run.is_summed_up:
            continue
        reached = [position for position, _ in run.series("dev", metric)[-1:]]
        furthest[_length_asked(run)] = max([furthest.get(_length_asked(run), 0.0), *reached])
    return furthest


def _ended(run: Run, last: float, metric: str) -> Run:
    """Say of a run that it diverged, or that it ended before the others did.

    It diverged where its training loss is no number, or its last evaluation: Trainer logs a loss of 0 then.
    """
    at_end = [run.last("dev", name) for name in dict.fromkeys((metric, "loss")) if _was_measured(run, name)]
    if at_end and any(math.isnan(value) for value in at_end):
        return replace(run, status="diverged")
    losses = [point.splits["train"]["loss"] for point in run.points if "loss" in point.splits.get("train", {})]
    if losses and not math.isfinite(losses[-1]):
        return replace(run, status="diverged")
    measured = [point.position for point in run.points if metric in point.splits.get("dev", {})]
    if run.status == "completed" and measured and measured[-1] < UNFINISHED * last and not run.is_summed_up:
        return replace(run, status="interrupted")
    return run


def _was_measured(run: Run, metric: str) -> bool:
    return any(metric in point.splits.get("dev", {}) for point in run.points)


def _unfinished(runs: Sequence[Run]) -> Iterator[Note]:
    for arm, of_arm in _by_arm(runs).items():
        number = sum(run.status == "interrupted" for run in of_arm)
        if number:
            yield Unfinished(Setting(arm), Count(number), Count(len(of_arm)))


def _nearly_finished(runs: Sequence[Run]) -> Iterator[Note]:
    """Name arms that were evaluated last a little before the end of their training, the earliest with its share."""
    shares = {
        run.arm: run.points[-1].step / run.log.total_steps
        for run in runs
        if run.status == "completed" and run.log and run.points and run.points[-1].step and run.log.total_steps > 0.0
    }
    short = {arm: share for arm, share in shares.items() if share < NEARLY}
    if short:
        yield NearlyFinished(Settings(short), Share(min(short.values())))


def _seeded(runs: Sequence[Run]) -> Iterator[Run]:
    """Number the runs of an arm that name no seed, or one that is taken."""
    taken: dict[str, set[int]] = {}
    for run in runs:
        seeds = taken.setdefault(run.arm, set())
        seed = run.seed if run.seed is not None and run.seed not in seeds else None
        if seed is None:
            seed = next(number for number in range(len(runs)) if number not in seeds)
        seeds.add(seed)
        yield replace(run, seed=seed)
