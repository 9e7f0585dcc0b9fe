"""The page of many settings, its commands and times, and what was expected of the rate, read off its HTML."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from lrscope.number_text import format_rate
from lrscope.records import Metric
from lrscope.report.chart import Chart, Series, Span
from lrscope.report.chart_image import chart_figure
from lrscope.report.chart_svg import svg
from lrscope.report.document import LEADING, document
from lrscope.report.files import write_report
from lrscope.report.locales import NAMES, locale
from lrscope.report.wording import Wording
from lrscope.runs.quantities import Duration
from lrscope.runs.run import Point, Run
from lrscope.runs.runs import Runs
from lrscope.statistics.conclusions import Conclusions
from lrscope.statistics.expected_best import ExpectedBest
from lrscope.workflows.report_values import report_values

VOID = {"meta", "link", "input", "br", "path", "circle", "rect"}


class Outline(HTMLParser):
    """The elements of a page, each with those that it stands in."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[tuple[bool, str]] = []  # whether it is folded, and its text
        self.unclosed: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append(("details" in self.open, ""))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            while (last := self.open.pop()) != tag:
                self.unclosed.append(last)

    def handle_data(self, data: str) -> None:
        if "tr" in self.open:
            folded, text = self.rows[-1]
            self.rows[-1] = (folded, f"{text}{data} ")


def conclusions(num_rates: int, *, seconds: float = 75.0, search: ExpectedBest | None = None) -> Conclusions:
    runs = []
    for number in range(num_rates):
        rate, end = 1e-5 * 1.03**number, 0.5 - abs(number - num_rates / 2) / num_rates / 2
        for seed in range(2):
            points = (Point(None, 1, {"dev": {"acc": end + seed / 500, "loss": 1.5 - end}}),)
            name = f"lr {format_rate(float(f'{rate:.3g}'))}"
            runs.append(Run(name, seed, rate, points, seconds=seconds))
    return Conclusions(Runs("x", Metric("acc", "maximize"), tuple(runs), {"dev": 1000}), search=search)


def page(c: Conclusions, folder: Path, language: str = "en") -> str:
    return write_report(document(c), locale(language), folder)[0].read_text(encoding="utf-8")


@pytest.mark.parametrize("language", list(NAMES))
def test_of_very_many_settings_the_best_come_first_and_the_rest_is_folded(language: str, tmp_path: Path) -> None:
    c = conclusions(60)
    outline = Outline(page(c, tmp_path, language))
    assert outline.unclosed == [], "every element is closed"
    shown = [text for folded, text in outline.rows if not folded][1:]
    names = [c.arms[number].name for number in c.order[:LEADING]]
    assert [next((name for name in names if name in text), text) for text in shown] == names
    assert sum(folded for folded, _ in outline.rows) == 60 + 1, "all of them, with their heading"
    chart = (tmp_path / "report-by-rate.svg").read_text(encoding="utf-8")
    assert chart.count('class="interval"') == LEADING
    assert len(set(re.findall('data-name="(lr [^"]+)"', chart))) == 60


def test_few_settings_are_not_folded(tmp_path: Path) -> None:
    outline = Outline(page(conclusions(6), tmp_path))
    assert [folded for folded, _ in outline.rows] == [False] * 7


def test_what_runs_took_is_said_of_each_setting_and_of_all(tmp_path: Path) -> None:
    text = page(conclusions(3), tmp_path)
    assert text.count("<td>1 min 15 s") == 3
    assert "All 6 runs together took 7 min 30 s." in text
    values = report_values(conclusions(3))
    assert values["seconds_spent"] == 450.0
    assert [(arm["seconds_per_run"], arm["seconds_spent"]) for arm in values["arms"]] == [(75.0, 150.0)] * 3
    assert {run["seconds"] for run in values["runs"]} == {75.0}
    unknown = report_values(conclusions(3, seconds=float("nan")))
    assert unknown["seconds_spent"] is unknown["arms"][0]["seconds_per_run"] is unknown["runs"][0]["seconds"] is None
    assert "All 6 runs together took 7 min 30 s." in (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "together took" not in page(conclusions(3, seconds=float("nan")), tmp_path / "unknown")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.42, "0.42 s"), (9.99, "10 s"), (59.6, "1 min 0 s"), (7325, "2 h 2 min"), (float("nan"), "–")],
)
def test_times_are_said_as_people_do(seconds: float, said: str) -> None:
    assert Wording(locale("en"), "acc").text(Duration(seconds)) == said


