"""Files that people have, as `../shared/field/EXPECTED.md` says what a careful person would say of each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cli

FIELD = Path(__file__).parents[2] / "shared" / "field"
MODEL = FIELD.parent / "models" / "stories260K-hf"
pytestmark = pytest.mark.skipif(not FIELD.is_dir(), reason="the field cases are not there")


class Said:
    """What `lrscope report` said of files: its exit code, its lines, and its values."""

    def __init__(self, cli: Cli, folder: Path, pattern: str, *options: str) -> None:
        files = sorted(FIELD.glob(pattern))
        assert files, pattern
        self.code, self.out, self.err = cli("report", *files, *options, "--out", folder / "words")
        self.text = self.out + self.err
        self.comparisons: list[dict[str, Any]] = []
        if self.code == 0:
            _, out, _ = cli("report", *files, *options, "--json", "--out", folder / "values")
            values = json.loads(out)
            self.comparisons = values.get("comparisons", [values])

    @property
    def only(self) -> dict[str, Any]:
        """The only comparison."""
        (comparison,) = self.comparisons
        return comparison

    @property
    def run(self) -> dict[str, Any]:
        """The only run of all."""
        (run,) = [run for each in self.comparisons for run in each["runs"]]
        return dict(run)

    def last(self, metric: str) -> list[float | None]:
        """Return the last value of a metric on dev, of all runs."""
        return [run["epochs"][-1]["dev"].get(metric) for each in self.comparisons for run in each["runs"]]


@pytest.fixture
def said(cli: Cli, tmp_path: Path) -> Any:
    return lambda pattern, *options: Said(cli, tmp_path, pattern, *options)


def test_02_a_rate_that_decays_is_one_run(said: Any) -> None:
    told = said("02-*")
    assert (told.code, told.err, told.run["rate"]) == (0, "", 0.05)
    assert (told.only["metric"]["name"], told.last("top1")) == ("top1", [86.0])


def test_03_two_data_sets_have_no_winner(said: Any) -> None:
    told = said("03-*")
    assert told.code == 0
    assert "different dev sets" in told.out
    assert "data/sst-dev.txt (1101 examples)" in told.out
    assert "data/cfimdb-dev.txt (245 examples)" in told.out
    assert [each["choice"]["is_recommended"] for each in told.comparisons] == [False, False]
    assert told.last("acc") == [0.414, 0.502]


def test_06_one_row_a_run(said: Any) -> None:
    told = said("06-*")
    assert told.code == 0
    assert (len(told.only["arms"]), len(told.only["runs"])) == (16, 16)
    assert told.only["metric"] == {"name": "loss_mean", "direction": "minimize"}
    assert all(len(run["epochs"]) == 1 for run in told.only["runs"])


def test_07_logits_are_no_metric(said: Any) -> None:
    told = said("07-*")
    assert told.only["metric"] == {"name": "rewards/accuracies", "direction": "maximize"}
    assert told.last("rewards/accuracies") == [pytest.approx(0.871, abs=5e-4)]


def test_08_entropy_is_no_metric(said: Any) -> None:
    assert said("08-*").only["metric"] == {"name": "loss", "direction": "minimize"}


def test_09_the_length_of_what_was_generated_is_no_metric(said: Any) -> None:
    told = said("09-*")
    assert told.only["metric"] == {"name": "rouge1", "direction": "maximize"}
    assert (told.only["choice"]["first"], told.last("rouge1")) == ("lr 2e-6", [30.4775, 24.1])


def test_11_the_peak_was_never_logged(said: Any) -> None:
    assert said("11-*").run["rate"] == 3e-5


def test_12_by_what_both_have(said: Any) -> None:
    told = said("12-*")
    assert {each["metric"]["name"] for each in told.comparisons} == {"loss"}
    values = [arm["value"] for each in told.comparisons for arm in each["arms"]]
    assert values == [pytest.approx(0.389, abs=5e-4), pytest.approx(0.288, abs=5e-4)]


def test_13_dev_sets_of_two_and_three_examples(said: Any) -> None:
    told = said("13-*")
    assert "different dev sets, which cannot be compared: 2 examples; 3 examples" in told.out
    assert len(told.comparisons) == 2


def test_14_other_steps_are_another_setting(said: Any) -> None:
    told = said("14-*")
    assert len(told.only["arms"]) == 2
    assert ("375" in told.out, "96" in told.out) == (True, True)


def test_15_a_quoted_line_is_no_run(said: Any) -> None:
    told = said("15-*")
    assert (len(told.run["epochs"]), told.only["arms"][0]["sd"]) == (3, None)


def test_16_a_crashed_first_attempt(said: Any) -> None:
    told = said("16-*")
    assert not told.only["choice"]["is_recommended"]
    unfinished = [run for run in told.only["runs"] if run["status"] == "interrupted"]
    assert [len(run["epochs"]) for run in unfinished] == [1]
    assert "Use " not in told.out


def test_17_a_nan_evaluation_is_divergence(said: Any) -> None:
    told = said("17-*")
    assert {run["rate"]: run["status"] for run in told.only["runs"]} == {1e-4: "diverged", 2e-5: "completed"}


def test_18_llamafactory(said: Any) -> None:
    told = said("18-*")
    assert (told.code, len(told.run["epochs"])) == (0, 13)
    assert told.run["rate"] == 1e-4
    assert "dev_loss" not in told.text


@pytest.mark.parametrize("number", ["19", "20", "22", "25", "32"])
def test_what_holds_no_evaluation(said: Any, number: str) -> None:
    told = said(f"{number}-*")
    assert "No evaluation on a dev set was found in" in told.text
    assert not any(run["epochs"] for each in told.comparisons for run in each["runs"])
    assert "dev_" not in told.text


def test_20_nulls_are_no_second_run(said: Any) -> None:
    assert said("20-*").run["rate"] == pytest.approx(5e-5)


def test_21_trainer_console(said: Any) -> None:
    told = said("21-*")
    assert told.run["rate"] == 2e-4
    assert (told.run["epochs"][-1]["epoch"], told.last("loss")) == (3.0, [pytest.approx(0.389, abs=5e-4)])


def test_22_quoted_numbers_are_read(said: Any) -> None:
    told = said("22-*")
    assert told.run["rate"] is not None


def test_23_axolotl_console(said: Any) -> None:
    told = said("23-*")
    assert len(told.run["epochs"]) == 1
    assert told.run["rate"] == pytest.approx(2e-4, rel=0.03)


def test_24_nanogpt(said: Any) -> None:
    told = said("24-*")
    values = {point["step"]: point["dev"]["loss"] for point in told.run["epochs"]}
    assert values[800] == pytest.approx(1.61, abs=0.005)
    assert told.last("loss") == [pytest.approx(4.27, abs=0.005)]
    kinds = {finding["kind"] for finding in told.only["findings"]}
    assert kinds & {"overfitting", "dev-loss-rises"}, kinds


def test_26_lightning(said: Any) -> None:
    told = said("26-*")
    assert told.run["epochs"][0]["dev"]["loss"] == pytest.approx(2.394, abs=5e-4)
    assert "dev_train_loss" not in told.text


def test_27_training_accuracy_is_not_dev(said: Any) -> None:
    told = said("27-*")
    assert "dev_accuracy" not in told.text
    if told.code == 0:
        assert told.last("accuracy") == [pytest.approx(0.9404, abs=5e-4)]


def test_28_bare_columns_are_asked_for(said: Any) -> None:
    told = said("28-*")
    assert told.code == 2
    assert "dev_accuracy" in told.err


def test_29_optuna(said: Any) -> None:
    told = said("29-*", "--maximize")
    assert len(told.only["arms"]) == 3
    assert sorted(run["rate"] for run in told.only["runs"]) == pytest.approx([2.266e-6, 3.49e-6, 3.42e-5], rel=1e-3)
    asked = said("29-*")
    assert asked.code == 2
    assert "--maximize" in asked.err


def test_30_ray(said: Any) -> None:
    told = said("30-*")
    assert (told.run["rate"], told.run["seed"], told.last("accuracy")) == (3e-5, 8, [0.76])


def test_31_keras_console(said: Any) -> None:
    told = said("31-*")
    assert (told.only["metric"]["name"], told.last("accuracy")) == ("accuracy", [0.861])
    assert told.run["epochs"][-1]["epoch"] == 3


SCRIPTS = {
    "B03": ("OneCycleLR raises after 101 of 105 updates", 7),
    "B04": ("the batches ended after 8 steps", 7),
    "B05": ("5e-05", 0),
    "B06": ("ConfigError", 2),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts(name: str) -> None:
    (script,) = FIELD.glob(f"{name}_*.py")
    environment = {**os.environ, "MODEL": str(MODEL), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, env=environment, check=False, timeout=300
    )
    assert ended.returncode == 0, ended.stderr
    words, number = SCRIPTS[name]
    assert words in ended.stdout
    if name == "B05":
        first, second = ended.stdout.strip().splitlines()[-2:]
        assert first == second
    else:
        assert ended.stdout.count("ConfigError" if name != "B03" else "-> ['error") >= number


def test_b07_a_bare_share_of_a_warmup(cli: Cli) -> None:
    code, _, error = cli("schedule", "check", "warmup(0.1) > cosine", "--epochs", "3", "--steps-per-epoch", "100")
    assert code == 2
    assert error.index("10%") < error.index("0.1ep")
