"""Per-example scores of runs, wherever each was read from, as one table: compared example by example."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from lrscope.errors import DataError
from lrscope.runs.run import Run
from lrscope.runs.runs import Runs
from lrscope.runs.score_table import Floats, ScoreTable


def with_score_table(runs: Runs) -> Runs:
    """Return runs with the table of their scores, where all that count have scores of the metric at their endpoint.

    Raises:
        DataError: they were not scored on the same examples.
    """
    metric = runs.metric.name
    counted = [run for run in runs.runs if run.status in runs.counted and not math.isnan(runs.value(run))]
    if not counted or any(metric not in run.scores for run in counted):
        return runs
    if any(runs.value(run) != run.last("dev", metric) for run in counted):  # judged at another evaluation
        return runs
    first, *others = counted
    for run in others:
        _require_same_examples(metric, first, run)
    scores: dict[str, dict[int, Floats]] = {arm: {} for arm in runs.arms}
    for run in counted:
        scores[run.arm][run.seed or 0] = run.scores[metric].values
    table = ScoreTable.of(scores, first.scores[metric].weights)
    return replace(runs, scores=table, sizes={**runs.sizes, "dev": table.num_examples})


def _require_same_examples(metric: str, first: Run, other: Run) -> None:
    one, two = first.scores[metric], other.scores[metric]
    if one.examples is not two.examples and one.examples != two.examples:
        shared = len(set(one.examples) & set(two.examples))
        raise DataError(
            f"runs are compared on the same examples: {_called(first)} has {len(one.examples)}, {_called(other)} "
            f"{len(two.examples)}, of which {shared} are the same; score both on one dev set"
        )
    if one.weights is not two.weights and not np.allclose(one.weights, two.weights, rtol=1e-5):
        raise DataError(
            f"an example has one weight in all runs: {_called(first)} and {_called(other)} give some different ones"
        )


def _called(run: Run) -> str:
    return f"{run.arm}, seed {run.seed}"
