"""How a schedule shows itself: in one line that can be typed again, as a picture, in a notebook."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.notebook import shown

from lrscope.errors import ConfigError, ScheduleError
from lrscope.schedules import Cosine, Hold, Sqrt, Warmup, parse

RUN = {"total_steps": 535, "steps_per_epoch": 107, "peak_rate": 2.5e-5}


@pytest.mark.parametrize(
    "schedule", [Cosine(to=0.1), Warmup(length="6%") >> Hold() >> Sqrt(length="20%"), Hold() * Cosine()], ids=str
)
def test_its_line_is_what_one_would_type(schedule: object) -> None:
    assert eval(repr(schedule), {"parse": parse}) == schedule
    assert "\n" not in repr(schedule)


def test_over_a_run_its_line_says_which() -> None:
    resolved = parse("warmup(6%) > cosine(to=0.01)").resolve(**RUN)  # type: ignore[arg-type]
    assert repr(resolved) == "<warmup(6%) > cosine(to=0.01): 535 steps, 107 per epoch, peak rate 2.5e-5>"


def test_the_picture_has_the_rate_at_every_step(tmp_path: Path) -> None:
    resolved = parse("warmup(6%) > cosine(to=0.01)").resolve(**RUN)  # type: ignore[arg-type]
    axes = resolved.plot(tmp_path / "a.svg").axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), resolved.factors() * 2.5e-5)
    assert axes.get_ylabel() == "learning rate"
    assert "<svg" in (tmp_path / "a.svg").read_text()
    assert resolved.plot(scale="log").axes[0].get_yscale() == "log"
    with pytest.raises(ConfigError, match=r"a scale is linear or log: got 'cube'"):
        resolved.plot(scale="cube")  # type: ignore[arg-type]


def test_without_a_run_it_is_drawn_over_an_example() -> None:
    schedule = parse("step(every=2ep, gamma=0.5)")
    (line,) = (line for line in schedule.plot().axes[0].lines if len(line.get_xdata()) > 2)
    np.testing.assert_array_equal(line.get_ydata(), np.repeat(0.5 ** np.arange(5.0), 200))
    axes = schedule.plot(total_steps=8, steps_per_epoch=2, peak_rate=1e-3).axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [1e-3] * 4 + [5e-4] * 4)
    with pytest.raises(ScheduleError):
        parse("warmup(2000st) > linear").plot()


def test_a_notebook_shows_its_picture() -> None:
    schedule = parse("cosine")
    assert "data:image/png" in shown(schedule)["text/html"]
    assert "Drawn over 1,000 steps" in shown(schedule)["text/html"]
    over_a_run = shown(schedule.resolve(**RUN))["text/html"]  # type: ignore[arg-type]
    assert "535 steps" in over_a_run
    assert "Drawn over" not in over_a_run
    assert shown(schedule.plot())["image/png"].startswith(b"\x89PNG")  # also where pyplot was never imported


def test_one_that_does_not_fit_the_example_says_so() -> None:
    text = shown(parse("warmup(2000st) > linear"))["text/html"]
    assert text.startswith("<p>warmup(2000st) &gt; linear</p><p>It is drawn by plot(total_steps=…)")
    assert "<img" not in text
