"""What `import lrscope` offers, and what works where the built-in training is not installed."""

import subprocess
import sys
from pathlib import Path

import pytest

import lrscope

FIXTURES = Path(__file__).parent / "fixtures" / "v0.1"
TRAINING = ("torch", "transformers", "safetensors", "tokenizers", "sentencepiece", "huggingface_hub", "google")
WITHOUT_TRAINING = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {TRAINING!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
"""


def test_public_names() -> None:
    assert dir(lrscope) == sorted(lrscope.__all__) == [
        "Diverged", "RangeTest", "ScheduledLR", "Trial", "__version__", "load_study", "sweep", "tune", "write_report",
    ]  # fmt: skip
    for name in lrscope.__all__:
        assert getattr(lrscope, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'other'"):
        lrscope.other  # noqa: B018


def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
    code = f"{WITHOUT_TRAINING}\nfrom lrscope.cli.app import main\nmain(sys.argv[1:])"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_importing_loads_nothing_heavy() -> None:
    code = f"{WITHOUT_TRAINING}\nimport lrscope; assert 'numpy' not in sys.modules; lrscope.load_study"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["sweep", "--help"],
        ["status", FIXTURES / "done"],
        ["prior", "--model", "meta-llama/Llama-3.1-8B"],
        ["schedule", "show", "linear", "--epochs", "3", "--examples", "100", "--batch-size", "8", "--lr", "1e-3"],
        ["schedule", "check", "linear", "--epochs", "3", "--examples", "100", "--batch-size", "8", "--lr", "1e-3"],
    ],
    ids=lambda arguments: " ".join(map(str, arguments[:2])),
)
def test_without_the_training_packages(arguments: list[object]) -> None:
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("what", ["study", "log"])
def test_reports_without_the_training_packages(what: str, tmp_path: Path) -> None:
    log = tmp_path / "runs.csv"
    log.write_text("lr,seed,epoch,dev acc\n" + "".join(f"1e-{n},0,{e},0.{n}{e}\n" for n in (3, 4) for e in (1, 2)))
    done = run("report", FIXTURES / "done" if what == "study" else log, "--out", tmp_path / "report")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report" / "report.html").is_file()


def test_what_needs_the_training_packages_says_how_to_get_them(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("0 ||| a\n1 ||| b\n")
    done = run("finetune", "--model", "m", "--lr", "1e-3", "--train", tmp_path / "train.txt", "--dev", tmp_path / "d")
    assert done.returncode == 2, done.stderr
    assert 'pip install "lrscope[train]"' in done.stderr
    assert done.stderr.count("\n") == 1
