"""`lrscope sweep`, `status` and `demo`, as a user types them."""

from __future__ import annotations

import csv
import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.conftest import Cli, Toy

import lrscope
from lrscope.config.trial import DEFAULT_SCHEDULE
from lrscope.store.study import StudyStore

PNG = b"\x89PNG\r\n\x1a\n"


def sweep(toy: Toy, *more: object) -> list[object]:
    return [
        "sweep", "--model", toy.model, "--train", toy.train, "--dev", toy.dev, "--test", toy.test, "--label-names",
        toy.names, "--epochs", "1", "--batch-size", "8", "--threads", "1", *more,
    ]  # fmt: skip


def test_a_sweep_prints_its_table_and_names_no_winner_among_equals(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    code, out, err = cli(*sweep(toy, "--lr", "1e-4,1e-3", "--seeds", "2", "--out", tmp_path / "s"))
    assert code == 0, err
    assert "2 settings × 2 seeds, 4 trials to run, 1 at a time: about" in err
    lines = out.splitlines()
    assert lines[0].split() == ["setting", "dev", "accuracy", "dev", "loss", "train", "loss", "best", "epoch", "trials"]
    assert [line.split("  ")[0] for line in lines[1:3]] == ["lr 1e-4", "lr 1e-3"]
    assert lines[3].startswith("No setting can be recommended. None is shown to be better than guessing")
    assert (tmp_path / "s" / "metric.png").read_bytes().startswith(PNG)
    assert not (tmp_path / "s" / "curves.png").exists(), "runs of one evaluation have no curves"
    with StudyStore.open(tmp_path / "s") as store:
        assert {row.config.schedule for row in store.trials()} == {DEFAULT_SCHEDULE}
        assert store.openings() == []


def test_lists_of_everything(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    options = [
        "--lr", "log:1e-4:1e-2:3", "--schedule", "cosine;linear;step(every=1ep, gamma=0.1)", "--warmup", "0,6%",
        "--batch-size", "8,16", "--dropout", "0.3,0.8", "--scale-lr", "sqrt",
    ]  # fmt: skip
    code, _, _ = cli(*sweep(toy, *options, "--save-config", tmp_path / "study.toml"))
    assert code == 0
    from lrscope.config import StudyConfig
    from lrscope.studies.plan import arms

    found = arms(StudyConfig.from_toml(tmp_path / "study.toml"))
    assert len(found) == 3 * 6 * 2 * 2
    scaled = sorted({arm.config.peak_rate for arm in found if arm.config.batch_size == 16})
    assert scaled == pytest.approx([1.41421e-4, 1.41421e-3, 1.41421e-2])


def test_a_saved_configuration_runs_the_same(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    options = ["--lr", "1e-4,1e-3", "--schedule", "linear;cosine", "--dropout", "0.1"]
    cli(*sweep(toy, *options, "--save-config", tmp_path / "study.toml"))
    cli(*sweep(toy, *options, "--out", tmp_path / "one"))
    code, out, _ = cli("sweep", "--config", tmp_path / "study.toml", "--out", tmp_path / "two", "--json")
    assert code == 0
    with StudyStore.open(tmp_path / "one") as one, StudyStore.open(tmp_path / "two") as two:
        assert [row.config for row in one.trials()] == [row.config for row in two.trials()]
        assert len(one.trials()) == 4
        assert one.steps(3)["loss"].tolist() == two.steps(3)["loss"].tolist()
    assert [arm["settings"]["schedule"] for arm in json.loads(out)["arms"]].count("warmup(6%) > cosine") == 2


def test_extending_and_status(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    cli(*sweep(toy, "--lr", "1e-4,1e-3", "--out", tmp_path / "s"))
    code, _, err = cli("sweep", "--resume", tmp_path / "s", "--seeds", "2", "--lr", "1e-2")
    assert code == 0
    assert "3 settings × 2 seeds, 4 trials to run" in err
    code, out, _ = cli("status", tmp_path / "s")
    assert code == 0
    assert "6 trials: 6 completed; nothing runs" in out
    status = json.loads(cli("status", tmp_path / "s", "--json")[1])
    assert (status["trials"], status["states"], status["running"]) == (6, {"completed": 6}, False)
    rows = list(csv.DictReader(io.StringIO(cli("status", tmp_path / "s", "--log", "csv")[1])))
    assert {row["split"] for row in rows} == {"train", "dev"}
    assert len(rows) == 12
    with lrscope.load_study(tmp_path / "s") as study:
        assert len(study.trial_rows()) == 6
        assert all("dev_accuracy" in row for row in study.trial_rows())


def test_frames(toy: Toy, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli(*sweep(toy, "--lr", "1e-3", "--out", tmp_path / "s"))
    with lrscope.load_study(str(tmp_path / "s")) as study:
        trials, evaluations = study.trials(), study.evaluations()
        assert (len(trials), trials["peak_rate"][0]) == (1, 1e-3)
        assert sorted(evaluations["split"]) == ["dev", "train"]
        assert len(study.steps(1)) == 6
        monkeypatch.setitem(sys.modules, "pandas", None)
        with pytest.raises(lrscope.errors.LrscopeError, match="pip install"):  # type: ignore[attr-defined]
            study.trials()


def test_heads_are_trained_together(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    options = ["--train", "head", "--lr", "log:1e-5:1e-1:12", "--seeds", "3", "--keep", "none"]
    code, out, _ = cli(*sweep(toy, *options, "--out", tmp_path / "s", "--json"))
    assert code == 0
    assert len(json.loads(out)["arms"]) == 12
    assert (tmp_path / "s" / "features.safetensors").is_file()


def test_processes(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    code, _, err = cli(*sweep(toy, "--lr", "1e-4,1e-3", "--workers", "2", "--out", tmp_path / "s"))
    assert code == 0, err
    assert "2 at a time" in err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--lr", ""], "learning rates are a list"),
        (["--lr", "1e-3;1e-2"], "learning rates are a list such as 1e-5,1e-4,1e-3: got '1e-3;1e-2'; correct it"),
        (["--lr", "0"], "learning rates are positive numbers: got 0"),
        (["--lr", "-1e-3,1e-3"], "got -0.001"),
        (["--lr", "1e-3,fast"], "got 'fast'"),
        (["--lr", "log:1e-2:1e-6:3"], "rise from a positive one"),
        (["--lr", "log:1e-6:1e-2:1000000000"], "from 2 to 1000 of them"),
        (["--lr", "1e-3,"], "remove a comma"),
        ([], "a sweep needs --lr"),
        (["--lr", "1e-3", "--workers", "0"], "--workers must be at least 1"),
        (["--lr", "1e-3", "--executor", "cloud"], "--executor is one of inline, processes"),
        (["--lr", "1e-3", "--executor", "inline", "--workers", "2"], "one trial at a time"),
        (["--lr", "1e-3", "--seeds", "0"], "--seeds must be at least 1"),
        (["--lr", "1e-3", "--strategy", "luck"], "--strategy is one of grid, rungs"),
        (["--lr", "1e-3", "--keep", "some"], "--keep is one of best, all, none"),
        (["--lr", "1e-3", "--schedule", "linear;"], "separated by ;"),
        (["--lr", "1e-3", "--schedule", "cosin"], "did you mean cosine"),
        (["--lr", "1e-3", "--epochs", "1,x"], "--epochs must be a whole number: got 'x'"),
        (["--lr", "1e-3", "--batch-size", "8,0"], "--batch-size must be at least 1"),
        (["--lr", "1e-3", "--epochs", "3,1", "--schedule", "warmup(2ep) > linear"], "in the arm epochs 1"),
        (["--lr", "1e-3", "--model", "./none"], "no such model"),
        (["--resume", "none"], "holds no study to resume"),
        (["--resume", "none", "--dropout", "0.1", "--device", "cpu"], "keeps its settings: got --device"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    options: list[str], says: str, toy: Toy, tmp_path: Path, cli: Cli
) -> None:
    arguments = ["sweep", *options] if "--resume" in options else sweep(toy, *options, "--out", tmp_path / "s")
    code, out, err = cli(*arguments)
    assert (code, out) == (2, ""), err
    assert len(err.strip().splitlines()) == 1, err
    assert says in err
    assert not (tmp_path / "s").exists()


def test_status_of_nothing(tmp_path: Path, cli: Cli) -> None:
    code, _, err = cli("status", tmp_path)
    assert code == 2
    assert "holds no study" in err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--seeds", "0"], "--seeds must be at least 1: got 0"),
        (["--workers", "0"], "--workers must be at least 1: got 0"),
        (["--lr", ""], "learning rates are a list"),
    ],
)
def test_a_demo_that_cannot_be(options: list[str], says: str, tmp_path: Path, cli: Cli) -> None:
    code, out, err = cli("demo", "--out", tmp_path / "d", *options)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert says in err
    assert not (tmp_path / "d").exists()


def test_the_folder_one_is_in(toy: Toy, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert cli(*sweep(toy, "--lr", "1e-3", "--out", "."))[0] == 0
    for command in (["sweep", "--resume", ""], ["status", "."], ["report", ""]):
        assert cli(*command)[0] == 0, command
    code, _, err = cli("export", ".", "--out", "")
    assert (code, "is there already" in err) == (2, True)


@pytest.mark.slow
def test_the_demo_runs_on_the_bundled_sample(tmp_path: Path, cli: Cli) -> None:
    code, out, _ = cli(
        "demo", "--out", tmp_path / "d", "--lr", "1e-3", "--epochs", "1", "--seeds", "1", "--workers", "1"
    )
    assert code == 0
    assert "lr 1e-3" in out


def test_one_arm_leads_nobody(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    _, out, _ = cli(*sweep(toy, "--lr", "1e-3", "--out", tmp_path / "s"))
    assert "ruled out" not in out
    assert "winner" not in out


def test_a_study_of_many_is_not_taken_for_a_fine_tune(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    cli(*sweep(toy, "--lr", "1e-4,1e-3", "--out", tmp_path / "s"))
    code, _, err = cli("finetune", "--resume", tmp_path / "s")
    assert code == 2
    assert "go on with lrscope sweep --resume" in err
    code, _, err = cli("evaluate", "--run", tmp_path / "s", "--data", toy.dev)
    assert code == 2
    assert "name one with --trial" in err
    code, out, _ = cli("evaluate", "--run", tmp_path / "s", "--data", toy.dev, "--trial", "2")
    assert code == 0
    assert "accuracy" in out


def test_the_live_table_is_drawn_on_a_terminal(toy: Toy, tmp_path: Path) -> None:
    from rich.console import Console

    from lrscope.config import SweepConfig
    from lrscope.terminal.study_progress import StudyProgress
    from lrscope.workflows.callbacks import Callbacks, Progress, StudyStarted, TrialEvent
    from lrscope.workflows.sweep import sweep as run

    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=110)
    drawn: list[StudyProgress] = []

    def draw(progress: Progress) -> None:
        if isinstance(progress, StudyStarted):
            drawn.append(StudyProgress(progress, console).__enter__())
        elif isinstance(progress, TrialEvent):
            drawn[0].update(progress)

    config = replace(toy.config(epochs=2), sweep=SweepConfig(grid={"peak_rate": [1e-4, 1e-3]}))
    run(config, tmp_path / "s", callbacks=Callbacks(draw))
    drawn[0].__exit__(None, None, None)
    shown = screen.getvalue()
    assert "2 of 2 trials" in shown
    assert "completed" in shown
    assert "2/2" in shown
    assert "1e-3" in shown
    assert "Traceback" not in shown
