"""Reports, the seal, export and status as values: one conclusion everywhere, of a tune's own folder too."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from tests.conftest import Cli

from lrscope.errors import StudyError
from lrscope.store.lock import study_lock
from lrscope.store.study import StudyStore
from lrscope.studies.budget import holds_other_files
from lrscope.studies.interim_looks import Looks, read_looks, write_looks
from lrscope.studies.kept_tune import KeptTune, keep_tune, read_tune
from lrscope.studies.sealed_test import read_choice
from lrscope.workflows.conclusions import ReportConfig, conclude_study
from lrscope.workflows.export import copy_folder, export
from lrscope.workflows.report import report
from lrscope.workflows.status import study_status

STUDIES = Path(__file__).parents[1] / "fixtures" / "v0.1"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A finished study of version 0.1, without planned looks."""
    folder = shutil.copytree(STUDIES / "done", tmp_path / "study")
    (folder / "looks.json").unlink()
    return folder


def test_a_report_follows_the_planned_looks(study: Path, cli: Cli) -> None:
    write_looks(study, Looks(0.5, (2, 4), 1))
    concluded, notes = conclude_study(study, ReportConfig(margin=0.01))
    assert (concluded.margin, len(concluded.looks)) == (0.5, 1)
    assert notes == ("this study's checks were planned with a margin of 0.5, which decides; --margin 0.01 is not used",)
    assert conclude_study(study).notes == ()
    code, out, err = cli("report", study, "--json", "--margin", "0.01")
    assert (code, json.loads(out)["margin"]) == (0, 0.5)
    assert err.count("planned with a margin of 0.5") == 1
    assert report(study).conclusions.margin == 0.5
    # Of another metric the plan's margin says nothing: it is in units of accuracy.
    assert conclude_study(study, ReportConfig(metric="loss", margin=0.01)).conclusions.margin == 0.01


def test_without_a_plan_the_margin_that_is_asked_for_holds(study: Path) -> None:
    assert conclude_study(study, ReportConfig(margin=0.07)).conclusions.margin == 0.07
    assert conclude_study(study).conclusions.margin == 0.02


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", '{"margin": 0.02}', '{"margin": "x", "seeds": [2], "taken": 0}',
        '{"margin": 0.02, "seeds": [], "taken": 0}', '{"margin": 0.02, "seeds": [4, 2], "taken": 0}',
        '{"margin": 0.02, "seeds": [2, 4], "taken": 9}', '{"margin": NaN, "seeds": [2], "taken": 0}',
        '{"margin": 0.02, "seeds": [2, "4"], "taken": 0}', "[" * 100_000,
    ],
)  # fmt: skip
def test_damaged_looks_are_one_line(text: str, study: Path, cli: Cli) -> None:
    (study / "looks.json").write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match=r"looks\.json is damaged"):
        read_looks(study)
    for command in ("report", "export"):
        code, _, err = cli(command, study, *(["--out", study / "model"] if command == "export" else []))
        assert (code, len(err.splitlines())) == (2, 1)


@pytest.mark.parametrize(
    "text",
    [
     "", "[1]", "{}", '{"first": 3}', '{"first": "lr 1", "config": []}',
     '{"first": "lr 1", "config": {"peak_rate": -1}}',
     '{"first": "lr 1", "config": {"peak_rate": 1e-3, "colour": 2}}', '{"first": "lr 1", "optimism": "much"}'],
)  # fmt: skip
def test_a_damaged_choice_is_one_line(text: str, study: Path, cli: Cli) -> None:
    (study / "choice.json").write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match=r"choice\.json is damaged"):
        read_choice(study)
    code, _, err = cli("export", study, "--out", study.parent / "model")
    assert (code, len(err.splitlines())) == (2, 1)


def test_what_a_tune_leaves_that_was_killed_at_its_start_is_no_file_of_others(tmp_path: Path) -> None:
    tune = tmp_path / "tune"
    tune.mkdir()
    (tune / ".plan.json.77.tmp").write_text("{", encoding="utf-8")
    (tune / "settings.toml").touch()
    assert not holds_other_files(tune)
    (tune / "mine.txt").touch()
    assert holds_other_files(tune)


@pytest.mark.parametrize("text", ["", "7"])
def test_a_damaged_plan_is_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match=r"plan\.json is damaged"):
        read_tune(tmp_path)


def test_a_tunes_own_folder(study: Path, tmp_path: Path, cli: Cli) -> None:
    tune = tmp_path / "tune"
    with StudyStore.open(study) as store:
        keep_tune(tune, KeptTune(600.0, store.config, 1))
    for command in ("report", "status"):
        code, _, err = cli(command, tune)
        assert (code, "lrscope tune has not begun" in err) == (2, True)
    shutil.copytree(STUDIES / "find", tune / "find")
    assert study_status(tune).kind == "find"
    code, _, err = cli("report", tune)
    assert (code, "has not begun its sweep" in err) == (2, True)
    shutil.copytree(study, tune / "sweep")
    assert study_status(tune).folder == tune / "sweep"
    assert report(tune).page == tune / "sweep" / "report.html"
    code, out, _ = cli("status", tune, "--log", "csv")
    assert (code, out.startswith("trial,")) == (0, True)


