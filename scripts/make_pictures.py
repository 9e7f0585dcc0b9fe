"""Make the pictures of the README, after its commands have run: `python scripts/make_pictures.py`.

Charts are those of the library; the head of the report is what Chromium shows.
"""

from __future__ import annotations

import io
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
WINDOW = (1100, 870)  # CSS pixels; twice as many in the picture
NUM_COLOURS = 128


def save(picture: bytes, name: str) -> None:
    """Write a PNG with few colours: a third of its size, and no difference that is seen."""
    IMAGES.mkdir(exist_ok=True)
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(NUM_COLOURS).save(IMAGES / name, optimize=True)


def drawn(figure: Any) -> bytes:
    """Return a figure as a PNG."""
    held = io.BytesIO()
    figure.savefig(held, format="png")
    return held.getvalue()


def screenshot(page: Path) -> bytes:
    """Return the top of a page, as Chromium shows it in light colours."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("the report's picture needs Chromium: none was found")
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "page.png")
        size = f"--window-size={WINDOW[0]},{WINDOW[1]}"
        options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--force-device-scale-factor=2", size]
        subprocess.run(
            [browser, *options, f"--screenshot={target}", page.resolve().as_uri()], check=True, capture_output=True
        )
        return target.read_bytes()


def report(*options: str) -> bytes:
    """Return the head of the report of the recorded runs."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["report", "examples/logs", "--out", folder, *options]
        subprocess.run([sys.executable, "-m", "lrscope", *words], check=True, capture_output=True, cwd=ROOT)
        return screenshot(Path(folder, "report.html"))


def prior() -> Any:
    """Return the picture of the README's prior."""
    from lrscope.priors import Question, predict

    return predict(
        Question(method="lora", task="sft", family="llama-3", parameters=8e9, batch_size=64, steps=79)
    ).plot()


def main() -> None:
    """Make all of them."""
    from lrscope import load_study

    for name in ("mine", "tune"):
        if not (ROOT / "runs" / name).is_dir():
            sys.exit(f"run the README's commands first: there is no runs/{shlex.quote(name)}")
    save(drawn(prior()), "prior.png")
    save(report(), "report.png")
    save(report("--lang", "zh"), "report-zh.png")
    save(drawn(load_study(ROOT / "runs" / "mine").plot()), "sweep.png")
    save(drawn(load_study(ROOT / "runs" / "tune").plot()), "tune.png")


if __name__ == "__main__":
    main()
