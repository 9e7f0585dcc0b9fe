"""What one training of anyone's left behind: found in its folder, or in what it printed."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lrscope.errors import DataError
from lrscope.records import EvaluationRecord, Metric, Scores
from lrscope.runs.importers.console_lines import chunks_of, lines_of
from lrscope.runs.importers.run_scores import read_run_scores
from lrscope.runs.live_lines import LiveLines
from lrscope.runs.measured import merged
from lrscope.runs.recorded_run import SCORE_FILES
from lrscope.runs.result_files import Measured, ResultFolder
from lrscope.runs.score_table import ExampleValues

PRINTED = "what it printed"
MAX_NAMED = 12  # files that are named where nothing was found


@dataclass(frozen=True)
class RunResults:
    """What a run measured.

    `evaluations` are in the order of their steps: of dev, of test, and of training, with `loss` and `learning_rate` as
    they were logged. Where no record tells its steps they are counted from 1 (`counts_steps`), and an epoch that none
    tells is 0. Per-example scores stand at the last evaluation of dev, in the order of the examples' names, of which
    `examples` is a digest: runs with another one were scored on other examples.

    `source` is the file that the evaluations are from, `unusable` the files that could not be read, with why, `found`
    what there was: files with the metrics in them. `diverged_at` is the step and the rate from which on no training
    loss was a finite number, `rate_asked` the rate that the run's record says it was asked for, `seconds` NaN where
    nothing tells; `metric` is what the run's record says that runs are compared by, None where it does not.
    """

    evaluations: tuple[EvaluationRecord, ...] = ()
    source: str = ""
    unusable: tuple[tuple[str, str], ...] = ()
    found: tuple[str, ...] = ()
    diverged_at: tuple[int, float] | None = None
    rate_asked: float | None = None
    seconds: float = math.nan
    examples: str = ""
    counts_steps: bool = False
    metric: Metric | None = None

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that were measured on dev, by name."""
        return tuple(sorted({name for each in self.evaluations if each.split == "dev" for name in each.metrics}))

    @property
    def applied_rates(self) -> tuple[tuple[int, float], ...]:
        """The rates that were logged, as (step, rate)."""
        logged = [each for each in self.evaluations if each.split == "train" and "learning_rate" in each.metrics]
        return tuple((each.step, each.metrics["learning_rate"]) for each in logged)


def read_results(out: Path, log: Path | None = None, *, live: Sequence[EvaluationRecord] = ()) -> RunResults:
    """Return what one run left in `out`, else what it printed. Nothing that lies there is an error.

    Asked in this order: `lrscope.json`; Trainer's newest state; its files of results; tables of metrics; what was
    printed. The first that has an evaluation of dev is taken; training losses and test values are from the first that
    has any. `scores.parquet` or `scores.csv` hold per-example scores.

    Args:
        out: the folder that the run wrote to.
        log: the file of what it printed.
        live: what was read of that while it was printed, instead of `log`, which may have been cut in the middle.
    """
    folder = ResultFolder(out)
    read = [*folder.measured(), *_printed(log, live, folder)]
    by_dev = next((each for each in read if each.of("dev")), None)
    by_train = next((each for each in read if each.of("train")), None)
    by_test = next((each for each in read if each.of("test")), None)
    main = by_dev or by_test or by_train
    training = by_train.of("train") if by_train else ()
    measured = [*(_at_end(by_dev, training).of("dev") if by_dev else ())]
    measured += _at_end(by_test, training).of("test") if by_test else ()
    scores, scored_in = _scores(folder, read)
    evaluations = _with_scores(merged([*training, *measured]), scores)
    seconds = [each.seconds for each in read if not math.isnan(each.seconds)]
    found = tuple(_shown(each) for each in read) or _names(folder)
    return RunResults(
        tuple(replace(each, epoch=0.0) if math.isnan(each.epoch) else each for each in evaluations),
        main.source if main else scored_in,
        tuple(folder.unusable),
        found,
        _diverged(training),
        next((each.rate for each in read if each.rate is not None), None),
        seconds[0] if seconds else math.nan,
        _digest(scores),
        main is not None and main.is_counted and not (by_train and not by_train.is_counted),
        next((each.metric for each in read if each.metric is not None), None),
    )


