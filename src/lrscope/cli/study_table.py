"""A study's arms as a table, and which of them cannot be told apart from the best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from lrscope.cli.output import print_json, table_lines

if TYPE_CHECKING:
    from lrscope.analysis.summary import ArmSummary
    from lrscope.store.study import StudyStore


def print_summary(store: StudyStore, *, as_json: bool) -> None:
    """Print the table of arms; no winner is named among arms that overlap."""
    from lrscope.analysis.summary import leading, summarize

    summaries = summarize(store)
    front = leading(summaries, store.metric.direction)
    if as_json:
        rows = [_plain(summary, store.metric.name, overlaps=summary in front) for summary in summaries]
        print_json({"study": str(store.folder), "metric": store.metric.name, "arms": rows})
        return
    names = ["arm", f"dev {store.metric.name}", "dev loss", "train loss", "best epoch", "trials"]
    typer.echo("\n".join(table_lines(names, [_row(summary) for summary in summaries])))
    if len(front) > 1:
        arms = "; ".join(summary.arm.name for summary in front)
        typer.echo(f"no winner is named: {len(front)} arms overlap with the best mean ({arms})")
    elif front and len(summaries) > 1:
        typer.echo(f"{front[0].arm.name} leads by more than two standard errors: a first look, not yet a verdict")
    typer.echo(f"the study is in {store.folder}")


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


def _plain(summary: ArmSummary, metric: str, *, overlaps: bool) -> dict[str, Any]:
    return {
        **summary.arm.settings,
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
        "overlaps_best": overlaps,
    }
