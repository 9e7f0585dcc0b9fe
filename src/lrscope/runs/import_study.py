"""A study's store, read for the report."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Set
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lrscope.config import AnyTrial, StudyConfig, TrialConfig
from lrscope.config.arms import grouped, named
from lrscope.data.guessing import guessing_of_file
from lrscope.errors import StudyError
from lrscope.records import WITH_VALUE, EvaluationRecord, Metric, Scores
from lrscope.runs.metric import choose_metric
from lrscope.runs.notes import Note, Overlap, ScoresIgnored, SealOpened
from lrscope.runs.quantities import Count, Text
from lrscope.runs.run import Point, Run
from lrscope.runs.runs import Runs
from lrscope.runs.score_table import Floats, ScoreTable
from lrscope.runs.settings import SETTING
from lrscope.runs.training_log import TrainingLog, as_logged
from lrscope.store.study import StudyStore
from lrscope.store.trials import TrialRow

EXAMPLES, DIFFERENT = "examples", "different"  # in a study's task state: a digest of what scores are of


def read_study(store: StudyStore, wanted: str | None = None, *, at_best: bool = False) -> Runs:
    """Return a study's runs, with per-example scores at the endpoint of those that ended.

    `wanted` is the metric to compare by, where it is not the study's own; with `at_best` scores are those of each run's
    best epoch on dev.

    Raises:
        StudyError: it is a range test, or no run has ended.
        DataError: the metric that is wanted was not measured.
    """
    if store.config.find is not None:
        raise StudyError(f"{store.folder} holds range tests, not runs to compare; read it with lrscope find --resume")
    rows = [row for row in store.trials() if row.status not in ("planned", "running")]
    if not any(row.status in (*WITH_VALUE, "diverged", "failed") for row in rows):
        raise StudyError(f"a report is of runs that have ended: got none in {store.folder}; run it to its end")
    trials = {row.id: _Trial(store, row) for row in rows}
    metric = _metric(store.metric, trials.values(), wanted)
    arms = grouped(rows)
    runs: list[Run] = []
    scores: dict[str, dict[int, Floats]] = {}
    weights, sizes = None, {}
    weighings: set[bytes | None] = set()  # the examples' weights in each run, None where it has no scores
    for arm, of_arm in arms:
        scores[arm.name] = {}
        for trial in (trials[row.id] for row in of_arm):
            run = trial.run(arm.name)
            judged_by = trial.scores(metric, at_best=at_best) if run.status in WITH_VALUE else []
            runs.append(replace(run, epoch_noise=_own_noise(judged_by)) if at_best and judged_by else run)
            if run.final and run.status in WITH_VALUE and (num_tested := trial.num_tested):
                sizes["test"] = num_tested
            if run.status in WITH_VALUE:
                weighings.add(judged_by[0].weights.tobytes() if judged_by else None)
            if judged_by:
                scores[arm.name][trial.row.config.seed] = judged_by[0].values.astype(np.float64)
                weights = judged_by[0].weights.astype(np.float64)
                sizes["dev"] = len(judged_by[0].values)
    config = store.config
    are_paired = isinstance(config, StudyConfig) or _are_paired(store, weighings)
    table = ScoreTable.of(scores, weights) if "dev" in sizes and are_paired else None
    if "dev" in sizes and not are_paired:
        del sizes["dev"]
    settings = {name: str(value) for name, value in config.inputs_named.items() if value not in (None, "")}
    configs = {arm.name: arm.config for arm, _ in arms}
    notes: list[Note] = [
        Overlap(Text(first), Text(second), Count(number)) for first, second, number in store.overlaps if number
    ]
    notes += _openings(store)
    notes += [] if are_paired else [ScoresIgnored()]
    varied = _varied(list(configs.values()))
    if config.sweep is not None and config.sweep.strategy == "rungs":  # how long an arm ran follows from its rate
        varied = tuple(name for name in varied if name != "epochs")
    return Runs(
        str(store.folder),
        metric,
        tuple(runs),
        sizes,
        table,
        settings,
        tuple(notes),
        configs=configs,
        at_best=at_best,
        study=config,
        varied=varied,
        kinds={name: tuple(_settings_of(each).get(key, "") for key in varied) for name, each in configs.items()},
        baseline=_baseline(store),
    )


def _are_paired(store: StudyStore, weighings: Set[bytes | None]) -> bool:
    """Whether all runs of the user's own training that came to a value were scored on the same examples, or none was.

    Where examples have no names, as many of them at the same weights are taken for the same.
    """
    has_scores = weighings - {None}
    return not has_scores or (len(weighings) == 1 and store.task_state.get(EXAMPLES) != DIFFERENT)


def read_run(store: StudyStore, row: TrialRow) -> Run:
    """Return one trial as a run of an arm that has no name yet."""
    return _Trial(store, row).run("")


def _baseline(store: StudyStore) -> dict[str, float]:
    """Return what guessing gets on dev: as the study kept it, or from its dev file where that is still the same.

    Studies of version 0.1 kept none.
    """
    if isinstance(kept := store.task_state.get("baseline"), dict):
        return {str(name): float(value) for name, value in kept.items()}
    if not isinstance(store.config, StudyConfig):
        return {}
    return guessing_of_file(store.config.to_dict()["data"], store.task_state, store.fingerprint.get("dev"))


def _settings_of(config: AnyTrial) -> dict[str, str]:
    return {name: str(value) for name, value in config.values.items() if name != "peak_rate"}


def _varied(configs: list[AnyTrial]) -> tuple[str, ...]:
    """Return the settings beside the rate that arms differ in; of the user's own training, whatever they are called."""
    settings = [_settings_of(each) for each in configs]
    if all(isinstance(each, TrialConfig) for each in configs):
        telling = dict.fromkeys(name for arm in named(configs) for name in arm.settings)
        return tuple(name for name in telling if name != "peak_rate" and SETTING.match(name))
    names = dict.fromkeys(name for each in settings for name in each)
    return tuple(name for name in names if len({each.get(name) for each in settings}) > 1)


