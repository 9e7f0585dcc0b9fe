"""The page in a browser: it fits a phone, nothing runs into anything, values show, it is dark where that is asked for,
prints on two pages, and its charts look as they did.

Charts are held to small grey pictures of themselves, so coarse that another font makes no difference. Where a chart is
to look otherwise, remove its picture: the test writes it anew, and fails once.
"""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.chromium import needs_chromium, num_printed_pages, pixels, titled

from lrscope.number_text import format_rate
from lrscope.records import Metric
from lrscope.report.document import document
from lrscope.report.files import write_report
from lrscope.report.locales import NAMES, locale
from lrscope.runs.run import Point, Run
from lrscope.runs.runs import Runs
from lrscope.runs.training_log import TrainingLog
from lrscope.statistics.conclusions import Conclusions

pytestmark = [pytest.mark.slow, needs_chromium]

ENDS = {1e-5: 0.20, 3e-5: 0.31, 1e-4: 0.44, 3e-4: 0.45, 1e-3: 0.43, 1e-2: 0.22}
STEPS, EPOCHS = 60, 4
PICTURES = Path(__file__).parent / "pictures"
WIDE, PHONE = 1100, 390
CHART = (760, 470)  # what a chart's file takes at most
CELL = 20  # pixels
APART = 0.005  # of black and white, the mean over cells: another font takes up to 0.003, one setting moved 0.008

# What is wrong in a page as it is laid out, and what it says under the pointer at the end of a line without dots.
CHECK = """
function wrong(page) {
  const found = [], width = page.documentElement.clientWidth;
  if (page.documentElement.scrollWidth > width) found.push(`scrolls to ${page.documentElement.scrollWidth}`);
  for (const each of page.querySelectorAll("main *"))
    if (!each.closest(".wide, svg") && each.getBoundingClientRect().right > width + 0.5)
      found.push("beyond the edge: " + each.tagName);
  for (const chart of page.querySelectorAll("svg")) {
    const frame = chart.getBoundingClientRect();
    if (!frame.width) continue;
    const texts = [...chart.querySelectorAll("text")].map((each) => [each.textContent, each.getBoundingClientRect()]);
    texts.forEach(([text, box], number) => {
      const isIn = box.left > frame.left - 1 && box.right < frame.right + 1 && box.top > frame.top - 1;
      if (!isIn || box.bottom > frame.bottom + 1) found.push("outside of its chart: " + text);
      for (const [other, beside] of texts.slice(number + 1)) {
        const across = Math.min(box.right, beside.right) - Math.max(box.left, beside.left);
        const down = Math.min(box.bottom, beside.bottom) - Math.max(box.top, beside.top);
        if (across > 1 && down > 3) found.push(`${text} runs into ${other}`);
      }
    });
  }
  return found;
}
function said(page) {
  const line = [...page.querySelectorAll(".courses .line")].find((each) => each.getBoundingClientRect().width);
  const chart = line.ownerSVGElement, box = chart.getBoundingClientRect();
  const scale = box.width / chart.viewBox.baseVal.width;
  const [x, y] = line.getAttribute("d").split("L").pop().split(" ").map(Number);
  const at = { clientX: box.x + x * scale + 2, clientY: box.y + y * scale + 1, bubbles: true };
  chart.dispatchEvent(new page.defaultView.PointerEvent("pointermove", at));
  const tip = chart.closest("figure").querySelector(".tip");
  return tip.style.display === "block" ? tip.textContent : "nothing";
}
function unchecked(page) {
  const box = page.querySelector(".toggles input");
  box.click();
  const lines = [...page.querySelectorAll(".courses .series")].filter((each) => each.dataset.name === box.value);
  return lines.length && lines.every((each) => each.style.display === "none");
}
addEventListener("load", () => {
  const pages = [...document.querySelectorAll("iframe")].map((each) => each.contentDocument);
  document.title = JSON.stringify(pages.map((page) => ({
    wrong: wrong(page), said: said(page), unchecked: unchecked(page),
    fetched: page.defaultView.performance.getEntriesByType("resource").length,
  })));
});
addEventListener("error", (event) => { document.title = "error " + event.message; });
"""


