"""A sweep's settings as a table, and which of them may be the best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lrscope.config.base import plain_value
from lrscope.config.command_line import quote, resume
from lrscope.number_text import counted
from lrscope.terminal.output import echo, print_json, print_table

if TYPE_CHECKING:
    from lrscope.runs.arm_summary import ArmSummary
    from lrscope.workflows.sweep import SweepResult

MOST_EPOCHS = 3  # that are named one by one


def print_sweep(result: SweepResult, *, as_json: bool) -> int:
    """Print the table of settings, and the answer as the report gives it; return the exit code: 1 where all failed."""
    from lrscope.findings.answer import answer
    from lrscope.report.locales import locale
    from lrscope.report.wording import Wording

    metric, contenders, conclusions = result.metric, result.contenders, result.conclusions
    code = int(all(each.num_failed == each.num_trials for each in result.settings))
    if as_json:
        rows = [_plain(each, contends=each.arm.name in contenders) for each in result.settings]
        print_json("sweep/1", {"study": str(result.folder), "metric": metric, "arms": rows})
        return code
    print_settings(result)
    if conclusions is not None:
        echo("\n".join(Wording(locale("en"), result.metric_title).answer(answer(conclusions))))
    if failed := sum(each.num_failed for each in result.settings):
        again = resume("sweep", result.folder, retry_failed=True)
        echo(f"{counted(failed, 'run')} failed; to try again: {again}")
    echo(f"the study is in {result.folder}; read it with: lrscope report {quote(result.folder)}")
    return code


def print_settings(result: SweepResult) -> None:
    """Print the table of settings alone."""
    loss = result.metric_title if result.metric == "loss" else "loss"
    metric = f"dev {result.metric_title or 'metric'}"
    names = ["setting", metric, "dev loss", f"train {loss}", "best epoch", "trials"]
    rows = [names, *map(_row, result.settings)]
    # What nothing is known of, as losses and epochs of a training of one's own, is left out; the loss is told once.
    left_out = {place for place in (2, 3, 4) if all(row[place] == "–" for row in rows[1:])}
    left_out |= {2} if result.metric == "loss" else set()
    names, *cells = [[cell for place, cell in enumerate(row) if place not in left_out] for row in rows]
    print_table(names, cells)


def _row(summary: ArmSummary) -> list[str]:
    state = [f"{summary.num_finished} of {summary.num_trials}"]
    for number, what in (
        (summary.num_diverged, "diverged"),
        (summary.num_failed, "failed"),
        (summary.epochs_saved, "epochs saved"),
    ):
        state += [f"{number} {what}"] if number else []
    means = (summary.metric, summary.loss, summary.train_loss)
    return [summary.arm.name, *map(str, means), epochs_text(summary.best_epochs), ", ".join(state)]


def epochs_text(epochs: Sequence[float]) -> str:
    """Return the best epochs of trials, of many from the first to the last.

    >>> epochs_text([2, 2, 3]), epochs_text([2, 4, 3, 3]), epochs_text([1] * 16), epochs_text([])
    ('2,2,3', '2–4', '1', '–')
    """
    texts = [f"{epoch:.4g}" for epoch in (epochs if len(epochs) <= MOST_EPOCHS else sorted({min(epochs), max(epochs)}))]
    return ("," if len(epochs) <= MOST_EPOCHS else "–").join(texts) or "–"


def _plain(summary: ArmSummary, *, contends: bool) -> dict[str, Any]:
    return {
        "name": summary.arm.name,
        "settings": plain_value(summary.arm.settings),
        "trials": summary.num_trials,
        "finished": summary.num_finished,
        "diverged": summary.num_diverged,
        "failed": summary.num_failed,
        "value": summary.metric.mean,
        "sd": summary.metric.sd,
        "loss": summary.loss.mean,
        "loss_sd": summary.loss.sd,
        "train_loss": summary.train_loss.mean,
        "best_epochs": list(summary.best_epochs),
        "epochs_saved": summary.epochs_saved,
        "values": list(summary.values),
        "seconds_spent": summary.seconds,
        "may_be_best": contends,
    }