def _openings(store: StudyStore) -> list[Note]:
    """Say when sealed test scores were opened, and by what: an entry for all that one command opened."""
    opened = Counter((row["opened"][:16], row["asked_by"]) for row in store.openings())
    return [
        SealOpened(Text(when.replace("T", " ")), Text(asked_by), Count(number))
        for (when, asked_by), number in opened.items()
    ]


def _metric(own: Metric, trials: Iterable[_Trial], wanted: str | None) -> Metric:
    if wanted in (None, own.name):
        return own
    return choose_metric({name for trial in trials for record in trial.of("dev") for name in record.metrics}, wanted)


class _Trial:
    """A trial with its evaluations, read once."""

    def __init__(self, store: StudyStore, row: TrialRow) -> None:
        self.store, self.row = store, row
        self.evaluations = store.evaluations(row.id)

    def of(self, split: str) -> list[EvaluationRecord]:
        """Return the evaluations of a split, in order."""
        return [record for record in self.evaluations if record.split == split]

    def run(self, arm: str) -> Run:
        """Return the trial as a run."""
        row, by_step = self.row, dict[int, dict[str, dict[str, float]]]()
        epochs: dict[int, float | None] = {}
        # A training of the user's own need not tell its epochs, which are 0 then.
        tells_epochs = isinstance(row.config, TrialConfig) or any(record.epoch for record in self.evaluations)
        for record in (*self.of("train"), *self.of("dev")):
            by_step.setdefault(record.step, {})[record.split] = dict(record.metrics)
            epochs[record.step] = _epoch_of(record, row.steps_per_epoch) if tells_epochs else None
        steps, start = self.store.steps(row.id), 0
        for step, splits in sorted(by_step.items()):
            # The mean training loss since the evaluation before, as trained on: with dropout, of weights on the move.
            counts = steps["count"][start:step]
            if "train" not in splits and counts.sum() > 0:
                splits["train"] = {"loss": float(np.average(steps["loss"][start:step], weights=counts))}
            start = step
        final = {record.split: dict(record.metrics) for record in self.of("test")}
        points = tuple(Point(step, epochs[step], splits) for step, splits in sorted(by_step.items()))
        config = row.config
        settings = {"schedule": config.schedule_text} if config.schedule_text else {}
        return Run(
            arm, config.seed, config.peak_rate, points, row.status, final, seconds=row.seconds, reason=row.reason,
            settings=settings, log=self._log(steps),
        )  # fmt: skip

    def _log(self, steps: NDArray[np.void]) -> TrainingLog | None:
        """Return what was logged, with the rates of the schedule over all of its steps."""
        row, metric = self.row, self.store.metric
        if not isinstance(row.config, TrialConfig):
            return TrainingLog.of(self.evaluations, total_steps=float(row.total_steps or math.nan))
        rates = np.asarray(steps["learning_rate"], np.float64)
        if not len(rates) or row.total_steps is None or row.steps_per_epoch is None:
            return None
        history = [(record.step, metric.sign * record.metrics[metric.name]) for record in self.of("dev")]
        planned = row.config.schedule.resolve(
            total_steps=row.total_steps,
            steps_per_epoch=row.steps_per_epoch,
            peak_rate=row.config.peak_rate,
            tokens_per_epoch=self.store.train_tokens,
        )
        factors = planned.with_history(history).factors()
        return TrainingLog(
            rates, row.config.peak_rate * factors,
            losses=as_logged(steps["loss"], np.ones(len(steps), dtype=np.bool_)),
            gradient_norms=as_logged(steps["gradient_norm"], np.isfinite(steps["loss"])),
            total_steps=float(row.total_steps), total_epochs=row.total_steps / row.steps_per_epoch,
        )  # fmt: skip

    @property
    def num_tested(self) -> int:
        """How many examples of test it was scored on."""
        scores = self.store.scores(self.row.id, self.of("test")[-1].step, "test")
        return len(next(iter(scores.values())).values) if scores else 0

    def scores(self, metric: Metric, *, at_best: bool) -> list[Scores]:
        """Return the scores that it is judged by; of a best evaluation, with those of its neighbour after them."""
        dev = self.of("dev")
        if not dev or math.isnan(dev[-1].metrics.get(metric.name, math.nan)):
            return []
        judged = [len(dev) - 1]
        if at_best:
            best = metric.best_index([record.metrics.get(metric.name, math.nan) for record in dev])
            judged = [len(dev) - 1 if best is None else best]
            if len(dev) > 1:
                judged.append(judged[0] - 1 if judged[0] else 1)
        scores = [self.store.scores(self.row.id, dev[index].step, "dev").get(metric.name) for index in judged]
        return [each for each in scores if each is not None]


def _epoch_of(record: EvaluationRecord, steps_per_epoch: int | None) -> float:
    """Return how many passes an evaluation comes after: a whole number at an epoch's end, a fraction within one."""
    if not steps_per_epoch or record.step == record.epoch * steps_per_epoch:
        return record.epoch
    return record.step / steps_per_epoch


def _own_noise(scores: list[Scores]) -> float:
    """Return the noise of an epoch's value that its neighbour does not share: √(var(x − y) / 2n) over examples."""
    if len(scores) < 2 or len(scores[0].values) < 2:
        return math.nan
    weights = scores[0].weights.astype(np.float64)
    apart = (scores[0].values.astype(np.float64) - scores[1].values) * weights / weights.mean()
    return float(apart.std(ddof=1) / math.sqrt(2.0 * len(apart)))
