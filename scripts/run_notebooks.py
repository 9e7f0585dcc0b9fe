"""Run the notebooks of docs/notebooks in empty folders, and keep what they show in them.

python scripts/run_notebooks.py [NAME...]
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from time import monotonic
from typing import Any

FOLDER = Path(__file__).parents[1] / "docs" / "notebooks"


def executed(path: Path, folder: Path) -> Any:
    """Return a notebook as it is after all of its cells have run in `folder`, on one processor core."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}})
    client.execute(env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore:IProgress not found"})
    return notebook


def without_traces(notebook: Any) -> Any:
    """Return it without what differs from run to run, or tells of the machine: times, versions."""
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    return notebook


def main(names: list[str]) -> None:
    """Run notebooks, all where none is named, and write them."""
    import nbformat

    for path in sorted(FOLDER.glob("*.ipynb")):
        if names and path.stem not in names:
            continue
        begun = monotonic()
        with tempfile.TemporaryDirectory() as folder:
            notebook = executed(path, Path(folder))
        nbformat.write(without_traces(notebook), path)
        print(f"{path.name}: {monotonic() - begun:.0f} s, {path.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main(sys.argv[1:])
