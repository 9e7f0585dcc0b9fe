"""An applied schedule is named as people name one, with what is known of it and nothing else."""

from __future__ import annotations

import math

import pytest

from lrscope.report.locales import locale
from lrscope.report.wording import Wording
from lrscope.runs.applied_schedule import AppliedSchedule as Applied


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        (
            Applied(2e-4, "linear", warmup=36.0, total=1200.0, floor=0.0, is_whole=True),
            "linear decay, warmup 3%, peak 2e-4 over 1,200 steps",
        ),
        (
            Applied(2e-4, "cosine", True, total=1200.0, floor=0.1, is_whole=True),
            "cosine decay, peak 2e-4 (read back: it was not logged itself) over 1,200 steps, down to 10% of the peak",
        ),
        (
            Applied(2e-4, "linear", warmup=36.0, total=3.0, ended_at=0.4, unit="epoch"),
            "linear decay, warmup 36 epochs, peak 2e-4 over 3 epochs, 40% of the peak in the last log entry",
        ),
        (Applied(2e-5, "constant", ended_at=1.0), "constant, peak 2e-5"),
        (Applied(2e-5, "constant", total=50.0, unit="epoch", ended_at=1.0), "constant, peak 2e-5"),
        (
            Applied(2e-5, "cosine", True, warmup=297.0, total=3000.0, floor=0.0, error=2.4e-3, is_whole=True),
            "cosine decay, warmup 10%, peak 2e-5 (read back: it was not logged itself) over 3,000 steps",
        ),
        (Applied(2e-5, "warming up", ended_at=1.0), "rising, highest rate logged 2e-5"),
        (Applied(2e-5, "", ended_at=0.5), "shape unknown (too little of it was logged), highest rate logged 2e-5"),
        (
            Applied(1.56e-4, "linear", warmup=math.nan, total=30.0, ended_at=0.85),
            "linear decay, highest rate logged 1.56e-4 over 30 steps, 85% of the peak in the last log entry",
        ),
    ],
)
def test_the_words_of_a_schedule(schedule: Applied, said: str) -> None:
    assert Wording(locale("en"), "loss").text(schedule) == said


def test_the_words_of_a_schedule_in_chinese() -> None:
    schedule = Applied(2e-4, "linear", warmup=36.0, total=1200.0, floor=0.0, is_whole=True)
    assert Wording(locale("zh"), "loss").text(schedule) == "线性衰减、预热 3%、峰值 2e-4，共 1,200 步"


def test_what_a_log_may_hold_unread_is_not_said_to_be_missing() -> None:
    say = locale("en").say
    assert say["rates-not-logged"].startswith("No learning rates were logged step by step")
    assert "was found in {source}" in say["no-evaluation/bare"]
