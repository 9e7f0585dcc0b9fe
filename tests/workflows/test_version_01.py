"""Studies that version 0.1 made: they open, report, and go on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.conftest import Cli

from lrscope.errors import DataError, StudyError
from lrscope.sample import folder as sample_folder
from lrscope.studies.interim_looks import read_looks
from lrscope.workflows.conclusions import conclude_study
from lrscope.workflows.range_tests import resume_find
from lrscope.workflows.report import report
from lrscope.workflows.status import study_status
from lrscope.workflows.sweep import resume_sweep

STUDIES = Path(__file__).parents[1] / "fixtures" / "v0.1"
MOVED = {
    **{name: str(STUDIES / f"{name}.txt") for name in ("train", "dev", "test")},
    "model": str(sample_folder() / "model"),
}


def copy(name: str, to: Path) -> Path:
    return shutil.copytree(STUDIES / name, to / name)


def test_a_finished_study_reports_at_its_planned_looks(tmp_path: Path) -> None:
    folder = copy("done", tmp_path)
    looks = read_looks(folder)
    assert looks is not None
    assert (looks.margin, looks.seeds, looks.taken) == (0.05, (2, 3), 2)
    result = report(folder)
    assert result.page.is_file()
    assert [arm.name for arm in result.conclusions.arms] == ["lr 3e-4", "lr 1e-3", "lr 3e-3"]
    assert [len(arm.runs) for arm in result.conclusions.arms] == [3, 3, 3]
    assert result.conclusions.margin == 0.05
    assert {trial.state for trial in study_status(folder).trials} == {"completed"}


def test_a_fine_tune_reports(tmp_path: Path, cli: Cli) -> None:
    folder = copy("one", tmp_path)
    assert conclude_study(folder).conclusions.arms[0].rate == 1e-3
    code, out, err = cli("report", folder, "--json")
    assert code == 0, err
    assert [run["status"] for run in json.loads(out)["runs"]] == ["completed"]
    assert study_status(folder).kind == "finetune"


def test_a_range_test_is_read_again(tmp_path: Path) -> None:
    folder = copy("find", tmp_path)
    with pytest.raises(StudyError, match="holds range tests"):
        report(folder)
    assert study_status(folder).kind == "find"
    with pytest.raises(DataError, match="no such file: /data/"):  # its inputs are not there any more
        resume_find(folder)


@pytest.mark.slow
def test_a_study_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    folder = copy("cut", tmp_path)
    before = study_status(folder)
    assert before.counts == {"completed": 2, "cut off": 1, "planned": 3}
    assert before.resume_command == f"lrscope sweep --resume {folder}"
    result = resume_sweep(folder, moved=MOVED)
    assert study_status(folder).counts == {"completed": 6}
    assert [each.num_finished for each in result.settings] == [2, 2, 2]
    assert result.conclusions is not None
    assert set(result.contenders) <= {"lr 3e-4", "lr 1e-3", "lr 3e-3"}
    assert (folder / "metric.png").is_file()