def _printed(log: Path | None, live: Sequence[EvaluationRecord], folder: ResultFolder) -> Iterator[Measured]:
    """Yield what a run printed, where that is known."""
    if live:
        yield Measured(PRINTED, tuple(live), all(each.step <= len(live) for each in live))
        return
    if log is None or not log.is_file():
        return
    lines = LiveLines()
    try:
        for _, line, _ in lines_of(chunks_of(log)):
            lines.take(line)
    except DataError as error:
        folder.unusable.append((log.name, str(error)))
    if lines.records:
        yield Measured(PRINTED, lines.records, not lines.tells_steps, seconds=lines.seconds)


def _at_end(measured: Measured, training: Sequence[EvaluationRecord]) -> Measured:
    """Return what was measured where it belongs: a single evaluation that tells no step is one of the end."""
    last = max((each.step for each in training), default=0)
    positions = {each.step for each in measured.records if each.split != "train"}
    if not measured.is_counted or len(positions) > 1 or last <= max(positions, default=0):
        return measured
    epoch = max((each.epoch for each in training if not math.isnan(each.epoch)), default=math.nan)
    moved = [each if each.split == "train" else replace(each, step=last, epoch=epoch) for each in measured.records]
    return replace(measured, records=tuple(moved))


def _scores(folder: ResultFolder, read: Sequence[Measured]) -> tuple[dict[str, ExampleValues], str]:
    """Return per-example scores, and the file that they are from."""
    named = [each.scores for each in read if each.scores is not None]
    beside = [path for name in SCORE_FILES for path in folder.files if path.name == name]
    for path in dict.fromkeys([*named, *beside]):
        try:
            return read_run_scores(path), folder.shown(path)
        except (DataError, OSError) as error:
            folder.unusable.append((folder.shown(path), str(error)))
    return {}, ""


def _with_scores(
    evaluations: tuple[EvaluationRecord, ...], scores: dict[str, ExampleValues]
) -> tuple[EvaluationRecord, ...]:
    """Give the last evaluation of dev its scores; its values of their metrics are the scores' means."""
    if not scores:
        return evaluations
    of_dev = [each for each in evaluations if each.split == "dev"]
    last = evaluations[-1] if evaluations else EvaluationRecord(1, math.nan, "dev", {}, 0.0)
    endpoint = of_dev[-1] if of_dev else EvaluationRecord(last.step, last.epoch, "dev", {}, 0.0)
    scored = replace(
        endpoint,
        metrics={**endpoint.metrics, **{name: each.mean for name, each in scores.items()}},
        scores={n: Scores(s.values.astype(np.float32), s.weights.astype(np.float32)) for n, s in scores.items()},
    )
    return merged([*(each for each in evaluations if each is not endpoint), scored])


def _diverged(training: Sequence[EvaluationRecord]) -> tuple[int, float] | None:
    rate, found = math.nan, None
    for each in training:
        rate = each.metrics.get("learning_rate", rate)
        if "loss" in each.metrics:
            found = None if math.isfinite(each.metrics["loss"]) else found or (each.step, rate)
    return found


def _digest(scores: dict[str, ExampleValues]) -> str:
    if not scores:
        return ""
    digest = hashlib.sha256()
    for name in sorted(scores):
        digest.update("\n".join([name, *scores[name].examples]).encode("utf-8", "replace"))
    return digest.hexdigest()[:16]


def _shown(measured: Measured) -> str:
    """Return a source with what was measured in it, as a person reads it."""
    each = dict.fromkeys(f"{record.split} {name}" for record in measured.records for name in record.metrics)
    return f"{measured.source} ({', '.join(each)})"


def _names(folder: ResultFolder) -> tuple[str, ...]:
    names = [folder.shown(path) for path in folder.files]
    more = [f"{len(names) - MAX_NAMED} more files"] if len(names) > MAX_NAMED else []
    return (*names[:MAX_NAMED], *more)
