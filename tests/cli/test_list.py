"""`lrscope list`: what is in a folder of studies, also on a narrow terminal."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from rich.cells import cell_len
from tests.commands import PROGRAM
from tests.commands import sweep as sweep_of_command
from tests.conftest import Cli

from lrscope.config import StudyConfig
from lrscope.report.locales import locale
from lrscope.report.wording import Wording
from lrscope.studies.budget import PLAN
from lrscope.workflows.study_list import list_studies, question

ENGLISH = Wording(locale("en"), "")
STUDIES = Path(__file__).parents[1] / "fixtures" / "v0.1"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder of studies, of which one is of a command, and two are of one tune."""
    for name in ("cut", "one"):
        shutil.copytree(STUDIES / name, tmp_path / "runs" / "old" / name)
    for name in ("find", "done"):
        home = tmp_path / "runs" / "tuned" / {"done": "sweep"}.get(name, name)
        shutil.copytree(STUDIES / name, home)
    (tmp_path / "runs" / "tuned" / PLAN).write_text("{}", encoding="utf-8")
    return tmp_path / "runs"


def test_each_study_is_a_line(runs: Path, cli: Cli) -> None:
    assert cli(*sweep_of_command(runs / "mine", seeds=2))[0] == 0
    code, out, error = cli("list", runs)
    assert (code, error) == (0, "")
    head, *lines = out.splitlines()
    assert head.split() == ["study", "question", "state", "age", "answer"]
    rows = {line.split()[0]: line for line in lines}
    assert next(iter(rows)) == "mine", "the newest first"
    assert set(rows) == {"mine", "old/cut", "old/one", "tuned"}
    assert "lr 1e-4,1e-3 × 2 seeds: train.py" in rows["mine"]
    assert "stopped, 4 of 6 left" in rows["old/cut"]
    assert rows["old/one"].endswith("accuracy 0.233")
    assert "lr 1e-3, accuracy 0.239; low confidence" in rows["tuned"]


def test_the_list_speaks_the_language_that_is_asked_for(runs: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, _ = cli("list", runs, "--lang", "zh")
    assert code == 0
    assert out.splitlines()[0].split() == ["研究", "问题", "状态", "时间", "结论"]
    assert "已停止、6 次中还剩 4 次" in out
    assert "预算之内用哪个学习率：" in out
    assert "准确率 0.239；把握：低" in out
    monkeypatch.setattr("lrscope.cli.list.room", lambda: 40)
    assert max(map(cell_len, cli("list", runs, "--lang", "zh")[1].splitlines())) <= 40


def test_a_range_test_says_where_to_search(cli: Cli) -> None:
    code, out, _ = cli("list", STUDIES / "find")
    assert (code, len(out.splitlines())) == (0, 2)
    assert "where to search for a rate: model, train.txt" in out
    assert "search 4.7e-4 to 1.5e-2" in out


def test_a_narrow_terminal_gets_no_broken_lines(runs: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lrscope.cli.list.room", lambda: 40)
    lines = cli("list", runs)[1].splitlines()
    assert max(map(len, lines)) <= 40
    assert [line.split(" ")[0] for line in lines if not line.startswith(" ")] == ["old/cut", "old/one", "tuned"]
    assert "stopped, 4 of 6 left" in " ".join(line.strip() for line in lines)


def test_many_values_are_counted() -> None:
    study = StudyConfig.from_toml(STUDIES / "done" / "config.toml")
    assert study.sweep is not None
    many = study.with_parts(sweep=study.sweep.__class__(grid={"peak_rate": [1e-4, 2e-4, 4e-4, 8e-4]}))
    assert question(many, "sweep", ENGLISH) == "lr 1e-4 … 8e-4 (4) × 1 seed: model, train.txt"
    texts = study.with_parts(sweep=study.sweep.__class__(grid={"peak_rate": [1e-4, 2e-4], "epochs": [1, 2]}))
    assert question(texts, "sweep", ENGLISH) == "lr 1e-4,2e-4 × epochs 1,2 × 1 seed: model, train.txt"


def test_a_study_that_failed_says_so(tmp_path: Path, cli: Cli) -> None:
    cli(*sweep_of_command(tmp_path / "s", command=f"{PROGRAM} --no-such-option {{lr}} {{seed}} {{out}}"))
    (study,) = list_studies(tmp_path)
    assert (study.state, study.answer and study.answer.setting) == ("done, 2 failed", None)


@pytest.mark.parametrize(("what", "says"), [("none", "there is no"), (".", "none of its folders has a study.db")])
def test_where_there_is_nothing(what: str, says: str, tmp_path: Path, cli: Cli) -> None:
    code, _, error = cli("list", tmp_path / what)
    assert (code, says in error, error.count("\n")) == (2, True, 1)
