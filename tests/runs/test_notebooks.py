"""Notebooks and tables of progress: one that nbclient ran, the forms of versions and of copied text, hostile ones."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from lrscope.errors import DataError
from lrscope.runs.importers.base import Imported
from lrscope.runs.importers.notebooks import Notebook
from lrscope.runs.importers.progress_tables import ProgressTable
from lrscope.runs.importers.source_settings import settings_of_source
from lrscope.runs.sources import importer_of

LOGS = Path(__file__).parent.parent / "fixtures" / "logs"
HEAD = "<tr><th>Epoch</th><th>Training Loss</th><th>Validation Loss</th><th>Accuracy</th><th>Runtime</th></tr>"
TABLE = (
    f"[6/9 00:10 < 00:05, 1 it/s, Epoch 2/3]<table>{HEAD}<tr><td>1</td><td>No log</td><td>0.5</td><td>0.75</td>"
    "<td>9</td></tr><tr><td>2</td><td>0.6</td><td>0.4</td><td>0.8</td><td>9</td></tr></table>"
)


def shown(html: str) -> dict[str, Any]:
    return {"output_type": "display_data", "data": {"text/html": [html], "text/plain": ["<HTML>"]}}


def printed(*pieces: str) -> list[dict[str, Any]]:
    return [{"output_type": "stream", "name": "stdout", "text": [piece]} for piece in pieces]


def code(source: str, *outputs: dict[str, Any]) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "outputs": list(outputs)}


def read(tmp_path: Path, *cells: dict[str, Any], **book: Any) -> Imported:
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"cells": list(cells), "nbformat": 4, **book}), encoding="utf-8")
    assert isinstance(importer_of(path), Notebook)
    return Notebook().read(path)


def test_a_notebook_that_was_run() -> None:
    """Two tables, evaluate() between them, and printed dictionaries."""
    runs = Notebook().read(LOGS / "trainer.ipynb").runs
    assert [(run.rate, run.status) for run in runs] == [(3e-4, "completed"), (1e-3, "completed"), (3e-3, "completed")]
    assert [(p.step, p.epoch) for p in runs[0].points] == [(7, 1.0), (14, 2.0), (21, 3.0)]
    assert [round(p.value("dev", "loss"), 4) for p in runs[0].points] == [0.5892, 0.4692, 0.4416]
    assert [p.step for p in runs[1].points] == [5, 10, 15, 20, 21]
    assert [(p.step, p.value("dev", "loss")) for p in runs[2].points] == [(7, 0.3326), (14, 0.3396), (21, 0.3589)]


def test_a_table_that_was_stopped_and_its_metrics(tmp_path: Path) -> None:
    source = "args = TrainingArguments(learning_rate=2e-5, num_train_epochs=3, seed=7)"
    (run,) = read(tmp_path, code(source), code("trainer.train()", shown(TABLE))).runs
    assert (run.rate, run.seed, run.status, run.arm) == (2e-5, 7, "interrupted", "lr 2e-5")
    assert [(p.step, p.splits["dev"]) for p in run.points] == [
        (3, {"loss": 0.5, "accuracy": 0.75}), (6, {"loss": 0.4, "accuracy": 0.8})
    ]  # fmt: skip


def test_only_plain_values_of_the_nearest_cell_with_a_rate_are_settings(tmp_path: Path) -> None:
    old, new = "A(learning_rate=1e-3)", "for lr in rates: args = A(learning_rate=lr, weight_decay=0.1)"
    (first, second) = read(tmp_path, code(old), code("t()", shown(TABLE)), code(new, shown(TABLE))).runs
    assert first.rate == 1e-3
    assert (second.rate, second.settings["weight_decay"], second.arm) == (None, "0.1", "run in cell 3")
    assert settings_of_source("a(lr=1)\nb(lr=2)").told == {}
    assert settings_of_source("%%time\nargs.learning_rate = 1e-4\n!pip install x").told == {"learning_rate": "0.0001"}
    assert settings_of_source("def (").told == {}


def test_printed_dictionaries_and_lines_of_epochs(tmp_path: Path) -> None:
    dictionaries = [f"{{'loss': 1.0, 'learning_rate': 1e-4, 'epoch': {e}}}\n" for e in (0.5, 1.0)]
    evaluated = "{'eval_loss': 0.5, 'epoch': 1.0}\n"
    lines = "epoch 0: train loss :: 1.9, dev acc :: 0.3\nepoch 1: train loss :: 1.5, dev acc :: 0.4\n"
    returned = {"output_type": "execute_result", "data": {"text/plain": ["{'eval_loss': 0.9,\n", " 'epoch': 1.0}"]}}
    first, second = read(
        tmp_path, code("t()", *printed(*dictionaries, evaluated)), code("e()", returned),
        code("A(lr=3e-5)", *printed(lines)),
    ).runs  # fmt: skip
    assert (first.rate, first.series("dev", "loss")) == (1e-4, [(1.0, 0.5)]), "0.9 is another model's or set's"
    assert (second.rate, second.last("dev", "acc")) == (3e-5, 0.4)


def test_a_notebook_of_version_3(tmp_path: Path) -> None:
    cell = {"cell_type": "code", "input": ["A(lr=1e-4)"], "outputs": [{"output_type": "pyout", "html": [TABLE]}]}
    (run,) = read(tmp_path, worksheets=[{"cells": [cell]}], cells=None).runs
    assert (run.rate, len(run.points)) == (1e-4, 2)


def test_fastai_counts_from_zero(tmp_path: Path) -> None:
    head = "".join(f"<th>{name}</th>" for name in ("epoch", "train_loss", "valid_loss", "accuracy", "time"))
    rows = "".join(f"<tr><td>{e}</td><td>0.9</td><td>0.8</td><td>0.{e + 5}</td><td>00:21</td></tr>" for e in (0, 1))
    html = f"<table><tr>{head}</tr>{rows}</table>"
    (run,) = read(tmp_path, code("learn.fit(2, lr=1e-3)", shown(html))).runs
    assert run.series("dev", "accuracy") == [(1.0, 0.5), (2.0, 0.6)]


CARD = """\
### Training hyperparameters

