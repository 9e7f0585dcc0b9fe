"""Check-ups of runs that lrscope trained: every step is kept, and the schedule is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.conftest import Toy
from tests.findings.simulated_logs import alone

from lrscope.findings.advice import advice
from lrscope.findings.checkup.checkup import checkup
from lrscope.findings.checkup.loss_statements import DivergenceCause, NothingOdd
from lrscope.findings.checkup.statements import ScheduleApplied, ScheduleKnown
from lrscope.findings.findings import findings
from lrscope.findings.suggestions import LowerRate
from lrscope.records import Metric, Status
from lrscope.runs.quantities import Count, Interval, Rate, Text
from lrscope.runs.run import Point, Run
from lrscope.runs.runs import Runs
from lrscope.runs.sources import read_runs
from lrscope.runs.training_log import TrainingLog
from lrscope.statistics.conclusions import Conclusions
from lrscope.workflows.finetune import finetune


def own_run(
    planned: list[float],
    losses: list[float],
    *,
    applied: float = 1.0,
    schedule: str = "linear",
    status: Status = "completed",
) -> Run:
    """Return a run that was trained as far as there are losses; `applied` are its rates as a share of the planned."""
    rates = np.array(planned)
    log = TrainingLog(
        applied * rates[: len(losses)], rates, losses=np.array(losses), gradient_norms=np.ones(len(losses)),
        total_steps=float(len(rates)), total_epochs=1.0,
    )  # fmt: skip
    points = (Point(len(losses), 1.0, {"dev": {"loss": 2.0}}),) if status == "completed" else ()
    rate = max(planned)
    return Run(f"lr {rate:g}", 0, rate, points, status, settings={"schedule": schedule}, log=log)


def test_a_few_steps_show_no_shape_and_are_known_all_the_same() -> None:
    first, nothing = checkup(alone(own_run([1e-3, 5e-4], [2.0, 1.9])))
    assert first == ScheduleKnown(
        Text("linear"), Interval(Rate(1e-3), Rate(1e-3)), Interval(Count(2), Count(2)), arms=first.arms
    )
    assert isinstance(nothing, NothingOdd)
    assert nothing.wording == "short"


def test_a_run_that_ended_in_its_warmup_has_the_whole_schedule() -> None:
    planned = [1e-3 * min(1.0, step / 20) for step in range(40)]
    first, *_ = checkup(alone(own_run(planned, [2.0] * 9, schedule="warmup(50%) > constant", status="interrupted")))
    assert isinstance(first, ScheduleKnown)
    assert (first.schedule, first.peak.low, first.steps.low) == ("warmup(50%) > constant", 1e-3, 40)


def test_rates_that_were_not_the_schedules_are_told_as_applied() -> None:
    first, *_ = checkup(alone(own_run([1e-3, 5e-4], [2.0, 1.9], applied=0.5)))
    assert isinstance(first, ScheduleApplied)


def test_a_rate_that_is_none_is_the_cause_and_a_usual_one_the_advice() -> None:
    c = Conclusions(alone(own_run([1e25, 5e24], [2.0, float("inf")], status="diverged")))
    (cause,) = [each for each in findings(c) if isinstance(each, DivergenceCause)]
    assert cause.cause == "rate-huge"
    given = [each.suggestion for each in advice(c, findings(c))]
    assert given == [LowerRate(Rate(1e-4), False)]


def compared(*rates: float, diverged: tuple[float, ...]) -> set[str]:
    """Return the advice about rates of which some diverged and the others do about as well."""
    broken = [Run(f"lr {rate:g}", 0, rate, (), "diverged") for rate in diverged]
    whole = [Run(f"lr {rate:g}", 0, rate, (Point(9, 1.0, {"dev": {"acc": 0.4}}),)) for rate in rates]
    c = Conclusions(Runs("x", Metric("acc", "maximize"), (*whole, *broken), {"dev": 500}))
    return {each.suggestion.kind for each in advice(c, findings(c))}


def test_a_warmup_is_for_rates_within_its_reach() -> None:
    assert "longer-warmup" in compared(1e-4, 3e-4, diverged=(1e-3,))
    assert "longer-warmup" not in compared(1e-4, 3e-4, diverged=(1e-1,))
    assert "longer-warmup" not in compared(1e-4, 3e-4, diverged=(1e25,))


def test_what_diverged_in_training(toy: Toy, tmp_path: Path) -> None:
    finetune(toy.config(epochs=1, peak_rate=1e25, clip_norm=0.0), tmp_path / "run")
    c = Conclusions(read_runs([tmp_path / "run"], {}))
    assert c.runs.runs[0].status == "diverged"
    given = {each.suggestion.kind: each for each in advice(c, findings(c))}
    assert given["lower-rate"].suggestion == LowerRate(Rate(1e-4), False)
    assert "--lr 1e-4" in str(given["lower-rate"].command)
    assert not given.keys() & {"log-more", "longer-warmup", "use-bfloat16"}
