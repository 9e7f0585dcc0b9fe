"""Pages in a headless Chromium, where one is installed: what their scripts find, how they look, how they print."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for name in NAMES if (path := shutil.which(name))), "")
needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed")


def run_chromium(page: Path, *options: str) -> str:
    done = subprocess.run(
        [
            CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            "--allow-file-access-from-files", "--virtual-time-budget=2000", *options, page.as_uri(),
        ],
        capture_output=True, text=True, encoding="utf-8", check=False, timeout=90,
    )  # fmt: skip
    return done.stdout


def titled(page: Path) -> str:
    """Return the title that a page has after its scripts."""
    found = re.search("<title>(.*?)</title>", run_chromium(page, "--dump-dom"), re.DOTALL)
    return found[1] if found else ""


def pixels(page: Path, size: tuple[int, int], *options: str) -> NDArray[np.float64]:
    """Return a picture of a page in a window of this size, as [height, width, 3] from 0 to 1."""
    from matplotlib.image import imread

    picture = page.with_suffix(".png")
    run_chromium(page, f"--screenshot={picture}", f"--window-size={size[0]},{size[1]}", *options)
    return np.asarray(imread(picture), np.float64)[: size[1], : size[0], :3]


def num_printed_pages(page: Path) -> int:
    paper = page.with_suffix(".pdf")
    run_chromium(page, f"--print-to-pdf={paper}", "--no-pdf-header-footer")
    return len(re.findall(rb"/Type\s*/Page\b", paper.read_bytes()))
