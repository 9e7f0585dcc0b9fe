"""`lrscope sweep --command`: the user's own training, whole, and every way in which a program may end."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from tests.commands import SCRIPT, TRAIN, rows, starts, sweep
from tests.conftest import Cli

from lrscope.store.study import StudyStore


def test_settings_of_any_name_are_compared(tmp_path: Path, cli: Cli) -> None:
    out = tmp_path / "s"
    code, said, error = cli(*sweep(out, "--set", "width=8,64", command=f"{TRAIN} --width {{width}}", seeds=2))
    assert code == 0, error
    assert "lr 1e-3, width 64" in said.splitlines()[4]
    assert "Use lr 1e-3, width 64. " in said
    assert "4 settings × 2 seeds, 8 trials to run, 1 at a time; how long is known after the first" in error
    with StudyStore.open(out) as store:
        assert store.metric == ("accuracy", "maximize")
        train = [record for record in store.evaluations(1) if record.split == "train"]
        assert train[0].metrics["learning_rate"] == pytest.approx(1e-4)
        assert [record.step for record in train] == list(range(1, 9))
    assert sorted(path.name for path in (out / "trials" / "0001").iterdir()) == ["out", "output.log"]
    report = cli("report", out)
    assert report[0] == 0
    assert "--width 64" in (out / "report.md").read_text(encoding="utf-8")
    assert "width 64" in cli("status", out)[1]


@pytest.mark.parametrize(
    ("how", "status", "reason", "tries"),
    [
        ("crash", "failed", "exit code 1: ValueError: no such dataset", 2),
        ("memory", "failed", "out of memory: torch.OutOfMemoryError: CUDA out of memory.", 2),
        ("nan", "diverged", "the loss was NaN or infinite at step 5, learning rate 0.0005", 1),
        ("nothing", "failed", "it ended well without an evaluation", 1),
        ("half", "failed", "trainer_state.json: a trainer state is JSON", 1),
        ("state", "completed", "", 1),
        ("record", "completed", "", 1),
        ("printed", "completed", "", 1),
        ("once", "completed", "", 2),
        ("moved", "completed", "", 2),
    ],
)
def test_however_it_ends(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, how: str, status: str, reason: str, tries: int
) -> None:
    monkeypatch.setenv("STARTS", str(tmp_path / "starts"))
    code, _, error = cli(*sweep(tmp_path / "s", command=f"{TRAIN} --how {how}", rates="1e-3"))
    assert code == int(status == "failed"), error
    ((_, _, got, why),) = rows(tmp_path / "s")
    assert (got, reason in why) == (status, True), why
    assert len(starts(tmp_path / "starts")) == tries
    if status == "failed":
        assert reason in error


@pytest.mark.parametrize(
    ("command", "more", "message"),
    [
        (TRAIN.replace("{lr}", "1e-4"), [], "got no {lr}; write --learning_rate {lr}"),
        (f"{TRAIN} --width {{width}}", [], "got {width}; add --set width=VALUE"),
        (TRAIN, ["--set", "width=8"], "got no {width} in the command; add it, or leave width out"),
        (f"{TRAIN} --epochs {{epochs}}", [], "got {epochs}; add --epochs N"),
        (TRAIN, ["--epochs", "2"], "got no {epochs} in the command"),
        (f"{TRAIN} --config {{config}}", [], "got {config}; add --template FILE"),
        (TRAIN, ["--template", SCRIPT], "got a command without it; add {config}"),
        ("no-such-program {lr} {seed} {out}", [], "got 'no-such-program', which is not found"),
        (f"{TRAIN} --x {{tokenizer}}", [], "got {tokenizer}; add --set tokenizer=VALUE, or write {{tokenizer}}"),
        (TRAIN.replace("--seed", "'--seed"), [], "a quote in a command must be closed"),
        (TRAIN, ["--metric", "glory"], "whether a larger glory is better is not known: add --minimize or --maximize"),
        (TRAIN, ["--minimize", "--maximize"], "a metric has one direction"),
        (TRAIN, ["--batch-size", "8"], "--batch-size is a setting of the built-in training: got it with --command"),
        (TRAIN, ["--set", "lr=1"], "--set is for settings that have no option: got 'lr'; write --lr"),
        (TRAIN, ["--set", "width"], "--set is NAME=VALUE"),
        (TRAIN, ["--set", "a-b=1"], "has a name of letters, digits and _"),
        (TRAIN, ["--timeout", "soon"], "--timeout is a time with its unit"),
        (TRAIN, ["--input", "/no/such/file"], "an input of the command must be readable"),
        (f"{TRAIN} && echo", [], "a command is started without a shell: got '&&'"),
        (TRAIN, ["--scale-lr", "sqrt"], "--scale-lr is a setting of the built-in training"),
        (TRAIN, ["--train", "x.txt"], "--train is a setting of the built-in training"),
    ],
)
def test_what_cannot_be_is_one_line(
    tmp_path: Path, cli: Cli, command: str, more: list[str | Path], message: str
) -> None:
    code, _, error = cli(*sweep(tmp_path / "s", *more, command=command))
    assert (code, message in error) == (2, True), error
    assert error.count("\n") == 1
    assert not (tmp_path / "s").exists()


def test_a_command_without_rates_or_with_auto_is_refused(tmp_path: Path, cli: Cli) -> None:
    code, _, error = cli("sweep", "--command", TRAIN, "--out", tmp_path / "s")
    assert (code, "a sweep needs --lr" in error) == (2, True), error
    code, _, error = cli(*sweep(tmp_path / "s", rates="auto"))
    assert (code, "needs the built-in training" in error) == (2, True), error
    for flag, value in (("--set", "a=1"), ("--input", "data.txt"), ("--metric", "f1")):
        code, _, error = cli("sweep", flag, value, "--lr", "1e-3")
        assert (code, f"{flag} belongs to a training of your own" in error) == (2, True), error


def test_a_seed_that_is_not_passed_is_noted(tmp_path: Path, cli: Cli) -> None:
    code, _, error = cli(*sweep(tmp_path / "s", command=TRAIN.replace("--seed {seed} ", ""), rates="1e-3"))
    assert (code, "THE SEED DOES NOT REACH THE TRAINING" in error) == (0, True), error


def test_a_template_is_filled_in_and_held_to(tmp_path: Path, cli: Cli) -> None:
    template = tmp_path / "config.json"
    template.write_text('{"learning_rate": {lr}, "chat": "{{ message }}"}')
    command = TRAIN.replace("--learning_rate {lr}", "--config {config}")
    code, _, error = cli(*sweep(tmp_path / "s", "--template", template, command=command))
    assert code == 0, error
    assert [row[2] for row in rows(tmp_path / "s")] == ["completed"] * 2
    template.write_text('{"learning_rate": {lr}}')
    code, _, error = cli("sweep", "--resume", tmp_path / "s", "--seeds", "2")
    assert (code, "template changed since" in error) == (2, True), error


def test_a_study_is_extended(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    out, file = tmp_path / "s", tmp_path / "starts"
    monkeypatch.setenv("STARTS", str(file))
    command = f"{TRAIN} --width {{width}}"
    assert cli(*sweep(out, "--set", "width=8", command=command))[0] == 0
    assert cli("sweep", "--resume", out, "--seeds", "2", "--lr", "1e-2", "--set", "width=16")[0] == 0
    assert len(rows(out)) == 2 * 3 * 2
    assert len(starts(file)) == 2 * 3 * 2
    code, _, error = cli("sweep", "--resume", out, "--command", "other {lr}")
    assert (code, "a study keeps its training: " in error) == (2, True), error
    code, _, error = cli("sweep", "--resume", out, "--metric", "loss")
    assert (code, "a study keeps the metric that it began with" in error) == (2, True), error


def test_of_several_metrics_one_is_named_and_nothing_runs_again(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, file = tmp_path / "s", tmp_path / "starts"
    monkeypatch.setenv("STARTS", str(file))
    code, _, error = cli(*sweep(out, command=f"{TRAIN} --how several"))
    assert (code, "measured were grade, quality; name one with --metric NAME (the run is kept:" in error) == (
        2,
        True,
    ), error
    assert len(starts(file)) == 1
    for more, message in (
        ([], "name one with --metric"),
        (["--metric", "bleu"], "got 'bleu'; it has grade, quality (the run is kept:"),
        (["--metric", "grade"], "whether a larger grade is better is not known: add --minimize or --maximize"),
    ):
        code, _, error = cli("sweep", "--resume", out, *more)
        assert (code, message in error) == (2, True), error
    code, said, error = cli("sweep", "--resume", out, "--metric", "quality", "--maximize")
    assert (code, "Use lr 1e-3" in said) == (0, True), error
    assert sorted(starts(file)) == ["0 0.0001", "0 0.001"]
    with StudyStore.open(out) as store:
        assert store.metric == ("quality", "maximize")


def test_what_is_mended_is_mended_until_decided_too(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    out, mended = tmp_path / "s", tmp_path / "mended"
    monkeypatch.setenv("MENDED", str(mended))
    assert cli(*sweep(out, command=f"{TRAIN} --how mended"))[0] == 1
    mended.touch()
    decided = ["--until-decided", "0.02", "--max-seeds", "2"]
    code, _, error = cli("sweep", "--resume", out, *decided, "--metric", "loss", "--timeout", "5min", "--retry-failed")
    assert code == 0, error
    with StudyStore.open(out) as store:
        assert store.metric == ("loss", "minimize")
        assert store.config.to_dict()["trainer"]["timeout"] == 300.0
    assert [row[2] for row in rows(out)] == ["completed"] * 4


def test_what_failed_is_run_again_when_asked(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    out, file, mended = tmp_path / "s", tmp_path / "starts", tmp_path / "mended"
    monkeypatch.setenv("STARTS", str(file))
    monkeypatch.setenv("MENDED", str(mended))
    assert cli(*sweep(out, command=f"{TRAIN} --how mended"))[0] == 1
    assert [row[2:] for row in rows(out)] == [("failed", "exit code 1: KeyError: 'text'")] * 2
    mended.touch()
    assert cli("sweep", "--resume", out)[0] == 1
    assert len(starts(file)) == 4  # a failure is a result until another try is asked for
    code, said, error = cli("sweep", "--resume", out, "--retry-failed")
    assert (code, "Use lr 1e-3" in said) == (0, True), error
    assert len(starts(file)) == 6
    code, _, error = cli(*sweep(tmp_path / "t", "--retry-failed"))
    assert (code, "--retry-failed goes on with a study" in error) == (2, True), error


def test_an_input_that_changed_is_refused(tmp_path: Path, cli: Cli) -> None:
    data = tmp_path / "train.jsonl"
    data.write_text("{}\n")
    assert cli(*sweep(tmp_path / "s", "--input", data, rates="1e-3"))[0] == 0
    data.write_text("{}\n{}\n")
    code, _, error = cli("sweep", "--resume", tmp_path / "s", "--seeds", "2")
    assert (code, "changed since" in error, error.count("\n")) == (2, True, 1), error
    data.unlink()
    code, _, error = cli("sweep", "--resume", tmp_path / "s", "--seeds", "2")
    assert (code, str(data) in error, error.count("\n")) == (2, True, 1), error


def test_a_study_goes_on_from_any_folder(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    code, runs = tmp_path / "code", tmp_path / "my runs"
    code.mkdir()
    runs.mkdir()
    template = code / "config.json"
    template.write_text('{"learning_rate": {lr}}')
    command = TRAIN.replace("--learning_rate {lr}", "--config {config}")
    monkeypatch.chdir(code)
    assert cli(*sweep(Path("../my runs/s"), "--template", "config.json", command=command, rates="1e-3"))[0] == 0
    monkeypatch.chdir(runs)
    assert cli("sweep", "--resume", "s", "--seeds", "2")[0] == 0
    assert [row[2] for row in rows(runs / "s")] == ["completed"] * 2
    assert len(list((runs / "s").glob("trials/*/out/trainer_state.json"))) == 2
    assert [path.name for path in code.iterdir()] == ["config.json"]


def test_settings_are_saved_and_read(tmp_path: Path, cli: Cli) -> None:
    saved = tmp_path / "study.toml"
    asked = sweep(tmp_path / "s", "--set", "width=8,16", "--save-config", saved, command=f"{TRAIN} {{width}}")
    assert cli(*asked)[0] == 0
    values = tomllib.loads(saved.read_text(encoding="utf-8"))
    assert values["trainer"]["command"][-1] == "{width}"
    assert values["sweep"]["grid"]["width"] == [8, 16]
    values["trainer"]["command"][-1:] = ["--width", "{width}"]
    lines = saved.read_text(encoding="utf-8").replace('"{width}"', '"--width",\n    "{width}"')
    saved.write_text(lines, encoding="utf-8")
    code, _, error = cli("sweep", "--config", saved, "--seeds", "1", "--out", tmp_path / "s")
    assert code == 0, error
    assert len(rows(tmp_path / "s")) == 4


@pytest.mark.parametrize(("keep", "kept"), [("all", 4), ("best", 2), ("none", 0)])
def test_output_folders_are_kept_as_asked(tmp_path: Path, cli: Cli, keep: str, kept: int) -> None:
    assert cli(*sweep(tmp_path / "s", "--keep", keep, seeds=2))[0] == 0
    assert len(list((tmp_path / "s" / "trials").glob("*/out/trainer_state.json"))) == kept
    assert len(list((tmp_path / "s" / "trials").glob("*/output.log"))) == 4


def test_a_run_that_diverged_is_no_best_one(tmp_path: Path, cli: Cli) -> None:
    asked = sweep(tmp_path / "s", "--keep", "best", command=f"{TRAIN} --how first", rates="1e-3", seeds=2)
    assert cli(*asked)[0] == 0
    assert [row[2] for row in rows(tmp_path / "s")] == ["diverged", "completed"]
    kept = (tmp_path / "s" / "trials").glob("*/out")
    assert [path.parent.name for path in kept] == ["0002"]


@pytest.mark.parametrize("beaten", [1, 2])
def test_of_two_runs_that_a_kill_left_the_best_is_kept(tmp_path: Path, cli: Cli, beaten: int) -> None:
    out = tmp_path / "s"
    assert cli(*sweep(out, "--keep", "best", rates="1e-3", seeds=2))[0] == 0
    (kept,) = (out / "trials").glob("*/out")
    other = out / "trials" / ("0002" if kept.parent.name == "0001" else "0001")
    if beaten == 1:  # killed before its work folder was removed
        (other / "work" / "trials" / "0001" / "out").mkdir(parents=True)
    else:  # killed while more of the study was to be run
        (other / "out").mkdir()
    assert cli("sweep", "--resume", out, "--seeds", "3")[0] == 0
    assert len(list((out / "trials").glob("*/out"))) == 1
    assert not list((out / "trials").glob("*/work"))


def test_test_values_stay_sealed_until_they_are_opened(tmp_path: Path, cli: Cli) -> None:
    out = tmp_path / "s"
    assert cli(*sweep(out, command=f"{TRAIN} --how record", seeds=2))[0] == 0
    assert "test accuracy" not in cli("report", out)[1]
    code, said, error = cli("report", out, "--open-test")
    assert (code, "test accuracy (not used to choose)" in said) == (0, True), error
    with StudyStore.open(out) as store:
        assert {opening["split"] for opening in store.openings()} == {"test"}


def test_the_environment_is_not_stored(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hf_verysecret")
    for how, workers in ("state", 1), ("crash", 1), ("nothing", 2):
        out = tmp_path / how
        code = cli(*sweep(out, "--workers", workers, command=f"{TRAIN} --how {how}", rates="1e-3"))[0]
        assert code == int(how != "state")
        cli("report", out)
        files = [path for path in out.rglob("*") if path.is_file()]
        assert out / "study.db" in files
        for path in files:
            assert b"hf_verysecret" not in path.read_bytes(), path


def test_processes_give_what_one_process_gives(tmp_path: Path, cli: Cli) -> None:
    here = cli(*sweep(tmp_path / "a", seeds=2))
    there = cli(*sweep(tmp_path / "b", "--workers", "2", seeds=2))
    assert here[1].replace(str(tmp_path / "a"), "") == there[1].replace(str(tmp_path / "b"), "")
    values = json.loads(cli("report", tmp_path / "b", "--json")[1])
    assert values["choice"]["first"] == "lr 1e-3"


def test_a_wrong_command_is_mended_while_nothing_has_finished(tmp_path: Path, cli: Cli) -> None:
    out = tmp_path / "s"
    code, _, error = cli(*sweep(out, command=f"{TRAIN} --how crash", rates="1e-5,1e-4,1e-3,1e-2"))
    assert (code, "the first 3 runs failed alike" in error) == (2, True), error
    code, said, error = cli("sweep", "--resume", out, "--command", TRAIN)
    assert (code, "Use lr" in said) == (0, True), error
    code, _, error = cli("sweep", "--resume", out, "--command", TRAIN)
    assert (code, "a study keeps its training: 4 of its runs have finished" in error) == (2, True), error


def test_a_script_that_changed_is_another_training(tmp_path: Path, cli: Cli) -> None:
    script = tmp_path / "my train.py"
    script.write_text("raise SystemExit(1)\n", encoding="utf-8")
    command = TRAIN.replace(SCRIPT.as_posix(), f"'{script.as_posix()}'")
    out = tmp_path / "s"
    assert cli(*sweep(out, command=command))[0] == 1
    checkpoint = out / "trials" / "0001" / "work" / "checkpoint"
    (checkpoint / "of the one before").touch()
    script.write_text(SCRIPT.read_text(encoding="utf-8"), encoding="utf-8")  # mended, since nothing has finished
    code, said, error = cli("sweep", "--resume", out)
    assert (code, "Use lr 1e-3" in said) == (0, True), error
    assert "note: runs are compared by dev accuracy, of which larger is better; measured too: loss" in error
    aside = checkpoint.parent.with_name("work.unusable-1") / "checkpoint"
    assert [path.name for path in aside.iterdir()] == ["of the one before"], "it is not gone on from"
    script.write_text(SCRIPT.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    code, _, error = cli("sweep", "--resume", out, "--seeds", "2")
    assert (code, "my train.py changed since" in error) == (2, True), error


@pytest.mark.parametrize(("name", "way_out"), [("learning_rate", "write {lr}"), ("output_dir", "write {out}")])
def test_other_names_of_placeholders_are_understood(tmp_path: Path, cli: Cli, name: str, way_out: str) -> None:
    code, _, error = cli(*sweep(tmp_path / "s", command=f"{TRAIN} {{{name}}}"))
    assert (code, way_out in error) == (2, True), error


def test_a_configuration_of_the_built_in_training_is_not_swept_as_a_command(tmp_path: Path, cli: Cli) -> None:
    config = tmp_path / "builtin.toml"
    config.write_text('[data]\ntrain = "a"\ndev = "b"\n[model]\nmodel = "m"\n[trial]\npeak_rate = 1e-3\n')
    for more in (("--command", TRAIN), ("--metric", "f1"), ("--set", "width=8"), ("--minimize",)):
        code, _, error = cli("sweep", "--config", config, *more, "--lr", "1e-3", "--out", tmp_path / "s")
        assert (code, error.count("\n")) == (2, 1), error
        said = f"a study of the built-in training: got it with {more[0]}, of a training of your own; leave one of them"
        assert said in error
    assert not (tmp_path / "s").exists()


def test_a_configuration_of_a_command_is_not_swept_or_fine_tuned_as_the_built_in_training(
    tmp_path: Path, cli: Cli
) -> None:
    saved = tmp_path / "study.toml"
    assert cli(*sweep(tmp_path / "s", "--save-config", saved))[0] == 0
    code, _, error = cli("sweep", "--config", saved, "--model", "m", "--out", tmp_path / "s")
    assert (code, "--model is a setting of the built-in training: got it with the study of a command" in error) == (
        2, True,
    ), error  # fmt: skip
    code, _, error = cli("finetune", "--config", saved, "--out", tmp_path / "s")
    assert (code, "this is for studies of the built-in training" in error) == (2, True), error
    assert not (tmp_path / "s").exists()
