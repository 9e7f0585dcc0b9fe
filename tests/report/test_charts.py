"""Charts hold what the conclusions say, and both ways of drawing them show the same."""

from __future__ import annotations

import dataclasses
import math
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import pytest

from lrscope.findings.statements import NotAboveGuessing
from lrscope.number_text import format_rate
from lrscope.records import Metric
from lrscope.report.chart import Chart, Series, apart, colour_of
from lrscope.report.chart_image import chart_figure, save_charts
from lrscope.report.chart_svg import svg
from lrscope.report.charts import curve_charts, half_width, rate_chart
from lrscope.report.document import document
from lrscope.report.files import write_images
from lrscope.report.locales import locale
from lrscope.report.wording import Wording
from lrscope.runs.quantities import Settings, Value
from lrscope.runs.run import Point, Run
from lrscope.runs.runs import Runs
from lrscope.statistics.conclusions import Conclusions

ENGLISH = Wording(locale("en"), "acc")
ENDS = {1e-5: 0.20, 1e-4: 0.44, 3e-4: 0.45, 1e-3: 0.44, 1e-2: 0.22}


def conclusions(*, diverged: bool = False) -> Conclusions:
    runs = []
    for rate, end in ENDS.items():
        for seed in range(3):
            values = [end - 0.1 + seed / 200, end + (seed - 1) / 200]
            points = tuple(
                Point(None, n, {"dev": {"acc": v, "loss": 2 - v}, "train": {"acc": v + 0.1, "loss": 1.8 - v}})
                for n, v in enumerate(values, start=1)
            )
            runs.append(Run(f"lr {format_rate(rate)}", seed, rate, points))
    if diverged:
        runs += [Run("lr 0.1", seed, 0.1, (), "diverged") for seed in range(3)]
    return Conclusions(Runs("x", Metric("acc", "maximize"), tuple(runs), {"dev": 1000}))


@pytest.fixture(scope="module")
def c() -> Conclusions:
    return conclusions()


@pytest.fixture(scope="module")
def by_rate(c: Conclusions) -> Chart:
    chart = rate_chart(c, ENGLISH)
    assert chart is not None
    return chart


def test_the_band_holds_exactly_the_contenders(c: Conclusions, by_rate: Chart) -> None:
    ((low, high),) = by_rate.bands
    assert {arm.name for arm in c.arms if low < float(arm.rate or 0) < high} == {
        arm.name for arm in c.arms if arm.standing == "contender"
    }
    assert {arm.standing for arm in c.arms} == {"contender", "too low", "too high"}
    dots = {series.name: series.dots for series in by_rate.series if series.errors}
    assert dots == {arm.name: "filled" if arm.standing == "contender" else "hollow" for arm in c.arms}


def test_the_chosen_setting_is_ringed_and_every_sign_is_explained(c: Conclusions, by_rate: Chart) -> None:
    first = c.arms[c.choice.first]
    assert by_rate.ring == (first.rate, first.value)
    assert [sign for sign, _ in by_rate.legend] == ["ring", "band", "hollow", "interval", "seed"]
    assert all(name for _, name in by_rate.legend)


def test_a_setting_has_one_colour_in_every_chart(c: Conclusions, by_rate: Chart) -> None:
    colours: dict[str, set[str]] = {arm.name: set() for arm in c.arms}
    for chart in (by_rate, *curve_charts(c, ENGLISH)):
        for series in chart.series:
            if series.name:
                colours[series.name].add(series.colour)
    assert [{colour_of(number)} for number in range(len(c.arms))] == list(colours.values())


def test_dev_and_train_stand_together_with_the_seeds_range(c: Conclusions) -> None:
    metric, loss = curve_charts(c, ENGLISH)
    assert (metric.title, loss.title) == ("acc", "loss")
    for chart in (metric, loss):
        solid = [series for series in chart.series if series.dashes == 0]
        dashed = [series for series in chart.series if series.dashes == 1]
        assert [s.name for s in solid] == [s.name for s in dashed] == [arm.name for arm in c.arms]
        assert all(len(series.spread) == 2 for series in solid)
    top = next(s for s in metric.series if s.name == "lr 3e-4" and s.dashes == 0)
    assert top.points[-1] == (2, pytest.approx(0.45))
    assert top.spread[-1] == (pytest.approx(0.445), pytest.approx(0.455))


