"""The runs of a search, read from its study: what each rate came to, what follows, and the trial at the next rate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from lrscope.config import AnyTrial, StudyConfig, TrialConfig
from lrscope.config.metric_names import is_share
from lrscope.records import FINISHED, WITH_VALUE
from lrscope.statistics.expected_best import ExpectedBest
from lrscope.store.study import StudyStore
from lrscope.store.trials import TrialRow
from lrscope.studies.kept_tune import SWEEP, is_of_earlier_version, read_tune
from lrscope.studies.tune_plan import Known
from lrscope.tuning.policy import Recommendation, recommend
from lrscope.tuning.response import ResponsePrior
from lrscope.tuning.response_prior import response_prior, with_best

LOSS = "loss"
MOST_IN_VAIN = 5  # runs that diverged, or came to the same, before a search is given up


def costs_of(store: StudyStore) -> dict[float, list[float]]:
    """Return what the ended runs of each log10 rate came to, seed by seed: less is better, inf without a value.

    That is the dev log-loss of the built-in training, which tells rates apart sooner than what it stands for; of one's
    own training the metric that it is compared by, the share of wrong ones where it is one of right ones.
    """
    costs: dict[float, list[tuple[int, float]]] = {}
    for row in store.trials():
        if row.status in FINISHED or row.status == "failed":
            costs.setdefault(math.log10(row.config.peak_rate), []).append((row.config.seed, _cost(store, row)))
    return {rate: [cost for _, cost in sorted(costs[rate])] for rate in sorted(costs)}


def are_all_the_same(costs: Mapping[float, Sequence[float]]) -> bool:
    """Return whether so many runs came to exactly the same that others will, too: the report says it."""
    all_runs = [cost for runs in costs.values() for cost in runs]
    return len(costs) > 1 and len(all_runs) >= MOST_IN_VAIN and len(set(all_runs)) == 1


def _cost(store: StudyStore, row: TrialRow) -> float:
    evaluations = store.evaluations(row.id, "dev") if row.status in WITH_VALUE else []
    if not evaluations:
        return math.inf
    metric = store.metric
    name = LOSS if isinstance(store.config, StudyConfig) else metric.name
    value = float(evaluations[-1].metrics.get(name, math.nan))
    if not math.isfinite(value):
        return math.inf
    if name == LOSS or metric.direction == "minimize":
        return value
    return 1.0 - value if _compares_errors(store) and 0.0 <= value <= 1.0 else -value


def _compares_errors(store: StudyStore) -> bool:
    """Return whether runs are compared by a share of right answers, and so by that of wrong ones."""
    own = not isinstance(store.config, StudyConfig) and store.metric.name != LOSS
    return own and store.metric.direction == "maximize" and is_share(store.metric.name)


def recommended(store: StudyStore, known: Known) -> Recommendation:
    """Return what the runs that have ended say, one of which at least has."""
    return recommend(costs_of(store), known.search, shape_before(store.config.trial, known), _untrained(store))


def expected_best(folder: Path) -> ExpectedBest | None:
    """Return what the search of a tune says that has this study of runs; None where it has none, or another plan."""
    if folder.name != SWEEP or is_of_earlier_version(folder.parent):
        return None
    kept = read_tune(folder.parent)
    if kept is None or kept.known is None:
        return None
    with StudyStore.open(folder) as store:
        if not costs_of(store):
            return None
        found, is_of_errors = recommended(store, kept.known), _compares_errors(store)
    rate, is_loss = float(f"{10.0**found.rate:.2g}"), math.isfinite(found.expected_regret)
    interval = (float(f"{10.0**found.low:.2g}"), float(f"{10.0**found.high:.2g}")) if is_loss else None
    cost = math.expm1(found.expected_regret) if is_loss else None
    return ExpectedBest(rate, interval, cost, found.num_runs, found.is_bracketed, is_of_errors)


def shape_before(trial: AnyTrial, known: Known) -> ResponsePrior:
    """Return how losses answer to the rate, as far as that is known before any run."""
    part = trial.train_part if isinstance(trial, TrialConfig) else ""
    return with_best(response_prior(part), known.center, known.sd)


def _untrained(store: StudyStore) -> float | None:
    """Return the log of the loss before training: that of the first batch of the first run, where it was kept."""
    for row in store.trials():
        if not isinstance(row.config, TrialConfig) or row.status not in FINISHED:
            continue
        losses = store.steps(row.id)["loss"]
        first = float(losses[0]) if len(losses) else math.nan
        return math.log(first) if math.isfinite(first) and first > 0.0 else None
    return None


def trial_at(store: StudyStore, log10_rate: float, chosen: Sequence[AnyTrial] = ()) -> AnyTrial:
    """Return the trial at a log10 rate, at the first seed that neither the study nor those `chosen` have there."""
    rate = float(f"{10.0**log10_rate:.2g}")
    there = [row.config for row in store.trials()]
    known = {round(math.log10(each.peak_rate), 6): each.peak_rate for each in there}
    rate = known.get(round(log10_rate, 6), rate)
    taken = {(each.peak_rate, each.seed) for each in (*there, *chosen)}
    seed = next(seed for seed in range(len(taken) + 1) if (rate, seed) not in taken)
    return store.config.trial.with_values({"peak_rate": rate, "seed": seed})
