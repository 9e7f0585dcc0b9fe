"""When a trial evaluates: at every multiple of `eval_every`, and at its end."""

from __future__ import annotations

import pytest

from lrscope.config import TrialConfig
from lrscope.errors import LrscopeError, ScheduleError
from lrscope.schedules.horizon import Horizon


@pytest.mark.parametrize(
    ("every", "steps"),
    [
        ("1ep", [10, 20, 25]), ("0.5ep", [5, 10, 15, 20, 25]), ("8st", [8, 16, 24, 25]), ("20%", [5, 10, 15, 20, 25]),
        ("9ep", [25]), ("0.01ep", list(range(1, 26))), ("32ktok", [8, 16, 24, 25]),
    ],
)  # fmt: skip
def test_evaluations_come_at_multiples_and_at_the_end(every: str, steps: list[int]) -> None:
    config = TrialConfig(peak_rate=1e-3, eval_every=every)  # type: ignore[arg-type]
    assert config.evaluation_steps(Horizon(25, 10, tokens_per_epoch=40_000)) == steps
    assert TrialConfig(**config.to_dict()) == config
    assert config.to_dict()["eval_every"] == every


@pytest.mark.parametrize("every", ["0", "0ep", "3", "x", "-1ep", 3, None])
def test_evaluations_that_never_come_are_refused(every: object) -> None:
    with pytest.raises(LrscopeError):
        TrialConfig(peak_rate=1e-3, eval_every=every)  # type: ignore[arg-type]


def test_evaluations_in_tokens_need_the_tokens_of_an_epoch() -> None:
    with pytest.raises(ScheduleError, match="how many tokens an epoch has is not known: got 32ktok"):
        TrialConfig(peak_rate=1e-3, eval_every="32ktok").evaluation_steps(Horizon(25, 10))  # type: ignore[arg-type]
