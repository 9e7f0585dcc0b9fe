"""Numerics: what `auto` comes to, by the processor and the shapes alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.conftest import TINY, Toy

from lrscope.config import NumericsConfig
from lrscope.config.numerics import Numerics
from lrscope.errors import ConfigError
from lrscope.models.precision import dtype_named
from lrscope.runners import finetune
from lrscope.training import numerics
from lrscope.training.study_inputs import load_inputs

AUTO = NumericsConfig(device="cpu", threads=1)


def test_what_is_asked_for_is_what_is_decided() -> None:
    asked = NumericsConfig(device="cpu", precision="bfloat16", threads=1, batching="random")
    decided = numerics.decide(asked, TINY, "native")
    assert (decided.device, decided.precision, decided.threads, decided.batching) == ("cpu", "bfloat16", 1, "random")
    assert dtype_named(decided.precision) == torch.bfloat16
    assert decided.torch == torch.__version__


@pytest.mark.parametrize("dim", [64, 128, 288, 512])
@pytest.mark.parametrize("multiplies", [True, False])
def test_auto_goes_by_the_processor_and_the_width(monkeypatch: pytest.MonkeyPatch, dim: int, multiplies: bool) -> None:
    monkeypatch.setattr(numerics, "processor_multiplies_bfloat16", lambda: multiplies)
    decided = numerics.decide(AUTO, replace(TINY, dim=dim), "native")
    assert decided.precision == ("bfloat16" if multiplies and dim >= 128 else "float32")


def test_other_implementations_stay_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numerics, "processor_multiplies_bfloat16", lambda: True)
    assert numerics.decide(AUTO, None, "transformers").precision == "float32"


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="reads /proc/cpuinfo")
def test_an_older_torch_reads_the_processors_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    known = numerics.processor_multiplies_bfloat16()
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert numerics.processor_multiplies_bfloat16() == known


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match="device cuda needs a GPU"):
        numerics.decide(NumericsConfig(device="cuda"), TINY, "native")


def test_numerics_of_version_0_1_are_read() -> None:
    stored = {
        "device": "cpu", "precision": "float32", "threads": 2, "batching": "bucketed", "implementation": "native",
        "code": "0.1.0",
    }  # fmt: skip
    assert Numerics.from_dict(stored).torch == ""
    assert Numerics.from_dict({**stored, "torch": "2.6.0", "later": 1}).torch == "2.6.0"


def test_a_study_keeps_its_numerics_and_says_where_torch_is_another(toy: Toy, tmp_path: Path) -> None:
    with finetune.begin(toy.config(epochs=1), tmp_path / "run") as run:
        stored = Numerics.from_dict(run.store.numerics)
        assert stored == run.inputs.numerics
        assert not any("torch" in note for note in run.inputs.data.notes)
    notes = load_inputs(toy.config(), replace(stored, torch="2.0.1")).data.notes
    assert any("began with torch 2.0.1" in note for note in notes)
    assert not any("torch" in note for note in load_inputs(toy.config(), replace(stored, torch="")).data.notes)