def test_the_image_shows_what_the_svg_shows(c: Conclusions, by_rate: Chart) -> None:
    (axes,) = chart_figure([by_rate]).axes
    assert axes.get_title(loc="left") == "dev acc by learning rate"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("peak learning rate", "dev acc")
    means = {line.get_label(): line for line in axes.lines if line.get_markersize() > 5 and line.get_label() != "_"}
    for number, arm in enumerate(c.arms):
        line = means[arm.name]
        assert line.get_color() == colour_of(number)
        assert list(line.get_ydata()) == [arm.value]
    reached = [tuple(path.vertices[:, 1]) for each in axes.collections for path in each.get_paths()]
    drawn = ET.fromstring(svg(by_rate))
    intervals = drawn.findall(".//{*}path[@class='interval']")
    assert len(intervals) == len(reached) == len(c.arms)
    for (low, high), number in zip(reached, range(len(c.arms)), strict=True):
        assert (high - low) / 2 == pytest.approx(half_width(c, number))
    # Pixels of the SVG and values of the image stand in one proportion.
    lengths = [[float(part) for part in path.attrib["d"].split(" ")[1].split("V")] for path in intervals]
    ratios = [(a - b) / (high - low) for (a, b), (low, high) in zip(lengths, sorted(reached), strict=True)]
    assert max(ratios) == pytest.approx(min(ratios), rel=0.02)
    assert [label.get_text() for label in axes.figure.legends[0].get_texts()] == [name for _, name in by_rate.legend]


def test_labels_of_ticks_do_not_run_into_one_another() -> None:
    rates = tuple(10.0 ** (-6 + n / 20) for n in range(60))
    chart = Chart("t", "x", "y", (Series("a", [(rate, 0.5) for rate in rates], 0),), log=True, ticks=rates)
    for width in (760, 380):
        drawn = ET.fromstring(svg(chart, width=width))
        labels = drawn.findall("{*}text[@text-anchor='middle']")
        ticks = [each for each in labels if (each.text or "")[-1:].isdigit()]
        places = [(float(each.attrib["x"]), 6.0 * len(each.text or "")) for each in ticks]
        assert len(places) > 3
        assert all(b - a > (wa + wb) / 2 for (a, wa), (b, wb) in pairwise(sorted(places)))
    (axes,) = chart_figure([chart]).axes
    assert 3 < sum(bool(label.get_text()) for label in axes.get_xticklabels()) < 20
    assert apart([(0.0, 30.0)]) == [0]


def test_what_diverged_stands_in_the_chart() -> None:
    chart = rate_chart(conclusions(diverged=True), ENGLISH)
    assert chart is not None
    assert [(x, text) for x, text, _ in chart.notes] == [(0.1, "3 diverged")]
    assert "3 diverged" in svg(chart)


def test_what_guessing_gets_stands_in_the_charts_and_the_table() -> None:
    runs = dataclasses.replace(conclusions().runs, baseline={"acc": 0.26, "loss": 1.7})
    guessed = Conclusions(runs)
    chart = rate_chart(guessed, ENGLISH)
    assert chart is not None
    for drawn, level in ((chart, 0.26), *zip(curve_charts(guessed, ENGLISH), (0.26, 1.7), strict=True)):
        assert drawn.levels == (level,)
        assert drawn.legend[-1] == ("level", f"guessing ({level:.3f})")
        assert ET.fromstring(svg(drawn)).find("{*}path[@class='level']") is not None
        assert level in drawn.y_values
    (axes,) = chart_figure([chart]).axes
    assert [0.26, 0.26] in [list(line.get_ydata()) for line in axes.lines]
    doc = document(guessed)
    cells = dict(zip(doc.columns, doc.rows[-1].cells, strict=True))
    assert (cells["setting"].value, cells["dev-end"].value, cells["dev-loss"].value) == ("guessing", 0.26, 1.7)
    (finding,) = [each for each in doc.findings if isinstance(each, NotAboveGuessing)]
    assert finding == NotAboveGuessing(Settings(["lr 1e-5", "lr 1e-2"]), Value(0.26))


