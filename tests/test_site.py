"""The docs as a site: built strictly, nothing loaded from elsewhere, searched from disk, nothing imported."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("material", reason="the site's packages are not installed: make check brings them")
pytest.importorskip("mkdocstrings")

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
BUILD = """
import sys
for heavy in ("torch", "transformers", "lrscope"):
    sys.modules[heavy] = None  # importing it fails
from mkdocs.__main__ import cli
cli(["build", "--strict", "--config-file", sys.argv[1], "--site-dir", sys.argv[2]])
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-c", BUILD, ROOT / "mkdocs.yml", folder], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_there_and_loads_nothing_from_elsewhere(site: Path) -> None:
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")} | {"changelog", "contributing", "security"}
    assert pages <= {path.stem for path in site.glob("*.html")}
    assert {path.stem for path in site.glob("notebooks/*.html")} == {"my_own_loop", "my_trainer"}
    for page in site.rglob("*.html"):
        loaded = re.findall(r"<(?:script|img|iframe)[^>]* src=\"([^\"]*)", page.read_text(encoding="utf-8"))
        loaded += re.findall(r"<link[^>]* href=\"([^\"]*)", page.read_text(encoding="utf-8"))
        assert loaded
        assert [each for each in loaded if re.match(r"(https?:)?//", each)] == [], page.name


def test_links_lead_to_files(site: Path) -> None:
    for page in site.rglob("*.html"):
        if page.name == "404.html":  # its links are a server's
            continue
        for link in re.findall(r"<a[^>]* href=\"([^\"#?]+)", page.read_text(encoding="utf-8")):
            assert re.match(r"https?:|mailto:|javascript:", link) or (page.parent / link).exists(), (
                f"{page.name}: {link}"
            )


def test_python_is_described_by_its_docstrings(site: Path) -> None:
    page = (site / "api.html").read_text(encoding="utf-8")
    for name in ("api.sweep.sweep", "priors.prior.predict", "integrations.range_test.RangeTest.run"):
        assert f'id="lrscope.{name}"' in page
    assert "evenly spaced on the log axis" in re.sub(r"\s+", " ", page)


@pytest.mark.skipif(shutil.which("chromium") is None, reason="Chromium is not installed")
def test_it_is_searched_from_disk(site: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            "chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}",
            "--virtual-time-budget=8000", "--dump-dom", f"{(site / 'index.html').as_uri()}?q=warmup",
        ],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    found = re.search(r"(\d+) matching documents", done.stdout)
    assert found is not None
    indexed = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))["docs"]
    assert 2 <= int(found[1]) < len(indexed)
