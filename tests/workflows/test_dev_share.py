"""`--dev 20%`: dev as a share of train, from the command line through training, resumption and the report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.conftest import Cli, Toy, toy_lines

from lrscope.errors import StudyError
from lrscope.runs.import_study import read_study
from lrscope.store.study import StudyStore
from lrscope.studies.same_settings import INPUT_PATHS, require_same_settings
from lrscope.training.study_inputs import load_inputs


def options(toy: Toy, *more: str) -> list[str]:
    given = toy.options("--split-seed", "3", *more)
    given[given.index("--dev") + 1] = "20%"
    return given


def test_a_fine_tune_is_resumed_on_the_same_examples(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    code, _, err = cli("finetune", *options(toy), "--out", tmp_path / "run")
    assert code == 0, err
    assert f"note: dev is 9 of the 43 examples in {toy.train}, drawn with split seed 3" in err
    assert "34 train, 9 dev, 11 test sentences" in err
    with StudyStore.open(tmp_path / "run") as store:
        kept = store.fingerprint
        assert len(store.evaluations(1, "dev", with_scores=True)[-1].scores["accuracy"].values) == 9
        assert store.task_state["baseline"]["accuracy"] > 0
        assert ("train", "dev", 0) in [tuple(each) for each in store.overlaps]
        inputs = load_inputs(store.config)  # type: ignore[arg-type]
    assert inputs.data.fingerprint == kept
    # The file may lie elsewhere, and the share stays what it is.
    moved = toy.train.with_name("moved.txt")
    toy.train.rename(moved)
    assert cli("finetune", "--resume", tmp_path / "run", "--train", moved)[0] == 0
    code, _, err = cli("finetune", "--resume", tmp_path / "run", "--train", moved, "--dev", "30%")
    assert (code, err) == (2, "lrscope: a study keeps its --dev of 20%: got 30%; leave it out\n")
    code, _, err = cli("finetune", "--resume", tmp_path / "run", "--train", moved, "--dev", toy.dev)
    assert "a study keeps its --dev of 20%" in err
    moved.write_text("\n".join(toy_lines(44, 1)) + "\n")
    code, _, err = cli("finetune", "--resume", tmp_path / "run", "--train", moved)
    assert code == 2
    assert "dev, train changed" in err


def test_a_sweep_and_its_report(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    asked = options(toy, "--epochs", "1")
    asked[asked.index("--lr") + 1] = "1e-3,3e-3"
    code, _, err = cli("sweep", *asked, "--out", tmp_path / "s", "--yes")
    assert code == 0, err
    with StudyStore.open(tmp_path / "s") as store:
        assert read_study(store).sizes["dev"] == 9
    code, _, err = cli("report", tmp_path / "s")
    assert code == 0, err
    page = (tmp_path / "s" / "report.md").read_text(encoding="utf-8")
    assert "20%" in page
    code, _, err = cli("evaluate", "--run", tmp_path / "s", "--data", toy.dev, "--trial", 1)
    assert code == 0, err


@pytest.mark.parametrize(
    ("dev", "says"),
    [
        ("0%", "a share of the training examples lies between 0% and 100%: got '0%'; write 10%, or name a file"),
        ("100%", "between 0% and 100%"),
        ("x%", "between 0% and 100%"),
    ],
)
def test_what_is_no_share_is_refused(dev: str, says: str, toy: Toy, tmp_path: Path, cli: Cli) -> None:
    asked = options(toy)
    asked[asked.index("--dev") + 1] = dev
    code, _, err = cli("finetune", *asked, "--out", tmp_path / "run")
    assert code == 2
    assert says in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_what_was_begun_on_one_share_is_not_gone_on_with_on_another(toy: Toy) -> None:
    config = toy.config()
    shares = [replace(config, data=replace(config.data, dev=dev)) for dev in ("20%", "40%", str(toy.dev))]
    for asked in shares[1:]:
        with pytest.raises(StudyError, match="s: this study was begun with dev 20%: got"):
            require_same_settings(Path("s"), shares[0], asked, moved=INPUT_PATHS, way_out="remove it")
    require_same_settings(Path("s"), config, shares[2], moved=INPUT_PATHS, way_out="remove it")
    assert "dev" not in shares[0].input_paths
    assert shares[0].inputs_named["dev"] == "20%"
    assert "split_seed" not in config.inputs_named