def conclusions(shift: float = 0.0) -> Conclusions:
    runs = []
    for rate, end in ENDS.items():
        for seed in range(3):
            points = []
            for epoch in range(1, EPOCHS + 1):
                value = end + shift * (rate == 1e-4) - 0.12 / epoch**2 + (seed - 1) / 150
                points.append(
                    Point(epoch * STEPS // EPOCHS, epoch, {
                        "dev": {"acc": value, "loss": 2.0 - value},
                        "train": {"acc": value + 0.02 * epoch, "loss": 1.95 - value - 0.05 * epoch},
                    })
                )  # fmt: skip
            log = TrainingLog(rate * np.linspace(1.0, 0.02, STEPS), total_steps=STEPS)
            name = f"lr {format_rate(rate)}"
            runs.append(Run(name, seed, rate, tuple(points), seconds=75.0 + seed, log=log))
    return Conclusions(Runs("runs/sst-sweep", Metric("acc", "maximize"), tuple(runs), {"dev": 1000}))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pages")
    for language in NAMES:
        write_report(document(conclusions()), locale(language), path / language)
    write_report(document(conclusions(shift=-0.05)), locale("en"), path / "changed")
    return path


@pytest.fixture(scope="module")
def found(folder: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """What the check finds in the page, by its language and the window's width."""
    cases = [(language, width) for language in NAMES for width in (WIDE, PHONE)]
    frames = [f'<iframe src="{name}/report.html" width="{width}" height="900"></iframe>' for name, width in cases]
    page = folder / "frames.html"
    page.write_text("<!doctype html><title></title>" + "".join(frames) + f"<script>{CHECK}</script>", encoding="utf-8")
    return dict(zip(cases, json.loads(html.unescape(titled(page))), strict=True))


@pytest.mark.parametrize("width", [WIDE, PHONE])
@pytest.mark.parametrize("language", list(NAMES))
def test_everything_has_its_place_and_says_its_value(
    language: str, width: int, found: dict[tuple[str, int], dict[str, Any]]
) -> None:
    of_page = found[language, width]
    assert of_page["wrong"] == []
    assert of_page["unchecked"] is True
    assert of_page["fetched"] == 0
    # The lines lie in the order of their ends: that of the highest rate has the lowest training accuracy but one.
    train, epoch = {"en": ("train", "epoch"), "zh": ("训练", "轮")}[language]
    assert of_page["said"] == f"lr 1e-5, {train}: 0.2725 ({epoch} 4)"


def test_in_a_dark_scheme_the_page_is_dark_and_all_of_it_is_seen(folder: Path) -> None:
    light, dark = (pixels(folder / "en" / "report.html", (WIDE, 1400), *options) for options in ([], [DARK]))
    assert light[2, 2].min() > 0.95
    assert dark[2, 2].max() < 0.2
    seen = [float((np.abs(picture - picture[2, 2]).max(axis=2) > 0.25).mean()) for picture in (light, dark)]
    assert seen[1] == pytest.approx(seen[0], rel=0.25), "what stands out of the paper by day does so by night"
    assert seen[0] > 0.02


DARK = "--blink-settings=preferredColorScheme=0"


@pytest.mark.parametrize("language", list(NAMES))
def test_it_prints_on_two_pages(language: str, folder: Path) -> None:
    assert num_printed_pages(folder / language / "report.html") <= 2


def coarse(picture: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean grey of each cell of a picture."""
    grey = picture.mean(axis=2)
    rows, columns = (length // CELL for length in grey.shape)
    return grey[: rows * CELL, : columns * CELL].reshape(rows, CELL, columns, CELL).mean(axis=(1, 3))


def far_apart(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    return float(np.abs(one - other).mean()) > APART


def test_the_charts_look_as_they_did(folder: Path) -> None:
    from matplotlib.image import imread, imsave

    names = ["by-rate", "curves", "rates"]
    shown = [f"en/report-{name}.svg" for name in names] + ["changed/report-by-rate.svg", "changed/report-curves.svg"]
    box = f"display: block; width: {CHART[0]}px; height: {CHART[1]}px; object-fit: none; object-position: 0 0"
    page = folder / "charts.html"
    images = "".join(f'<img style="{box}" src="{path}">' for path in shown)
    page.write_text(f'<!doctype html><body style="margin: 0">{images}', encoding="utf-8")
    picture = pixels(page, (CHART[0], CHART[1] * len(shown)))
    looks = {path: coarse(each) for path, each in zip(shown, np.split(picture, len(shown)), strict=True)}
    written = []
    for name in names:
        path = PICTURES / f"{name}.png"
        if not path.exists():
            PICTURES.mkdir(exist_ok=True)
            imsave(path, looks[f"en/report-{name}.svg"], cmap="gray", vmin=0.0, vmax=1.0)
            written.append(path.name)
    assert written == [], "look at these pictures, and keep them"
    for name in names:
        kept = np.asarray(imread(PICTURES / f"{name}.png"), np.float64)[..., 0]
        assert not far_apart(kept, looks[f"en/report-{name}.svg"]), name
        if f"changed/report-{name}.svg" in looks:
            assert far_apart(kept, looks[f"changed/report-{name}.svg"]), f"that a setting moved is not seen: {name}"