- learning_rate: 5e-05
- train_batch_size: 8
- seed: 42
- num_epochs: 2

### Training results

| Training Loss | Epoch | Step | Validation Loss | F1     |
|:-------------:|:-----:|:----:|:---------------:|:------:|
| No log        | 1.0   | 50   | 0.5             | 0.75   |
| 0.4           | 2.0   | 100  | 0.3             | 0.875  |

### Framework versions
"""
PANDAS = "   Step  Training Loss  Validation Loss\n0    50            0.6  0.5\n1   100            0.4  0.3\n"
COPIED = "Step\tTraining Loss\tValidation Loss\n50\t0.6\t0.5\n100\t0.4\t0.3\n"


@pytest.mark.parametrize("text", [CARD, PANDAS, COPIED])
def test_tables_as_text(text: str, tmp_path: Path) -> None:
    path = tmp_path / "table.md"
    path.write_text(text, encoding="utf-8")
    importer = importer_of(path)
    assert isinstance(importer, ProgressTable) or text is COPIED  # which is a table of another kind as well
    (run,) = importer.read(path).runs
    assert [(p.step, p.value("dev", "loss")) for p in run.points] == [(50, 0.5), (100, 0.3)]
    if text is CARD:
        assert (run.rate, run.seed, run.last("dev", "f1")) == (5e-5, 42, 0.875)


@pytest.mark.parametrize(
    "text",
    [
        "{", "{}", '{"cells": 3}', '{"cells": [[], null, {"cell_type": "code", "outputs": [1, {"data": [1]}]}]}',
        '{"cells": [{"source": 5, "outputs": [{"output_type": "stream", "text": {"a": 1}}]}]}', "[" * 100_000,
        json.dumps({"cells": [code("a(" * 5000, shown("<table>" * 5000 + "<td>" * 5000))]}),
        json.dumps({"cells": [code("x", shown(TABLE.replace("0.5", "1e999").replace("[6/9", "[9999999999999999/1")))]}),
        json.dumps({"cells": [code("\0\ud800", shown(f"</td></table>{HEAD}"), *printed("\ud800{'loss': 1}"))]}),
    ],
)  # fmt: skip
def test_whatever_it_holds_it_is_read_or_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    path.write_text(text, encoding="utf-8")
    with contextlib.suppress(DataError):
        Notebook().read(path)