def test_where_nothing_was_learned_nothing_is_recommended_and_nothing_ringed() -> None:
    c = Conclusions(dataclasses.replace(conclusions().runs, baseline={"acc": 0.6}))
    chart, doc = rate_chart(c, ENGLISH), document(c)
    assert chart is not None
    assert chart.ring is None
    assert ENGLISH.answer(doc.answer)[0].startswith("No setting can be recommended. None is shown to be better")
    assert not any(row.mark for row in doc.rows)
    assert "gap" not in doc.columns
    assert not {"more-seeds", "finer-grid", "scale-batch"} & {each.suggestion.kind for each in doc.advice}


def test_svg_is_xml_whatever_the_names_are() -> None:
    name = "a\x00\x1b[2J\u202e<&\"'>\ufffe\ud800"
    chart = Chart(name, name, name, (Series(name, [(1.0, 0.5), (2.0, math.nan), (3.0, 0.7)], 0),))
    for alone in (True, False):
        drawn = ET.fromstring(svg(chart, is_alone=alone).encode("utf-8"))
        texts = [each.text or "" for each in drawn.iter() if each.tag.endswith("text")]
        assert any("\\u0000\\u001b[2J\\u202e<&" in text for text in texts)


def test_nothing_to_draw_is_no_file(tmp_path: Path) -> None:
    save_charts([Chart("t", "x", "y", (Series("a", []),))], tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


def test_images_of_a_study(c: Conclusions, tmp_path: Path) -> None:
    assert [path.name for path in write_images(c, locale("en"), tmp_path)] == ["metric.png", "curves.png"]
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in ("metric.png", "curves.png"))


def test_settings_that_differ_in_more_than_the_rate_are_lines_of_their_own() -> None:
    runs = [
        Run(f"lr {rate:g}, schedule {schedule}", seed, rate, (Point(None, 1, {"dev": {"acc": end + seed / 500}}),))
        for rate, end in ENDS.items()
        for schedule in ("linear", "cosine")
        for seed in range(3)
    ]
    kinds = {run.arm: (run.arm.split()[-1],) for run in runs}
    both = Runs("x", Metric("acc", "maximize"), tuple(runs), {"dev": 1000}, varied=("schedule",), kinds=kinds)
    chart = rate_chart(Conclusions(both), ENGLISH)
    assert chart is not None
    lines = [series for series in chart.series if series.line]
    assert [(series.name, len(series.points), series.dashes) for series in lines] == [
        ("schedule linear", 5, 0), ("schedule cosine", 5, 1),
    ]  # fmt: skip
    assert len({series.offset for series in lines}) == 2
    assert chart.bands == ()
    assert ("filled", "may be the best") in chart.legend
    assert chart.legend[-2:] == (("solid", "schedule linear"), ("dashed", "schedule cosine"))
    assert ">schedule cosine</text>" in svg(chart, width=380)
    legend = chart_figure([chart]).legends[0]
    assert [text.get_text() for text in legend.get_texts()][-2:] == ["schedule linear", "schedule cosine"]