def test_status_names_the_command_that_goes_on(study: Path, tmp_path: Path) -> None:
    commands = {}
    for kind in ("one", "find", "cut"):
        folder = shutil.copytree(STUDIES / kind, tmp_path / f"my {kind}")
        with StudyStore.open(folder, for_writing=True) as store, store.transaction() as connection:
            connection.execute("UPDATE trials SET status = 'interrupted' WHERE id = 1")
        commands[kind] = study_status(folder).resume_command
    assert commands["one"] == f"lrscope finetune --resume '{tmp_path / 'my one'}'"
    assert commands["find"] == f"lrscope find --resume '{tmp_path / 'my find'}'"
    assert commands["cut"] == f"lrscope sweep --resume '{tmp_path / 'my cut'}'"
    write_looks(tmp_path / "my cut", Looks(0.05, (2, 4)))
    assert study_status(tmp_path / "my cut").resume_command.endswith("--until-decided 0.05 --max-seeds 4")
    assert study_status(study).resume_command == ""


def left_over(study: Path, *ids: int) -> Path:
    """Leave these trials as a controller does that was killed."""
    with StudyStore.open(study, for_writing=True) as store, store.transaction() as connection:
        for number in ids:
            connection.execute("UPDATE trials SET status = 'planned' WHERE id = ?", (number,))
        connection.execute("UPDATE trials SET status = 'running' WHERE id = ?", (ids[0],))
    return study


def test_a_study_that_was_cut_off_says_so_and_first_how_it_goes_on(study: Path, cli: Cli) -> None:
    assert (conclude_study(study).conclusions.runs.ahead, "study-unfinished" in text_of(study)) == (None, False)
    left_over(study, 3, 4, 5, 6, 7, 8, 9)
    found = report(study).values
    unfinished = next(each for each in found["answer"] if each["kind"] == "study-unfinished")
    assert (unfinished["ended"], unfinished["planned"], unfinished["is_running"]) == (2, 9, False)
    assert found["answer"].index(unfinished) == 2, "after the recommendation, before all else"
    (confidence,) = [each for each in found["answer"] if each["kind"] == "confidence"]
    assert (confidence["level"], confidence["reason"]) == ("low", "unfinished")
    first = found["advice"][0]
    assert (first["kind"], first["number"]) == ("finish-study", 7)
    assert first["command"] == study_status(study).resume_command == f"lrscope sweep --resume {study}"
    assert not {"measure-seeds", "more-seeds", "wider-grid"} & {each["kind"] for each in found["advice"]}
    for lang, words in (("en", "2 of 9 runs have ended"), ("zh", "9 次训练中有 2 次已结束")):
        written = report(study, lang=lang)
        assert words in written.text.read_text(encoding="utf-8")
        assert words in written.page.read_text(encoding="utf-8")
    code, out, _ = cli("report", study)
    assert (code, "2 of 9 runs have ended" in out, f"lrscope sweep --resume {study}" in out) == (0, True, True)


def test_what_runs_now_is_not_to_be_resumed(study: Path) -> None:
    left_over(study, 9)
    with study_lock(study):
        found = report(study)
    assert "the others are running" in found.text.read_text(encoding="utf-8")
    assert "finish-study" not in {each["kind"] for each in found.values["advice"]}


def test_runs_left_at_other_rates_leave_no_edge(study: Path) -> None:
    """Trials are seed by seed, each at rates that rise: the last one of a seed is at the highest rate."""
    with StudyStore.open(study) as store:
        rates = {row.id: row.config.peak_rate for row in store.trials()}
    highest = [number for number, rate in rates.items() if rate == max(rates.values())]
    left_over(study, *highest)
    kinds = {each["kind"] for each in report(study).values["findings"]}
    assert "edge-high" not in kinds


def test_what_looks_did_not_plan_is_not_left(study: Path) -> None:
    write_looks(study, Looks(0.5, (3, 5, 8), 1))
    assert conclude_study(study).conclusions.runs.ahead is None, "no seeds were added"
    left_over(study, 9)
    command = str(report(study).values["advice"][0]["command"])
    assert command.endswith("--until-decided 0.5 --max-seeds 8")


def text_of(study: Path) -> str:
    return json.dumps(report(study).values)


def with_model(study: Path) -> Path:
    with StudyStore.open(study) as store:
        folder = store.trial_folder(1) / "best"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def test_export_into_new_and_empty_folders(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_model(study)
    mine = tmp_path / ".model.arriving"
    mine.mkdir()
    (mine / "keep").touch()
    result = export(study, tmp_path / "model", trial=1)
    assert (result.model / "model.safetensors").read_bytes() == b"weights"
    assert (mine / "keep").exists()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    export(study, Path(), trial=1)
    assert (tmp_path / "here" / "model.safetensors").exists()
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".tmp"]


def test_export_follows_no_links(study: Path, tmp_path: Path) -> None:
    model = with_model(study)
    (tmp_path / "secret").write_text("mine", encoding="utf-8")
    (model / "config.json").symlink_to(tmp_path / "secret")
    with pytest.raises(StudyError, match=r"config\.json is a link"):
        export(study, tmp_path / "model", trial=1)
    (model / "config.json").unlink()
    model.rename(tmp_path / "elsewhere")
    model.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StudyError, match="best is a link"):
        export(study, tmp_path / "model", trial=1)
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("exists", [True, False])
def test_a_full_disk_leaves_nothing(exists: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "best"
    source.mkdir()
    (source / "model.safetensors").write_bytes(b"weights")
    if exists:
        (tmp_path / "out").mkdir()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(StudyError, match=r"cannot write .*out: No space left on device; free some space"):
        copy_folder(source, tmp_path / "out", inside=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best", *(["out"] if exists else [])]
