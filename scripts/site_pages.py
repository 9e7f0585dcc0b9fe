"""What the site has beside docs/: pages of the root, and notebooks as pages. mkdocs runs it: see mkdocs.yml."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
FROM_ROOT = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security.md"}
LINK = re.compile(r"(?<=\]\()([^)#\s]+)")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages that docs/ does not hold."""
    for name, page in FROM_ROOT.items():
        text = LINK.sub(lambda link: link[0].removeprefix("docs/"), (ROOT / name).read_text(encoding="utf-8"))
        files.append(File.generated(config, page, content=text))
    for notebook in sorted((ROOT / "docs" / "notebooks").glob("*.ipynb")):
        files.append(File.generated(config, f"notebooks/{notebook.stem}.md", content=notebook_page(notebook)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Send links to where what they name lies on the site."""
    folder = Path(page.file.src_uri).parent

    def moved(link: re.Match[str]) -> str:
        target = link[0]
        if target == "schemas":
            return "json.md"
        if target.endswith(".ipynb") and folder == Path():
            return target.replace(".ipynb", ".md")
        return FROM_ROOT.get(target.removeprefix("../"), target)

    return LINK.sub(moved, markdown)


def notebook_page(path: Path) -> str:
    """Return a notebook with its outputs as Markdown."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    parts = [_cell(cell) for cell in cells]
    parts.insert(1, f"[The notebook]({path.name}) itself runs as it stands.")
    return "\n\n".join(parts) + "\n"


def _cell(cell: dict[str, Any]) -> str:
    source = "".join(cell["source"])
    if cell["cell_type"] != "code":
        return source
    return "\n\n".join([_fenced(source, "python"), *filter(None, map(_output, cell["outputs"]))])


def _output(output: dict[str, Any]) -> str:
    shown = output.get("data", {"text/plain": output.get("text", "")})
    if "text/html" in shown:
        page = "\n".join(line for line in "".join(shown["text/html"]).splitlines() if line.strip())
        return f'<div class="notebook-output">{page}</div>'
    if "image/svg+xml" in shown:
        return "".join(shown["image/svg+xml"])
    if "image/png" in shown:
        data = "".join(shown["image/png"]).replace("\n", "")
        return f"![](data:image/png;base64,{data})"
    return _fenced("".join(shown["text/plain"]), "text")


def _fenced(text: str, language: str) -> str:
    return f"```{language}\n{text.rstrip()}\n```"
