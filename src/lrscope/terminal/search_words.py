"""What a terminal says of a budget: its plan, why each run is made, and what was found."""

from __future__ import annotations

from lrscope.number_text import counted, format_rate, short_rate
from lrscope.studies.tune_plan import Known
from lrscope.terminal.time_left import duration, rough
from lrscope.tuning.bracket import Reason
from lrscope.workflows.callbacks import PlanMade, RunChosen, SearchEnded

_BEGINS = {
    "prior": "in the middle of where the prior expects the best rate (80%: {low} … {high})",
    "range test": "in the middle of what the range test found (80%: {low} … {high})",
    "range": "in the middle of {low} … {high}",
    "nothing": "as nothing is known of the best rate",
}


def plan_lines(plan: PlanMade) -> list[str]:
    """Return how a budget is spent, as a person reads it."""
    kept = plan.kept
    assert kept.known is not None, "what is known of the rate is found out before"
    number = max(1, int(kept.budget / plan.run_seconds)) * plan.at_once
    length = "" if kept.epochs is None else f" of {counted(kept.epochs, 'epoch')}"
    return [
        f"plan for the budget of {duration(kept.budget)}:",
        f"  room for about {counted(number, 'run')}{length}, about {rough(plan.run_seconds)} each"
        f"{f', {plan.at_once} at a time' if plan.at_once > 1 else ''}",
        f"  they begin {_begins(kept.known)}, and go on beyond the best one, a factor "
        f"{10.0**kept.known.search.spacing:.2g} apart, until rates on both sides are worse",
        "  then its neighbourhood gets rates between and more seeds; it ends where more runs cannot matter",
    ]


def _begins(known: Known) -> str:
    low, high = map(short_rate, known.interval)
    return f"at lr {short_rate(10.0**known.first)}, {_BEGINS[known.source].format(low=low, high=high)}"


def chosen_line(run: RunChosen) -> str:
    """Return which run is next, and why.

    >>> chosen_line(RunChosen(3, 4.6e-4, 0, "lower", 1.2e-3))
    'run 3: lr 4.6e-4, since the best so far, 1.2e-3, is the lowest that ran'
    >>> print(chosen_line(RunChosen(3, 4.6e-4, 0, "between", 1.2e-3, 250.0, 1200.0, 130.0)))
    run 3: lr 4.6e-4, closer to the best so far, 1.2e-3 (4 min of 20 min are gone; room for about 7 runs, 2 min each)
    """
    best = "" if run.best is None else short_rate(run.best)
    why: dict[Reason, str] = {
        "start": ", to begin with",
        "lower": f", since the best so far, {best}, is the lowest that ran",
        "higher": f", since the best so far, {best}, is the highest that ran",
        "seed": f" at seed {run.seed}, to know the best so far, {best}, and its neighbours better",
        "between": f", closer to the best so far, {best}",
    }
    return f"run {run.number}: lr {format_rate(run.rate)}{why[run.reason]}{_gone(run)}"


def _gone(run: RunChosen) -> str:
    """Return what is left of the budget, by what the runs before took; nothing is said before the first."""
    if run.best is None or not run.run_seconds:
        return ""
    number = max(1, int((run.budget - run.spent) / run.run_seconds)) * run.at_once
    gone = f"{rough(run.spent)} of {rough(run.budget)} are gone"
    return f" ({gone}; room for about {counted(number, 'run')}, {rough(run.run_seconds)} each)"


def ended_lines(ended: SearchEnded) -> list[str]:
    """Return what the runs have found, and why there are no more."""
    found = ended.found
    why = "the budget does not hold another run" if ended.is_spent else "more runs cannot matter"
    lines = [f"{counted(found.num_runs, 'run')} in {rough(ended.seconds)}: {why}"]
    if not found.is_bracketed:
        lines.append("the best rate is at an end of those that ran: it may lie beyond; a larger budget would tell")
    if ended.is_spent and ended.with_more:
        lines.append(f"with more time, of which nothing runs again: {ended.with_more}")
    return lines
