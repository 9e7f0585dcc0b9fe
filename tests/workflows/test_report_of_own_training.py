"""The report of a study of the user's own training: what it says beyond that of any runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.external import Result, bowl, fake, study, study_folder

from lrscope.config import ExternalTrial
from lrscope.findings.answer import answer
from lrscope.findings.answer_statements import Confidence
from lrscope.findings.statements import EdgeHigh
from lrscope.records import EvaluationRecord, Outcome, Scores
from lrscope.report.document import document
from lrscope.runners.external.outcome import outcome_of
from lrscope.runs.audit import audit
from lrscope.runs.notes import ScoresIgnored
from lrscope.workflows.conclusions import ReportConfig, conclude_study
from lrscope.workflows.sweep import sweep


def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a study whose best rate is the highest that it tried, at two widths."""
    fake(monkeypatch, bowl)
    folder = study_folder(tmp_path)
    sweep(study({"peak_rate": (1e-6, 1e-5, 1e-4), "width": (8, 16)}, seeds=3, epochs=2), folder)
    return folder


def test_the_command_of_the_choice_stands_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conclusions = conclude_study(made(tmp_path, monkeypatch)).conclusions
    assert document(conclusions).commands == ("train 0.0001 0 2",)


def test_confidence_is_low_where_the_best_rate_is_at_an_edge_in_any_family(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conclusions = conclude_study(made(tmp_path, monkeypatch)).conclusions
    (confidence,) = (each for each in answer(conclusions) if isinstance(each, Confidence))
    assert (confidence.level, confidence.reason) == ("low", "edge")
    assert any(isinstance(each, EdgeHigh) for each in document(conclusions).findings)


def test_its_logs_are_audited_once_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conclusions, audited = conclude_study(made(tmp_path, monkeypatch)).conclusions, list[int]()
    monkeypatch.setattr(
        "lrscope.statistics.conclusions.audit", lambda runs, configs: audited.append(1) or audit(runs, configs)
    )
    document(conclusions)
    assert len(audited) == 1


def test_the_size_of_its_dev_set_may_be_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made(tmp_path, monkeypatch)
    assert conclude_study(folder, ReportConfig(dev_size=500)).conclusions.runs.sizes["dev"] == 500


@pytest.mark.parametrize("how", ["some without scores", "other examples", "other numbers", "the same"])
def test_runs_are_paired_only_where_all_have_scores_of_the_same_examples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    def outcome(trial: ExternalTrial) -> Outcome:
        is_odd = trial.seed == 1 and trial.peak_rate == 1e-3
        values = np.linspace(0.0, 1.0, 7 if is_odd and how == "other numbers" else 5, dtype=np.float32)
        scores = {"loss": Scores(values, np.ones_like(values))}
        scores = {} if is_odd and how == "some without scores" else scores
        record = EvaluationRecord(8, 1, "dev", {"loss": 0.5 + trial.seed / 100}, 0.0, scores=scores)
        examples = "b" if is_odd and how == "other examples" else "a"
        return outcome_of([record], "completed", seconds=1.0, examples=examples)

    fake(monkeypatch, bowl, outcome)
    folder = study_folder(tmp_path)
    result = sweep(study(seeds=2), folder)
    assert result.conclusions is not None
    runs = result.conclusions.runs
    assert (runs.scores is not None) == (how == "the same")
    assert (ScoresIgnored() in runs.notes) == (how != "the same")


def test_nothing_is_recommended_where_the_rates_did_not_reach_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def landscape(trial: ExternalTrial) -> Result:
        rates = [(step, {"learning_rate": 2e-5, "loss": 2.0 - step / 10 + trial.seed / 100}) for step in range(1, 9)]
        return Result(0.5 + trial.seed / 100 + trial.peak_rate, train=rates)

    fake(monkeypatch, landscape)
    result = sweep(study(seeds=3), study_folder(tmp_path))
    assert result.conclusions is not None
    assert result.conclusions.recommended is None
    assert [each.kind for each in answer(result.conclusions)] == ["no-recommendation", "rates-not-applied"]
