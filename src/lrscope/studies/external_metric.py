"""What runs of the user's own training are compared by: named by the user, or by what the first good run measured."""

from __future__ import annotations

from dataclasses import replace

from lrscope.config import ExternalStudy
from lrscope.config.command_line import resume
from lrscope.errors import DataError, StudyError
from lrscope.records import UNDECIDED, WITH_VALUE, EvaluationRecord, Metric, Outcome
from lrscope.runs.import_study import DIFFERENT, EXAMPLES
from lrscope.runs.metric import ARGUMENTS, Asking, choose_metric
from lrscope.runs.settings import without_split
from lrscope.store.study import StudyStore


def metric_is_open(store: StudyStore) -> bool:
    """Return whether the next run may decide what is compared: as long as none has ended well.

    A run that diverged decides it until then: it may not have come to what others measure at their ends.
    """
    return store.metric == UNDECIDED or not any(row.status in WITH_VALUE for row in store.trials())


def decide_metric(store: StudyStore, outcome: Outcome, asking: Asking) -> None:
    """Set the study's metric by what a run measured, where it is open and something was measured.

    Raises:
        StudyError: which of several things counts, or which way of it is better, is not known; the run is not lost by
            that. A run that diverged need not tell.
    """
    study = store.config
    assert isinstance(study, ExternalStudy)
    names = measured(outcome)
    may_decide = metric_is_open(store) if outcome.status in WITH_VALUE else store.metric == UNDECIDED
    if not names or not may_decide:
        return
    try:
        metric = choose_metric(names, study.trainer.metric, study.trainer.direction, asking)
    except DataError as error:
        if outcome.status == "diverged":
            return
        again = "the same call" if asking == ARGUMENTS else str(resume("sweep", store.folder))
        raise StudyError(f"{error} (the run is kept: {again} goes on with it, once that is told)") from error
    store.replace_metric(metric)


def compared_by(store: StudyStore, trial: int) -> str:
    """Return a note on the metric that a run has decided, and on what else it measured."""
    metric = store.metric
    others = {name for record in store.evaluations(trial, "dev") for name in record.metrics} - {metric.name}
    better = "larger" if metric.direction == "maximize" else "smaller"
    also = f"; measured too: {', '.join(sorted(others))} (lrscope report --metric NAME)" if others else ""
    return f"note: runs are compared by dev {metric.name}, of which {better} is better{also}"


def metric_shown(store: StudyStore) -> str:
    """Return the metric that is shown while runs go on: the study's, or the one that was asked for."""
    study = store.config
    if store.metric == UNDECIDED and isinstance(study, ExternalStudy) and study.trainer.metric is not None:
        return without_split(study.trainer.metric)
    return store.metric.name


def measured(outcome: Outcome) -> frozenset[str]:
    """Return the metrics that a run measured on dev."""
    return frozenset(name for record in outcome.evaluations if record.split == "dev" for name in record.metrics)


def not_measured(store: StudyStore, outcome: Outcome) -> str:
    """Return why a run that ended well has no value, empty where it has one."""
    names = measured(outcome)
    if outcome.status == "diverged" or store.metric.name in names:
        return ""
    got = ", ".join(sorted(names)) or "no evaluation"
    return f"the runs of this study are compared by {store.metric.name}: got {got}"


def note_examples(store: StudyStore, outcome: Outcome) -> None:
    """Keep which examples scores are of; runs that were scored on others than those before are not paired."""
    known = store.task_state.get(EXAMPLES, "")
    now = outcome.examples if known in ("", outcome.examples) else DIFFERENT
    if outcome.examples and now != known:
        store.replace_task_state({**store.task_state, EXAMPLES: now})


def with_improvements(metric: Metric, outcome: Outcome) -> Outcome:
    """Return an outcome whose evaluations on dev say whether they were the best so far."""
    best: float | None = None
    marked: list[EvaluationRecord] = []
    for record in outcome.evaluations:
        value = record.metrics.get(metric.name)
        improved = record.split == "dev" and value is not None and metric.better(value, best)
        best = value if improved else best
        marked.append(replace(record, improved=improved))
    return replace(outcome, evaluations=tuple(marked))
