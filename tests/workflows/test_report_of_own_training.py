"""The report of a study of the user's own training: what it says beyond that of any runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.external import bowl, fake, study, study_folder

from lrscope.findings.answer import Confidence, answer
from lrscope.findings.statements import EdgeHigh
from lrscope.report.document import document
from lrscope.workflows.conclusions import ReportConfig, conclude_sources
from lrscope.workflows.sweep import sweep


def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a study whose best rate is the highest that it tried, at two widths."""
    fake(monkeypatch, bowl)
    folder = study_folder(tmp_path)
    sweep(study({"peak_rate": (1e-6, 1e-5, 1e-4), "width": (8, 16)}, seeds=3, epochs=2), folder)
    return folder


def test_the_command_of_the_choice_stands_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conclusions = conclude_sources([made(tmp_path, monkeypatch)]).conclusions
    assert document(conclusions).commands == ("train 0.0001 0 2",)


def test_confidence_is_low_where_the_best_rate_is_at_an_edge_in_any_family(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conclusions = conclude_sources([made(tmp_path, monkeypatch)]).conclusions
    (confidence,) = (each for each in answer(conclusions) if isinstance(each, Confidence))
    assert (confidence.level, confidence.reason) == ("low", "edge")
    assert any(isinstance(each, EdgeHigh) for each in document(conclusions).findings)


def test_the_size_of_its_dev_set_may_be_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made(tmp_path, monkeypatch)
    assert conclude_sources([folder], ReportConfig(dev_size=500)).conclusions.runs.sizes["dev"] == 500
