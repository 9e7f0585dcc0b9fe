"""A study's arms as a table, and which of them may be the best by the verdict."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lrscope.cli.output import echo, print_json, table_lines
from lrscope.config.base import plain_value

if TYPE_CHECKING:
    from lrscope.runs.arm_summary import ArmSummary
    from lrscope.statistics.conclusions import Conclusions
    from lrscope.store.study import StudyStore


MAX_ARMS = 2000  # whose pairs are compared in a few seconds


def print_summary(store: StudyStore, *, as_json: bool) -> None:
    """Print the table of arms; no winner is named among arms that the evidence cannot tell apart."""
    from lrscope.runs.arm_summary import summarize

    summaries = summarize(store)
    found = _conclusions(store, summaries)
    front = [] if found is None else [found.evidence.names[arm] for arm in found.verdict.contenders]
    if as_json:
        rows = [_plain(summary, store.metric.name, contends=summary.arm.name in front) for summary in summaries]
        print_json({"study": str(store.folder), "metric": store.metric.name, "arms": rows})
        return
    names = ["arm", f"dev {store.metric.name}", "dev loss", "train loss", "best epoch", "trials"]
    echo("\n".join(table_lines(names, [_row(summary) for summary in summaries])))
    assumed = f", if seeds spread by {found.assumed_sd:g}" if found is not None and found.is_assumed else ""
    if len(front) > 1:
        arms = "; ".join(front)
        echo(f"no winner is named: the evidence cannot tell {len(front)} arms apart{assumed} ({arms})")
    elif front and len(summaries) > 1:
        echo(f"{front[0]}: no other arm may still be the best{assumed}")
    echo(f"the study is in {store.folder}; lrscope report {shlex.quote(str(store.folder))} says what it carries")


def _conclusions(store: StudyStore, summaries: Sequence[ArmSummary]) -> Conclusions | None:
    """Return what the study carries; None where no run came to a value, or all pairs of arms are too many here."""
    from lrscope.workflows.conclusions import conclude_sources

    if len(summaries) > MAX_ARMS or not any(summary.metric.number for summary in summaries):
        return None
    return conclude_sources([store.folder]).conclusions


def _row(summary: ArmSummary) -> list[str]:
    state = [f"{summary.num_finished} of {summary.num_trials}"]
    for number, what in (
        (summary.num_diverged, "diverged"),
        (summary.num_failed, "failed"),
        (summary.epochs_saved, "epochs saved"),
    ):
        state += [f"{number} {what}"] if number else []
    epochs = ",".join(map(str, summary.best_epochs)) or "–"
    means = (summary.metric, summary.loss, summary.train_loss)
    return [summary.arm.name, *map(str, means), epochs, ", ".join(state)]


def _plain(summary: ArmSummary, metric: str, *, contends: bool) -> dict[str, Any]:
    return {
        **plain_value(summary.arm.settings),
        "trials": summary.num_trials,
        "finished": summary.num_finished,
        "diverged": summary.num_diverged,
        "failed": summary.num_failed,
        metric: summary.metric.mean,
        f"{metric}_sd": summary.metric.sd,
        "loss": summary.loss.mean,
        "loss_sd": summary.loss.sd,
        "train_loss": summary.train_loss.mean,
        "best_epochs": list(summary.best_epochs),
        "epochs_saved": summary.epochs_saved,
        "values": list(summary.values),
        "may_be_best": contends,
    }
