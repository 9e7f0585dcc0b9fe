"""Check-ups of files that people have: what a careful person would say of each run by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from lrscope.findings.checkup.loss_statements import DivergenceCause, LossBroke
from lrscope.findings.checkup.statements import CheckFinding, RateStillHigh, ScheduleApplied
from lrscope.findings.findings import findings
from lrscope.findings.statements import DevLossRises
from lrscope.report.document import document
from lrscope.report.locales import locale
from lrscope.report.wording import Wording
from lrscope.runs.applied_schedule import AppliedSchedule
from lrscope.runs.sources import read_runs
from lrscope.runs.statement import Statement
from lrscope.statistics.conclusions import Conclusions

pytestmark = pytest.mark.shared


def conclusions(shared: Path, name: str) -> Conclusions:
    if not (path := shared / "field" / name).is_file():
        pytest.skip("the field cases are not there")
    return Conclusions(read_runs([path], {}))


def schedule(found: list[Statement]) -> AppliedSchedule:
    return next(each.schedule for each in found if isinstance(each, ScheduleApplied))


@pytest.mark.parametrize(
    ("name", "shape", "peak", "odd"),
    [
        ("02-timm-summary.csv", "cosine", 0.05, set()),
        ("07-dpo-trainer_state.json", "", 4.55e-6, {"rate-still-high"}),
        ("08-trl-sft-entropy.json", "", 1.8e-4, set()),
        ("11-peak-after-warmup.json", "linear", 3e-5, set()),
        ("13-other-dev-a.json", "cosine", 1e-4, set()),
        ("14-same-rate-other-steps-a.json", "linear", 2e-4, set()),
        ("14-same-rate-other-steps-b.json", "linear", 2e-4, set()),
        ("17-eval-nan-a.json", "", 1e-4, {"loss-broke", "broke-at-rate", "divergence-cause"}),
        ("17-eval-nan-b.json", "", 2e-5, set()),
        ("22-transformers5-console-strings.log", "", 1.56e-4, {"rate-still-high"}),
    ],
)
def test_the_schedule_and_what_is_odd(name: str, shape: str, peak: float, odd: set[str], shared: Path) -> None:
    found = findings(conclusions(shared, name))
    applied = schedule(found)
    assert (applied.shape, applied.peak) == (shape, pytest.approx(peak))
    assert {each.kind for each in found if isinstance(each, CheckFinding) and each.IS_ODD} == odd


def test_a_run_that_was_cut_at_a_fifth_of_its_steps(shared: Path) -> None:
    found = findings(conclusions(shared, "07-dpo-trainer_state.json"))
    (high,) = [each for each in found if isinstance(each, RateStillHigh)]
    assert (high.wording, high.length.low) == ("unfinished", 5600)


def test_nan_that_trainer_shows_as_zero_has_no_cause_that_the_log_tells(shared: Path) -> None:
    found = findings(conclusions(shared, "17-eval-nan-a.json"))
    (broke,) = [each for each in found if isinstance(each, LossBroke)]
    (cause,) = [each for each in found if isinstance(each, DivergenceCause)]
    assert (broke.how, broke.at.low, cause.cause) == ("zero", 100, "unknown")


def test_overfitting_by_the_loss_alone(shared: Path) -> None:
    found = findings(conclusions(shared, "24-nanogpt.log"))
    (rise,) = [each for each in found if isinstance(each, DevLossRises)]
    assert (rise.at, round(rise.least, 2), round(rise.last, 2)) == (800, 1.61, 4.27)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_run_without_any_evaluation_has_a_report(language: str, shared: Path) -> None:
    doc = document(conclusions(shared, "22-transformers5-console-strings.log"))
    wording = Wording(locale(language), doc.metric)
    said = wording.answer(doc.answer)
    assert [each.kind for each in doc.answer[:3]] == ["one-run", "schedule-applied", "no-evaluation"]
    assert {"en": "highest rate logged 1.56e-4", "zh": "记录中最高为 1.56e-4"}[language] in said[0]
    assert "verdict" not in doc.columns
