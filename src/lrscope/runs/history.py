"""One run from its history: what a program logged, entry by entry, and what else its record tells of it.

Every importer of logs ends here, so that the peak rate, the points of the curves, what is unfinished and what diverged
are read in one way, whatever the format.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lrscope.number_text import as_typed, format_rate
from lrscope.records import EvaluationRecord, Status
from lrscope.runs.applied_schedule import AppliedSchedule
from lrscope.runs.dev_set import UNKNOWN, DevSet, seen_sizes
from lrscope.runs.measured import Entry, Placed, merged, records_of
from lrscope.runs.run import Point, Run
from lrscope.runs.score_table import ExampleValues
from lrscope.runs.training_log import TrainingLog

# Of the length that was asked for: a run that came less far is unfinished. The last checkpoint of a run that saves
# every so many steps stands a little before its end, when its rate is near its last value.
UNFINISHED = 0.95
_OF_STEPS = frozenset({"learning_rate", "grad_norm", "reward"})  # what is logged of training and measures no quality


@dataclass(frozen=True)
class Told:
    """What a record tells of its run beside what was measured; what it does not tell is None, NaN or empty.

    `rate` is the peak that the run was configured with; `total_steps` and `total_epochs` how long it was to be.
    `status` is how it ended, where the record says so. `dev_set` is what it was evaluated on. `names_all_settings` and
    `is_summed_up` as in `Run`. `replaced` is what was logged, the first time, of steps that were trained again after a
    resumption, where that is not among the entries.
    """

    name: str = ""
    rate: float | None = None
    seed: int | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    total_steps: float = math.nan
    total_epochs: float = math.nan
    status: Status | None = None
    reason: str = ""
    seconds: float = math.nan
    dev_set: DevSet = UNKNOWN
    names_all_settings: bool = False
    is_summed_up: bool = False
    replaced: Sequence[Entry] = ()


def run_of_entries(entries: Sequence[Entry], told: Told | None = None) -> Run:
    """Return the run that entries tell of, in the order in which they were written.

    >>> told = Told(total_steps=20.0)
    >>> log = [Entry.of({"loss": 2.0, "learning_rate": 1e-4, "step": 10}), Entry.of({"eval_loss": 1.5, "step": 10})]
    >>> run = run_of_entries(log, told)
    >>> run.arm, run.status, run.points[0].splits["dev"]
    ('lr 1e-4', 'interrupted', {'loss': 1.5})
    """
    told = told or Told()
    placed = Placed()
    logged = [record for entry in entries for record in placed.place(entry)]
    records = merged(logged)
    sizes = seen_sizes(entry.dev_size for entry in entries if entry.dev_size is not None)
    seen = DevSet("", *sizes) if sizes else UNKNOWN
    before = TrainingLog.of(trained_twice(logged)) if placed.told else None
    if before is None:
        before = TrainingLog.of(
            records_of(told.replaced), counts_entries=all(each.step is None for each in told.replaced)
        )
    return run_of(records, told, is_counted=not placed.told, dev_set=told.dev_set.merged(seen), before=before)


def run_of(
    records: Sequence[EvaluationRecord],
    told: Told,
    *,
    is_counted: bool = False,
    dev_set: DevSet | None = None,
    scores: Mapping[str, ExampleValues] | None = None,
    log: TrainingLog | None = None,
    before: TrainingLog | None = None,
) -> Run:
    """Return the run that records tell of, in the order of their steps; where `is_counted`, no step was told.

    One that names no rate was trained at the peak of what it logged; with `scores` its value at the endpoint is their
    mean. A `log` is given where not every entry of training has a record; `before` is the log of steps that were
    trained once more after a resumption.
    """
    log = log or TrainingLog.of(
        records, total_steps=told.total_steps, total_epochs=told.total_epochs, counts_entries=is_counted, before=before
    )  # fmt: skip
    schedule = None if log is None else log.schedule
    rate = as_typed(told.rate) if told.rate is not None else _rate_shown(schedule)
    points = _points(records, is_counted=is_counted)
    if scores:
        points = _with_scores(points, scores)
    final = next((each.metrics for each in reversed(records) if each.split == "test"), None)
    settings = dict(told.settings)
    if schedule is not None and schedule.shape:
        settings.setdefault("schedule", schedule.shape)
    return Run(
        told.name or (f"lr {format_rate(rate)}" if rate else ""), told.seed, rate, tuple(points),
        told.status or _status(records, told, is_counted=is_counted), {"test": final} if final else {}, settings,
        told.seconds, told.reason, log, dev_set or told.dev_set, names_all_settings=told.names_all_settings,
        is_summed_up=told.is_summed_up, scores=scores or {},
        shows_peak=told.rate is not None or schedule is None or schedule.has_peak,
    )  # fmt: skip


def trained_twice(logged: Sequence[EvaluationRecord]) -> list[EvaluationRecord]:
    """Return what was logged of steps that were trained once more after a resumption, the first time; in their order.

    A record goes back to a step that was logged already, and what it measured then is another value: a line that is
    printed twice, or a log that was copied, is no training.

    >>> values = [(10, 2.0), (20, 1.5), (30, 1.2), (20, 1.6), (30, 1.3)]
    >>> logged = [EvaluationRecord(step, math.nan, "train", {"loss": loss}, 0.0) for step, loss in values]
    >>> [(each.step, each.metrics["loss"]) for each in trained_twice(logged)]
    [(20, 1.5), (30, 1.2)]
    """
    train = [each for each in logged if each.split == "train" and "loss" in each.metrics]
    seen: dict[int, EvaluationRecord] = {}
    first: dict[int, EvaluationRecord] = {}
    last, differ = 0, False
    for each in train:
        if each.step in seen and (each.step < last or first):
            first.setdefault(each.step, seen[each.step])
            differ |= each.metrics["loss"] != seen[each.step].metrics["loss"]
        seen[each.step] = each
        last = max(last, each.step)
    is_restart = bool(train) and train[0].step in first  # from the beginning: another run
    return [first[step] for step in sorted(first)] if differ and not is_restart else []


def _rate_shown(schedule: AppliedSchedule | None) -> float | None:
    """Return the peak that a schedule shows, to four digits: more of it were computed, not typed."""
    return None if schedule is None else float(f"{schedule.peak:.4g}")


def _status(records: Sequence[EvaluationRecord], told: Told, *, is_counted: bool) -> Status:
    """Return whether a run came as far as it was to come, where its record says how far that is."""
    done = max((each.step for each in records), default=0) if not is_counted else math.nan
    if not math.isnan(told.total_steps) and not math.isnan(done):
        return "completed" if done >= UNFINISHED * told.total_steps else "interrupted"
    epochs = max((each.epoch for each in records if not math.isnan(each.epoch)), default=math.nan)
    if math.isnan(epochs) or math.isnan(told.total_epochs):
        return "completed"
    return "completed" if epochs >= UNFINISHED * told.total_epochs else "interrupted"


def _points(records: Sequence[EvaluationRecord], *, is_counted: bool) -> list[Point]:
    """Return a point at each evaluation; the training loss is the mean of what was logged since the one before.

    Other metrics of training are those that were measured at its step. Evaluations that name neither step nor epoch are
    counted.
    """
    by_step: dict[int, dict[str, EvaluationRecord]] = {}
    for each in records:
        by_step.setdefault(each.step, {})[each.split] = each
    points: list[Point] = []
    losses: list[float] = []
    has_epochs = all(not math.isnan(each.epoch) for each in records if each.split == "dev")
    for step, splits_at in sorted(by_step.items()):
        if "train" in splits_at and "loss" in splits_at["train"].metrics:
            losses.append(splits_at["train"].metrics["loss"])
        if "dev" not in splits_at:
            continue
        splits: dict[str, Mapping[str, float]] = {"dev": splits_at["dev"].metrics}
        at_step: Mapping[str, float] = splits_at["train"].metrics if "train" in splits_at else {}
        trained = {name: value for name, value in at_step.items() if name not in _OF_STEPS}
        if losses:
            trained["loss"] = sum(losses) / len(losses)
            losses = []
        if trained:
            splits["train"] = trained
        epoch = splits_at["dev"].epoch if has_epochs else math.nan
        counted = float(len(points) + 1) if is_counted else None
        points.append(Point(None if is_counted else step, counted if math.isnan(epoch) else epoch, splits))
    if losses and points and not all(map(math.isfinite, losses)):  # it diverged after its last evaluation
        last = points.pop()
        points.append(Point(last.step, last.epoch, {**last.splits, "train": {"loss": math.nan}}))
    return points


def _with_scores(points: Sequence[Point], scores: Mapping[str, ExampleValues]) -> list[Point]:
    """Give the last evaluation the means of the scores: what they measure is counted from them."""
    *before, last = points or [Point(None, 1.0, {})]
    dev = {**last.splits.get("dev", {}), **{name: each.mean for name, each in scores.items()}}
    return [*before, Point(last.step, last.epoch, {**last.splits, "dev": dev})]
