"""Pictures of schedules: files of every kind, and plots made of characters."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from lrscope.errors import ConfigError
from lrscope.report.terminal_plot import plot_lines
from lrscope.schedules import ResolvedSchedule, parse
from lrscope.schedules.figure import LINES, save_schedule_figure, schedule_figure


def save_schedules(path: Path, schedules: list[ResolvedSchedule], scale: Literal["linear", "log"] = "linear") -> None:
    drawn = [(schedule.text, schedule.factors()) for schedule in schedules]
    save_schedule_figure(schedule_figure(drawn, schedules[0].horizon, scale=scale), path)


TEXTS = ["warmup(6%) > cosine(to=0.01)", "step(every=2ep, gamma=0.1)", "linear"]


@pytest.mark.parametrize("ending", ["png", "svg", "pdf", "PNG"])
@pytest.mark.parametrize("scale", ["linear", "log"])
def test_any_format(tmp_path: Path, ending: str, scale: str) -> None:
    run = {"total_steps": 535, "steps_per_epoch": 107, "peak_rate": 1e-5}
    path = tmp_path / f"schedules.{ending}"
    save_schedules(path, [parse(text).resolve(**run) for text in TEXTS], scale=scale)  # type: ignore[arg-type]
    assert path.stat().st_size > 5000


def test_lines_are_told_apart_without_colour() -> None:
    assert len({str(dashes) for _, dashes in LINES}) == len(LINES)


def test_one_step_and_a_million(tmp_path: Path) -> None:
    from matplotlib.image import imread

    colour = np.array([int(LINES[0][0][at : at + 2], 16) / 255 for at in (1, 3, 5)])
    for total in (1, 1_000_000):
        save_schedules(tmp_path / f"{total}.png", [parse("linear").resolve(total_steps=total, steps_per_epoch=total)])
        picture = imread(tmp_path / f"{total}.png")[:-40, :, :3]  # without the legend
        columns = (np.abs(picture - colour).max(axis=2) < 0.02).any(axis=0)
        # One step is a dot, a million are a line from one side to the other.
        assert columns.sum() > (0.7 * columns.size if total > 1 else 0)


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ends in .png, .svg, .pdf: got schedules.bmp"):
        save_schedules(tmp_path / "schedules.bmp", [parse("linear").resolve(total_steps=5, steps_per_epoch=5)])


@pytest.mark.parametrize("num", [1, 2, 7, 64, 535, 100_000])
@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_a_plot_has_its_size_and_a_mark_in_every_column(num: int, log: bool, ascii_only: bool) -> None:
    lines = plot_lines(np.linspace(1.0, 0.01, num), width=40, height=8, log=log, ascii_only=ascii_only)
    assert len(lines) == 9
    columns = [[line[15:].ljust(40)[column] for line in lines[:8]] for column in range(40)]
    assert all(any(cell != " " for cell in column) for column in columns)
    if ascii_only:
        assert "".join(lines).isascii()


def test_a_fall_is_drawn_from_the_top_left_to_the_bottom_right() -> None:
    lines = plot_lines(np.linspace(1.0, 0.0, 100), width=30, height=6, ascii_only=True)
    assert lines[0][15] == "*"
    assert lines[5].rstrip()[-1] == "*"
    assert len(lines[5].rstrip()) == 45
    assert lines[0].split()[0] == "1"
    assert lines[5].split()[0] == "0"


def test_a_jump_is_drawn_without_a_gap() -> None:
    lines = plot_lines(np.repeat([1.0, 0.0], 50), width=30, height=6, ascii_only=True)
    assert all("*" in line for line in lines[:6])


def test_rates_of_zero_have_no_place_on_a_log_scale() -> None:
    lines = plot_lines(np.array([1.0, 0.1, 0.0, 0.0]), width=4, height=4, log=True, ascii_only=True)
    assert all(line[15:].ljust(4)[2:] == "  " for line in lines[:4])
    assert len(plot_lines(np.zeros(4), log=True)) == 10
