"""The commands a user types, on toy files: what they print, write, and refuse."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tests.conftest import Cli, Toy

from lrscope.cli.app import COMMANDS, GROUPS
from lrscope.config import StudyConfig
from lrscope.store.study import StudyStore

ALL = [[name] for name in COMMANDS] + [[group, name] for group, (_, names) in GROUPS.items() for name in names]
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def fresh(toy: Toy, tmp_path: Path, cli: Cli) -> Path:
    """A finished run."""
    code, _, err = cli("finetune", *toy.options("--out", tmp_path / "run"))
    assert code == 0, err
    return tmp_path / "run"


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['lrscope', '--help']\n"
        "from lrscope.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'matplotlib', 'pyarrow', 'scipy', 'tokenizers'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "finetune" in done.stdout


@pytest.mark.parametrize("command", ALL, ids=" ".join)
def test_every_help_has_an_example_whose_options_exist(command: list[str], cli: Cli) -> None:
    code, out, _ = cli(*command, "--help")
    assert code == 0
    example = out.split("Example:")[1].split("\n\n")[1]
    assert f"lrscope {' '.join(command)}" in example
    known = set(re.findall(r"--[a-z0-9-]+", out.split("Example:")[1].split("\n\n", 2)[2]))
    assert {option.replace("_", "-") for option in re.findall(r"--[a-z0-9_-]+", example)} <= known


def test_version_and_no_arguments(cli: Cli) -> None:
    assert cli("--version")[1].startswith("lrscope ")
    code, out, err = cli()
    assert "finetune" in out + err
    assert code == 2


def test_finetune_as_json(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    code, out, _ = cli("finetune", *toy.options("--out", tmp_path / "run", "--json"))
    assert code == 0
    result = json.loads(out)
    assert result["status"] == "completed"
    assert (result["step"], result["total_steps"]) == (12, 12)
    assert result["schedule"] == "warmup(6%) > linear"
    assert {e["split"] for e in result["evaluations"]} == {"train", "dev"}
    assert (tmp_path / "run" / "curves.png").read_bytes().startswith(PNG)


def test_dashes_and_underscores_alike(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    options = [
        option.replace("--batch-size", "--batch_size").replace("--label-names", "--label_names")
        for option in toy.options()
    ]
    code, _, _ = cli("finetune", *options, "--weight_decay", "0.1", "--out", tmp_path / "run", "--json")
    assert code == 0
    with StudyStore.open(tmp_path / "run") as store:
        assert store.config.trial.weight_decay == 0.1
        assert store.config.trial.batch_size == 8


def test_schedule_and_warmup_together(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    for number, (options, text) in enumerate(
        [
            (["--schedule", "cosine"], "warmup(6%) > cosine"),
            (["--schedule", "warmup(1ep) > cosine"], "warmup(1ep) > cosine"),
            (["--schedule", "cosine", "--warmup", "2st"], "warmup(2st) > cosine"),
            (["--schedule", "step(1ep)", "--warmup", "0"], "step(every=1ep, gamma=0.1)"),
        ]
    ):
        _, out, _ = cli("finetune", *toy.options("--out", tmp_path / str(number), "--json", *options))
        assert json.loads(out)["schedule"] == text
    code, _, err = cli(
        "finetune", *toy.options("--out", tmp_path / "x", "--schedule", "warmup(1ep) > cosine", "--warmup", "6%")
    )
    assert code == 2
    assert "one warmup" in err


def test_the_config_file_reruns_the_trial(fresh: Path, tmp_path: Path, cli: Cli) -> None:
    code, _, err = cli("finetune", "--config", fresh / "config.toml", "--out", tmp_path / "again")
    assert code == 0, err
    with StudyStore.open(fresh) as one, StudyStore.open(tmp_path / "again") as other:
        assert one.steps(1)["loss"].tolist() == other.steps(1)["loss"].tolist()
    _, out, _ = cli("finetune", "--config", fresh / "config.toml", "--seed", "5", "--out", tmp_path / "more", "--json")
    assert json.loads(out)["seed"] == 5


def test_resuming_what_is_over_says_how_it_ended(fresh: Path, cli: Cli) -> None:
    code, out, _ = cli("finetune", "--resume", fresh)
    assert code == 0
    assert "dev accuracy" in out
    code, _, err = cli("finetune", "--resume", fresh, "--lr", "1e-4")
    assert code == 2
    assert "keeps its settings: got --lr" in err


def test_evaluate_and_predict(fresh: Path, toy: Toy, tmp_path: Path, cli: Cli) -> None:
    _, out, _ = cli("evaluate", "--run", fresh, "--data", toy.dev, "--json")
    measured = json.loads(out)
    with StudyStore.open(fresh) as store:
        best = [r for r in store.evaluations(1, "dev") if r.improved][-1]
    assert measured["metrics"]["accuracy"] == pytest.approx(best.metrics["accuracy"])
    assert not measured["opened_test"]
    _, _, err = cli("evaluate", "--run", fresh, "--data", toy.test)
    assert "the opening was recorded" in err
    sentences = tmp_path / "sentences.txt"
    sentences.write_text("the film is good\n\nnaïve – 映画\n", encoding="utf-8")
    code, _, _ = cli("predict", "--run", fresh, "--input", sentences, "--output", tmp_path / "predictions.tsv")
    assert code == 0
    rows = [line.split("\t") for line in (tmp_path / "predictions.tsv").read_text(encoding="utf-8").splitlines()]
    assert rows[0] == ["prediction", "bad", "mixed", "good"]
    assert len(rows) == 4
    for row in rows[1:]:
        probabilities = [float(value) for value in row[1:]]
        assert sum(probabilities) == pytest.approx(1.0, abs=1e-5)
        assert row[0] == rows[0][1 + probabilities.index(max(probabilities))]
    _, out, _ = cli("predict", "--run", fresh, "--input", sentences, "--json", "--checkpoint", "last")
    assert [p["label"] in rows[0] for p in json.loads(out)["predictions"]] == [True] * 3


def test_unlabelled_test_sentences_get_a_table(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    toy.test.write_text("-1 ||| the film\n-1 ||| a dull story\n", encoding="utf-8")
    code, out, err = cli("finetune", *toy.options("--out", tmp_path / "run"))
    assert code == 0
    assert "2 of 2 test sentences have no label" in err
    assert "test-predictions.tsv" in out
    assert len((tmp_path / "run" / "test-predictions.tsv").read_text(encoding="utf-8").splitlines()) == 3


def test_score_test(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    _, out, _ = cli("finetune", *toy.options("--out", tmp_path / "run", "--score-test"))
    assert "test after step 12: loss" in out


def test_train_takes_a_file_and_a_part(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    code, _, _ = cli("finetune", *toy.options("--train", "head", "--out", tmp_path / "run"))
    assert code == 0
    with StudyStore.open(tmp_path / "run") as store:
        assert store.config.trial.train_part == "head"
        assert store.config.data.train == str(toy.train)


def run_llama(toy: Toy, folder: Path, option: str, *more: object) -> list[object]:
    kind = "prompting" if option == "prompt" else "finetuning"
    return [
        "run-llama", "--option", option, "--train", toy.train, "--dev", toy.dev, "--test", toy.test,
        "--label-names", toy.names, "--pretrained-model-path", toy.model, "--batch_size", "8", "--threads", "1",
        "--dev_out", folder / f"toy-dev-{kind}-output.txt", "--test_out", folder / f"toy-test-{kind}-output.txt", *more,
    ]  # fmt: skip


def test_run_llama_finetune(toy: Toy, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = cli(*run_llama(toy, tmp_path, "finetune", "--epochs", "2", "--lr", "1e-3", "--out", "run"))
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0].startswith("args: {")
    assert f"load 43 data from {toy.train}" in lines
    number = r"\d\.\d{3}"
    epochs = [line for line in lines if line.startswith("epoch ")]
    assert len(epochs) == 2
    assert re.fullmatch(rf"epoch 0: train loss :: {number}, train acc :: {number}, dev acc :: {number}", epochs[0])
    assert re.fullmatch(rf"dev acc :: {number}", lines[-3]) or any(
        re.fullmatch(rf"dev acc :: {number}", li) for li in lines
    )
    assert any(re.fullmatch(rf"test acc :: {number}", line) for line in lines)
    written = (tmp_path / "toy-dev-finetuning-output.txt").read_text(encoding="utf-8").splitlines()
    sentences = [line.split(" ||| ", 1)[1] for line in toy.dev.read_text(encoding="utf-8").splitlines()]
    assert [line.split(" ||| ", 1)[1] for line in written] == sentences
    stored = torch.load(tmp_path / "finetune-2-0.001.pt", weights_only=True)
    assert "layers.0.attention.compute_query.weight" in stored["model"]
    with StudyStore.open(tmp_path / "run") as store:
        # The rate is constant, and the printed numbers are that program's: train loss as Σ sums / batch size.
        assert set(store.steps(1)["learning_rate"].tolist()) == {1e-3}
        steps = store.steps(1)[:6]
        expected = sum(s["loss"] * s["count"] / 8 for s in steps) / 6
        assert epochs[0].startswith(f"epoch 0: train loss :: {expected:.3f}")
        full = store.evaluations(1, "train-full")[0].metrics["accuracy"]
        assert f"train acc :: {full:.3f}" in epochs[0]
        best = max(r.metrics["accuracy"] for r in store.evaluations(1, "dev"))
        assert f"dev acc :: {best:.3f}" in lines
        assert [o["asked_by"] for o in store.openings()] == ["run-llama"]


def test_run_llama_prompt_and_generate(toy: Toy, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = cli(*run_llama(toy, tmp_path, "prompt"))
    assert code == 0, err
    assert re.search(r"^dev acc :: \d\.\d{3}$", out, re.MULTILINE)
    assert len((tmp_path / "toy-test-prompting-output.txt").read_text(encoding="utf-8").splitlines()) == 11
    code, out, _ = cli(*run_llama(toy, tmp_path, "generate"))
    assert code == 0
    assert "Temperature is 0.0" in out
    assert (tmp_path / "generated-sentence-temp-1.txt").is_file()


def test_run_llama_file_name_rule(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    arguments = run_llama(toy, tmp_path, "finetune", "--dev_out", "wrong.txt")
    code, _, err = cli(*arguments)
    assert code == 2
    assert "dev-finetuning-output.txt" in err


def test_a_fine_tune_of_a_sweep_s_configuration_is_one_of_its_runs(tmp_path: Path, toy: Toy, cli: Cli) -> None:
    swept, inputs = tmp_path / "sweep.toml", ("--model", toy.model, "--train", toy.train, "--dev", toy.dev)
    asked = ("--lr", "1e-4,1e-3", "--batch-size", "8,16", "--epochs", "1", "--seeds", "2", "--save-config", swept)
    assert cli("sweep", *inputs, *asked)[0] == 0
    code, _, error = cli("finetune", "--config", swept, "--lr", "1e-3", "--out", tmp_path / "run")
    said = "a fine-tune is one run, and {} compares values of --batch-size: got none; choose one"
    assert (code, said.format(swept) in error) == (2, True), error
    code, _, error = cli("finetune", "--config", swept, "--lr", "1e-3", "--batch-size", "16", "--out", tmp_path / "run")
    assert code == 0, error
    study = StudyConfig.from_toml(tmp_path / "run" / "config.toml")
    assert (study.trial.peak_rate, study.trial.batch_size, study.sweep) == (1e-3, 16, None)
