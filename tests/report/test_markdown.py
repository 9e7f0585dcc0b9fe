"""Hostile text stays text: in Markdown as a renderer reads it, and on the page."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from lrscope.findings.advice import Advice
from lrscope.findings.statements import TooHigh
from lrscope.findings.suggestions import StopEarly
from lrscope.records import Metric
from lrscope.report.document import document
from lrscope.report.files import write_report
from lrscope.report.locales import locale
from lrscope.report.markdown import escaped, fenced
from lrscope.runs.run import Run
from lrscope.runs.runs import Runs
from lrscope.runs.sources import read_runs
from lrscope.statistics.conclusions import Conclusions

HOSTILE = [
    "# heading", "## two\n## three", "- item", "1. item", "2) item", "+ item", "===", "---", "> quote",
    "<script>alert(1)</script>",
    "[a](http://b.c)", "![a](x.png)", "<http://b.c>", "http://b.c", "www.b.c", "`code`", "**bold**", "_em_", "~~gone~~",
    "a | b", "&lt;b&gt;", "\\", "```\n# out\n```", "\tcode", "[a]: http://b.c", "x\x1b[2J\x00\u202ey", "* * *",
]  # fmt: skip
RENDERER = MarkdownIt("gfm-like", {"linkify": False, "html": True})


@pytest.mark.parametrize("text", HOSTILE)
def test_escaped_text_is_shown_as_it_is(text: str) -> None:
    line = text.replace("\n", " ").replace("\t", " ").strip()
    html = RENDERER.render(escaped(line))
    inner = html.strip().removeprefix("<p>").removesuffix("</p>")
    assert "<" not in inner, "no element comes of it"
    shown = inner.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&")
    assert shown == line.replace("\x00", "\ufffd")


@pytest.mark.parametrize("text", ["a", "a\n```\n# out", "`````", "~~~\n# out", "\n\n# out", "x\x1b]0;t\x07"])
@pytest.mark.parametrize("indent", ["", "  "])
def test_commands_stay_in_their_fence(text: str, indent: str) -> None:
    before = "- item\n\n" if indent else ""
    html = RENDERER.render(f"{before}{fenced(text, indent)}\n\n{indent}after\n")
    assert html.count("<pre>") == 1
    assert "<h1>" not in html
    assert "\x1b" not in html
    assert re.search(r"</pre>.*after", html, re.DOTALL)


def test_no_heading_stands_over_nothing(tmp_path: Path) -> None:
    """Where no run was evaluated, nothing was compared by any method."""
    runs = [Run(f"lr {rate:g}", 0, rate, (), "diverged") for rate in (1e-2, 1e-1)]
    write_report(
        document(Conclusions(Runs("x", Metric("acc", "maximize"), tuple(runs), {"dev": 500}))), locale("en"), tmp_path
    )
    assert "Method" not in (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "<h2>Method" not in (tmp_path / "report.html").read_text(encoding="utf-8")


def hostile_document(folder: Path) -> Path:
    name = "x ## y\u202e<i>"
    lines = []
    for rate in ("1e-4", "1e-3"):
        lines.append(f"args: {{'lr': '{rate}', 'note': 'a\\n\\n```\\n# out', '## set <b>': '[l](http://b.c)'}}")
        lines += [f"epoch {n}: train loss :: 1.{n}, dev acc :: 0.3{n}" for n in range(4)]
    path = folder / "runs.log"
    path.write_text("\n".join([*lines, "<script>alert(2)</script> \x1b[2J ## unread"]), encoding="utf-8")
    c = Conclusions(read_runs([path], {"dev": 500}))
    runs = dataclasses.replace(
        c.runs, source=f"{name}\n# source", settings={**c.runs.settings, "## s\n# s": "v\n# v\x1b[2J"}
    )
    doc = document(dataclasses.replace(c, runs=runs))
    bad = Advice(StopEarly(), TooHigh, "echo '\n```\n# out\n<script>'", 1.0)
    doc = dataclasses.replace(doc, advice=(bad,), commands=("````\n# out",))
    write_report(doc, locale("en"), folder / "out")
    return folder / "out"


def test_a_report_of_hostile_text_has_its_own_headings_and_no_others(tmp_path: Path) -> None:
    out = hostile_document(tmp_path)
    html = RENDERER.render((out / "report.md").read_text(encoding="utf-8"))
    headings = re.findall(r"<h\d>(.*?)</h\d>", html)
    assert headings == [
        "Which learning rate, and how sure?", "Learning rates compared", "Results", "Training curves", "Findings",
        "Next steps", "Method", "Lines that could not be read", "Train it again", "Settings found in the source",
    ]  # fmt: skip
    for element in ("<script", "<a ", "<b>", "<i>"):
        assert element not in html
    assert "\\u001b[2J" in html
    assert "\\u202e" in html
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("<script>") == 1, "the page's own"
    assert "\x1b" not in page + html
    assert "\u202e" not in page + html