def test_the_interval_of_a_search_stands_over_the_rates(tmp_path: Path) -> None:
    search = ExpectedBest(rate=1.1e-5, interval=(1.02e-5, 1.2e-5), cost=0.01, num_runs=12, is_bracketed=True)
    text = page(conclusions(6, search=search), tmp_path)
    assert "best rate by all runs (95%): 1.02e-5 … 1.2e-5" in text
    assert 'class="span' not in page(conclusions(6), tmp_path / "without")


@pytest.mark.parametrize("language", list(NAMES))
@pytest.mark.parametrize("number", [None, 3])
def test_what_is_marked_as_recommended_is_what_the_answer_recommends(
    language: str, number: int | None, tmp_path: Path
) -> None:
    """Where a search recommends a rate that did not run, what ran is not called recommended."""
    rates = [arm.rate for arm in conclusions(6).arms]
    rate = 1.101e-5 if number is None else rates[number]
    assert rate is not None
    search = ExpectedBest(rate=rate, interval=(1.02e-5, 1.2e-5), cost=0.01, num_runs=12, is_bracketed=True)
    c, words = conclusions(6, search=search), locale(language).words
    assert c.follows_search
    doc = document(c)
    wording = Wording(locale(language), doc.metric)
    said, marked = wording.headline(doc.answer)[0], next(row for row in doc.rows if row.mark.startswith("first"))
    name = wording.text(marked.cells[0].value)
    is_its_own = marked.mark == "first"
    assert is_its_own == (name.removeprefix("lr ") in said) == (number is not None)
    text = page(c, tmp_path, language)
    assert f"<strong>{words[marked.mark]}</strong>" in text
    for key in ("gap", "legend-gap"):
        assert (words[key] in text) == is_its_own, key
        assert (words[f"{key}-that-ran"] in text) != is_its_own, key


def test_a_setting_ruled_out_through_another_is_not_said_to_be_untold(tmp_path: Path) -> None:
    text = page(conclusions(6), tmp_path)
    assert "leaves open which of the two is better; the verdict also counts" in text
    assert "cannot be told apart.</p>" not in text


@pytest.mark.parametrize(("low", "high"), [(2e-4, 3e-4), (1e-7, 2e-7), (1e-7, 1.0)])
def test_an_interval_is_drawn_inside_of_the_chart_wherever_it_lies(low: float, high: float) -> None:
    points = ((1e-5, 0.4), (1e-4, 0.5))
    chart = Chart("t", "x", "y", (Series("a", points),), log=True, spans=(Span("prior", low, high, "expected", None),))
    drawn = ET.fromstring(svg(chart))
    (bar,) = drawn.findall(".//{*}g[@class='span expected']/{*}path")
    left, right = map(float, re.findall(r"^M([\d.]+) [\d.]+H([\d.]+)$", bar.attrib["d"])[0])
    assert 40.0 < left < right <= 750.0
    axes = chart_figure([chart]).axes[0]
    least, most = axes.get_xlim()
    assert least < high
    assert most > low


def test_names_at_the_ends_of_lines_stay_in_the_picture() -> None:
    lines = tuple(Series(f"line {n}", ((0.0, 0.0), (1.0, 1.0)), n) for n in range(15))
    drawn = ET.fromstring(svg(Chart("t", "x", "y", lines)))
    heights = sorted(float(text.attrib["y"]) for text in drawn.iterfind(".//{*}g/{*}text"))
    assert len(heights) == 15
    assert heights[0] > 12.0
    assert min(b - a for a, b in pairwise(heights)) >= 12.9
