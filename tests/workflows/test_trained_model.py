"""A trained model on other examples: of a run, of a study's trial, and of an exported folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import NAMES, Cli, Toy

from lrscope.errors import CheckpointError, ConfigError
from lrscope.workflows.export import export
from lrscope.workflows.finetune import finetune
from lrscope.workflows.trained_model import evaluate, predict


def test_an_exported_model_predicts_as_its_run_does(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    run, model, texts = tmp_path / "run", tmp_path / "model", tmp_path / "texts.txt"
    finetune(toy.config(epochs=2), run)
    export(run, model)
    texts.write_text("the film is good .\na dull story\n", encoding="utf-8")
    ours, exported = predict(run, texts), predict(model, texts)
    assert exported.names == ours.names == tuple(NAMES)
    assert exported.labels == ours.labels
    np.testing.assert_allclose(exported.probabilities, ours.probabilities, atol=1e-5)
    code, out, err = cli("predict", "--run", model, "--input", texts)
    assert (code, out.splitlines()[0].split("\t")[0]) == (0, "prediction"), err
    by_number = evaluate(model, toy.dev)
    assert by_number.metrics == pytest.approx(evaluate(run, toy.dev).metrics, abs=1e-5)
    by_name = tmp_path / "named.txt"
    lines = toy.dev.read_text(encoding="utf-8").splitlines()
    by_name.write_text("\n".join(NAMES[int(line[0])] + line[1:] for line in lines) + "\n", encoding="utf-8")
    assert evaluate(model, by_name).metrics == by_number.metrics
    # A folder outside of its study knows of no seal; the study's own does.
    assert not evaluate(model, toy.test).opened_test
    assert evaluate(run, toy.test).opened_test


def test_a_folder_that_holds_no_classifier(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("a film\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="predicted by a classifier"):
        predict(toy.model, texts)
    finetune(toy.config(epochs=1), tmp_path / "run")
    export(tmp_path / "run", tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**values, "architectures": ["LlamaModel"]}), encoding="utf-8")
    with pytest.raises(CheckpointError, match="holds no classifier and no language model"):
        predict(tmp_path / "model", texts)
    path.write_text(json.dumps({**values, "id2label": {"0": "bad", "2": "good"}}), encoding="utf-8")
    code, _, err = cli("predict", "--run", tmp_path / "model", "--input", texts)
    assert (code, "config.json must name the classes" in err, len(err.splitlines())) == (2, True, 1)