def test_the_ring_is_around_its_dot_where_lines_are_set_apart() -> None:
    runs = [
        Run(f"lr {format_rate(rate)}, r {rank}", 0, rate, (Point(None, 1, {"dev": {"acc": end - rank / 100}}),))
        for rate, end in ENDS.items()
        for rank in (2, 4, 8)
    ]
    kinds = {run.arm: (run.arm.split("r ")[-1],) for run in runs}
    c = Conclusions(
        Runs("x", Metric("acc", "maximize"), tuple(runs), {"dev": 1000}, varied=("lora_rank",), kinds=kinds)
    )
    chart = rate_chart(c, ENGLISH)
    assert chart is not None
    assert c.recommended is not None
    assert chart.ring_offset != 0.0
    drawn = ET.fromstring(svg(chart))
    ring = drawn.find(".//{*}circle[@class='ring']")
    assert ring is not None
    named = f".//{{*}}g[@data-name='{ENGLISH.setting(c.recommended.name)}']/{{*}}circle"
    at = [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in drawn.findall(named)]
    assert (float(ring.attrib["cx"]), float(ring.attrib["cy"])) in at
    (axes,) = chart_figure([chart]).axes
    (circle,) = [line for line in axes.lines if line.get_markersize() == 15]
    dots = [line for line in axes.lines if line.get_label() == ENGLISH.setting(c.recommended.name)]
    assert any(
        line.get_transform().transform(line.get_xydata())[0] == pytest.approx(
            circle.get_transform().transform(circle.get_xydata())[0]
        )
        for line in dots
    )  # fmt: skip


def test_the_name_of_y_stands_beside_the_names_of_its_ticks() -> None:
    for top in (0.01, 1e-4, 123456.0):
        chart = Chart("t", "x", "learning rate", (Series("a", [(1.0, 0.0), (2.0, top)], 0),))
        drawn = ET.fromstring(svg(chart))
        labels = drawn.findall("{*}text[@text-anchor='end']")
        assert min(float(each.attrib["x"]) - 7.0 * len(each.text or "") for each in labels) >= 19.0


def runs_of(num_rates: int, num_evaluations: int) -> Conclusions:
    """Settings of two seeds, the best in the middle of the rates."""
    runs = [
        Run(f"lr {n}e-5", seed, n * 1e-5, tuple(
            Point(None, epoch, {"dev": {"acc": 0.8 - abs(n - num_rates / 2) / 20 + epoch / 100 + seed / 50}})
            for epoch in range(1, num_evaluations + 1)
        ))
        for n in range(1, num_rates + 1)
        for seed in range(2)
    ]  # fmt: skip
    return Conclusions(Runs("x", Metric("acc", "maximize"), tuple(runs), {"dev": 1000}))


def test_of_many_settings_those_that_lead_keep_their_bands() -> None:
    c = runs_of(12, 3)
    (chart,) = curve_charts(c, ENGLISH)
    banded = {series.name for series in chart.series if series.spread}
    left = [c.arms[number].name for number in c.order if c.arms[number].standing == "contender"]
    assert banded == set(left[:4]) | (set() if len(left) > 3 else banded)
    assert len(banded) == 4
    assert ("spread", "range over seeds (the leading 4)") in chart.legend
    (few,) = curve_charts(runs_of(7, 3), ENGLISH)
    assert sum(bool(series.spread) for series in few.series) == 7
    assert ("spread", "range over seeds") in few.legend


def test_runs_of_one_evaluation_have_no_curves() -> None:
    assert curve_charts(runs_of(3, 1), ENGLISH) == []
    assert len(curve_charts(runs_of(3, 2), ENGLISH)) == 1


def test_a_line_without_dots_carries_its_values_where_they_are_asked_for(c: Conclusions) -> None:
    chart = next(chart for chart in curve_charts(c, ENGLISH) if chart.title == "acc")
    lines = ET.fromstring(svg(chart, has_values=True)).findall(".//{*}path[@class='line']")
    assert {line.attrib["data-label"] for line in lines} == {f"{arm.name}, train" for arm in c.arms}
    top = next(line for line in lines if line.attrib["data-label"] == "lr 3e-4, train")
    assert (top.attrib["data-x"], top.attrib["data-y"]) == ("1 2", "0.455 0.55")
    assert len(top.attrib["d"].split("L")) == 2
    assert "data-y" not in svg(chart)
