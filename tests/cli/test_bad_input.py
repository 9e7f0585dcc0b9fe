"""Bad input: one clear line, exit code 2, never a traceback, nothing lost."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.conftest import Cli, Toy


def refused(result: tuple[int, str, str]) -> str:
    code, out, err = result
    assert code == 2, err
    assert out == ""
    lines = err.strip().splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("lrscope: ")
    assert "Traceback" not in err
    return lines[0]


OPTIONS = [
    (["--lr", "0"], "--lr must be a positive number: got 0; try 1e-4"),
    (["--lr", "-1e-3"], "--lr must be a positive number"),
    (["--lr", "nan"], "--lr must be a positive number: got nan"),
    (["--lr", "inf"], "--lr must be a positive number"),
    (["--lr", "fast"], "'fast'"),
    (["--batch-size", "0"], "--batch-size must be at least 1: got 0"),
    (["--epochs", "0"], "--epochs must be at least 1"),
    (["--micro-batch", "99"], "--micro-batch must be from 1 to the batch size of 8"),
    (["--schedule", "cosin"], "did you mean cosine"),
    (["--warmup", "100"], "write 100%, 100ep or 100st"),
    (["--warmup", "600st"], "warmup must be shorter than the run: got warmup(600st) in a run of 12 steps"),
    (["--dropout", "1"], "--dropout must be from 0 to below 1"),
    (["--label-smoothing", "-0.1"], "--label-smoothing"),
    (["--clip-norm", "-1"], "--clip-norm must be 0 or more"),
    (["--weight-decay", "nan"], "--weight-decay"),
    (["--patience", "0"], "--patience"),
    (["--seed", "-1"], "--seed"),
    (["--seed", "99999999999999999999999"], "--seed must be from 0 to below 2^63"),
    (["--text-column", "a", "--label-column", "a"], "--text-column and --label-column must be two columns"),
    (["--threads", "0"], "--threads"),
    (["--precision", "half"], "--precision is one of auto, float32, bfloat16: got 'half'"),
    (["--device", "tpu"], "--device is one of auto, cpu, cuda"),
    (["--batching", "sorted"], "--batching is one of bucketed, random"),
    (["--on-long", "ignore"], "--on-long is one of cut, error"),
    (["--max-tokens", "1"], "--max-tokens must be at least 2"),
    (["--max-tokens", "999"], "must not exceed the model's context of 48"),
    (["--train", "tail"], "--train takes one value"),
    (["--train-part", "tail"], "--train-part is one of full, lora, head: got 'tail'"),
    (["--threads", "1000000"], "--threads must be at most 1,024"),
    (["--epochs", "1e999"], "--epochs must be a whole number"),
    (["--lr", "1e308"], "--lr must be at most 1e+38"),
    (["--dev", ""], "--dev must not be empty"),
    (["--no-such-option"], "No such option"),
    (["--learning_rate", "1e-3"], "No such option: --learning-rate; type --lr (see"),
    (["--lr", "1e-4", "0.001"], 'a list of values is one word, in quotes in PowerShell: "1e-4,1e-3" (see'),
    (["--model", "./none"], "no such model"),
    (["--tokenizer", "none.model"], "no such tokenizer"),
    (["--dev", "none.txt"], "no such file"),
    (["--dev", "0.1"], "--dev is a file, or a share of the training examples in percent: got 0.1; write 10%"),
    (["--dev", "10"], "got 10; write 10%"),
    (["--lora-rank", "8"], "--lora-rank belongs to --train-part lora: got full; add --train-part lora"),
    (["--label-names", "none.json"], "no such file"),
    (["--config", "none.toml"], "cannot read the configuration"),
    (["--resume", "none"], "holds no study to resume"),
    (["--resume", "none", "--score-test"], "lrscope evaluate scores a finished run"),
]
if not torch.cuda.is_available():
    OPTIONS.append((["--device", "cuda"], "--device cuda needs a GPU"))


@pytest.mark.parametrize(("options", "says"), OPTIONS, ids=[" ".join(o) for o, _ in OPTIONS])
def test_options(options: list[str], says: str, toy: Toy, tmp_path: Path, cli: Cli) -> None:
    arguments = options if options[0] == "--resume" else toy.options("--out", str(tmp_path / "run"), *options)
    assert says in refused(cli("finetune", *arguments))
    assert not (tmp_path / "run").exists()


def test_all_problems_at_once(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    line = refused(cli("finetune", *toy.options("--lr", "0", "--epochs", "0", "--dropout", "2")))
    assert all(option in line for option in ("--lr", "--epochs", "--dropout"))


def test_what_is_missing_is_named(cli: Cli) -> None:
    assert "--model, --train, --dev, --lr" in refused(cli("finetune"))
    assert "--run" in refused(cli("evaluate", "--data", "x"))
    assert "no study" in refused(cli("evaluate", "--run", "none", "--data", "x"))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "must hold at least one example: got an empty file"),
        (b"0 ||| fine\nno bars here\n", "train.txt:2: a line is `label ||| sentence`: got 'no bars here'"),
        (b"0 ||| fine\none ||| fine\n", "train.txt:2: a label must be an integer"),
        (b"0 ||| fine\n9 ||| fine\n", "train.txt:2: a label must have a name"),
        (b"0 ||| fine\n1 ||| caf\xe9\n", "train.txt:2: text must be UTF-8: got byte 0xe9"),
        (b"0 ||| a\n1 ||| b\n", "class 'good' appears in dev but never in"),
    ],
)
def test_examples(content: bytes, says: str, toy: Toy, cli: Cli) -> None:
    toy.train.write_bytes(content)
    assert says in refused(cli("finetune", *toy.options()))


def test_a_sentence_that_is_too_long(toy: Toy, cli: Cli) -> None:
    toy.train.write_text(toy.train.read_text() + "0 ||| " + "long " * 99 + "\n", encoding="utf-8")
    line = refused(cli("finetune", *toy.options("--on-long", "error")))
    assert "train.txt:44: a sentence must fit the context of 48 tokens" in line


def spoil_config(model: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "vocab_size": 32000}))


def truncate(model: Path) -> None:
    file = model / "model.safetensors"
    file.write_bytes(file.read_bytes()[:999])


@pytest.mark.parametrize(
    ("spoil", "says"), [(spoil_config, "must have the shape"), (truncate, "not safetensors that can be read")]
)
def test_models(spoil: Callable[[Path], None], says: str, toy: Toy, tmp_path: Path, cli: Cli) -> None:
    import shutil

    model = tmp_path / "model"
    shutil.copytree(toy.model, model)
    spoil(model)
    assert says in refused(cli("finetune", *toy.options("--model", str(model))))


def test_an_output_folder_that_holds_another_study(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    options = toy.options("--out", str(tmp_path / "run"))
    assert cli("finetune", *options)[0] == 0
    before = (tmp_path / "run" / "study.db").read_bytes()
    assert "holds a study already; go on with --resume" in refused(cli("finetune", *options))
    assert (tmp_path / "run" / "study.db").read_bytes() == before


def test_an_output_folder_that_cannot_be_made(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "file").write_text("in the way")
    assert "file" in refused(cli("finetune", *toy.options("--out", str(tmp_path / "file"))))
    assert "cannot write" in refused(cli("finetune", *toy.options("--out", str(tmp_path / "file" / "run"))))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lrscope.errors import StudyError
    from lrscope.files import replacing

    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(StudyError, match="No space left on device; free some space"), replacing(target) as temporary:
        temporary.symlink_to("/dev/full")
        temporary.write_text("x" * 100_000)
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_disk_that_fills_up_during_a_run_loses_nothing(
    toy: Toy, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lrscope.errors import StudyError
    from lrscope.training import trial_snapshots

    real, calls = trial_snapshots.write_snapshot, 0

    def full(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise StudyError("cannot write the snapshot: No space left on device; free some space")
        return real(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(trial_snapshots, "write_snapshot", full)
        code, _, err = cli("finetune", *toy.options("--out", str(tmp_path / "run")))
    assert code == 2
    assert "No space left" in err.strip().splitlines()[-1]
    assert cli("finetune", "--resume", tmp_path / "run")[0] == 0


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT to a process")
def test_ctrl_c_leaves_a_trial_that_resumes(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    import signal
    import time

    command = [
        sys.executable,
        "-m",
        "lrscope",
        "finetune",
        *toy.options("--epochs", "4000", "--out", str(tmp_path / "run")),
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    while process.poll() is None and not (tmp_path / "run" / "best").is_dir():
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "go on with: lrscope finetune --resume" in err
    assert "Traceback" not in err
    from lrscope.store.study import StudyStore

    with StudyStore.open(tmp_path / "run") as store:
        row = store.trial(1)
        assert row.status == "interrupted"
        assert len(store.steps(1)) == row.step > 0


def test_text_in_any_code_page(toy: Toy, tmp_path: Path) -> None:
    toy.dev.write_text("0 ||| naïve – 映画\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "lrscope", "run-llama", "--option", "generate"]
    command += ["--pretrained-model-path", str(toy.model), "--threads", "1"]
    done = subprocess.run(command, capture_output=True, env=environment, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")


@pytest.mark.parametrize(
    "options",
    [["--batch-size", "-1"], ["--batch-size", "0"], ["--max-sentence-len", "-5"], ["--max-sentence-len", "1"]],
)
def test_run_llama_never_scores_nothing(toy: Toy, tmp_path: Path, cli: Cli, options: list[str]) -> None:
    code, out, err = cli(
        "run-llama", "--option", "prompt", "--train", toy.train, "--dev", toy.dev, "--test", toy.test,
        "--label-names", toy.names, "--pretrained-model-path", toy.model,
        "--dev_out", tmp_path / "a-dev-prompting-output.txt", "--test_out", tmp_path / "a-test-prompting-output.txt",
        *options,
    )  # fmt: skip
    assert code == 2
    assert "dev acc" not in out
    assert err.startswith("lrscope: ")


def test_what_would_steer_a_terminal_is_shown(tmp_path: Path, cli: Cli) -> None:
    code, _, err = cli("report", tmp_path / "a\x1b[2J\u202eb.log")
    assert code == 2
    assert "\\u001b[2J\\u202eb" in err
    assert "\x1b" not in err


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            MemoryError("Unable to allocate 6.00 GiB for an array"),
            "Unable to allocate 6.00 GiB for an array; close other",
        ),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "--gradient-checkpointing"),
        (RecursionError(), "nested too deeply"),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), 'pip install "lrscope[train]"'),
        (OSError(28, "No space left on device", "a/b"), "a/b: No space left on device"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_the_machine_lacks(cli: Cli, monkeypatch: pytest.MonkeyPatch, error: Exception, says: str) -> None:
    def demo() -> None:
        raise error

    monkeypatch.setattr("lrscope.cli.demo.demo", demo)
    assert says in refused(cli("demo"))
