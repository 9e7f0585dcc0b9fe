"""What tests share: a tiny LLaMA with its tokenizer, toy sentences, and ../shared where it lies there."""

from __future__ import annotations

import dataclasses
import gc
import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from lrscope.cli.app import main
from lrscope.config import DataConfig, ModelConfig, NumericsConfig, StudyConfig, TrialConfig
from lrscope.models.checkpoint_writer import write_checkpoint
from lrscope.models.shape import LlamaShape
from lrscope.models.tokenizer_files import from_scored_pieces
from lrscope.models.tokenizers import TextTokenizer

if TYPE_CHECKING:
    from tests.sft import SftToy
    from tests.warm import WarmPython

SHARED = Path(__file__).resolve().parents[2] / "shared"

WORDS = {"0": ["dull", "bad", "slow"], "1": ["fair", "so-so", "plain"], "2": ["bright", "good", "fine"]}
NAMES = ["bad", "mixed", "good"]
TINY = LlamaShape(
    vocab_size=320, dim=16, num_layers=2, num_heads=4, num_kv_heads=2, head_dim=4, hidden_dim=24,
    max_positions=48, norm_eps=1e-5, rope_theta=10000.0, tied=True,
)  # fmt: skip


def pytest_collection_finish() -> None:
    """Leave torch, transformers and all tests out of what every later garbage collection looks through."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def _idle_machine() -> Iterator[None]:
    """Notes of a study do not depend on what else runs on the machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lrscope.training.study_inputs.busy_note", lambda _: None)
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip("../shared is not there")
    return SHARED


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """SmolLM2-135M-Instruct, where ../shared/models/smollm2-135m/make.py has put it or $LRSCOPE_SMOLLM2 says."""
    folder = Path(os.environ.get("LRSCOPE_SMOLLM2") or Path.home() / ".cache" / "lrscope" / "smollm2-135m")
    if not (folder / "tokenizer.json").is_file():
        pytest.skip("SmolLM2-135M is not there")
    return folder


@pytest.fixture(scope="session")
def warm() -> Iterator[WarmPython]:
    """What starts processes that are to be killed."""
    from tests.warm import warm_python

    with warm_python() as started:
        yield started


def tiny_tokenizer() -> TextTokenizer:
    pieces = [("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0), *((f"<0x{byte:02X}>", 0.0) for byte in range(256))]
    merged = ["▁t", "he", "▁the", "▁f", "il", "▁fil", "▁film", "oo", "good", "▁i", "▁is", "ba", "bad"]
    letters = ["▁", *"abcdefghijklmnopqrstuvwxyz.-"]
    scored = [(piece, -float(place)) for place, piece in enumerate(merged)]
    pieces += scored + [(letter, -1000.0 - place) for place, letter in enumerate(letters)]
    return TextTokenizer(from_scored_pieces(pieces), bos_id=1, eos_id=2, pad_id=0)


def random_weights(shape: LlamaShape, seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.rand(size, generator=generator) + 0.5
        if len(size) == 1
        else torch.randn(size, generator=generator) * 0.1
        for name, size in shape.tensor_shapes().items()
    }


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `AutoModelForCausalLM` would load it, vocabulary rounded up."""
    folder = tmp_path_factory.mktemp("tiny-model")
    write_checkpoint(folder, random_weights(TINY), TINY.to_config(), tiny_tokenizer())
    return folder


def toy_lines(num: int, seed: int) -> list[str]:
    draw = random.Random(seed)
    lines = []
    for _ in range(num):
        label = draw.choice(list(WORDS))
        filler = " ".join(draw.choices(["the", "film", "is", "a", "story", "of", "men"], k=draw.randint(1, 9)))
        lines.append(f"{label} ||| {filler} {draw.choice(WORDS[label])} .")
    return lines


@dataclasses.dataclass(frozen=True)
class Toy:
    """Paths of toy files, and the configuration of a short fine-tune on them."""

    train: Path
    dev: Path
    test: Path
    names: Path
    model: Path

    def config(self, **changes: object) -> StudyConfig:
        trial = {"peak_rate": 3e-3, "epochs": 3, "batch_size": 8, "schedule": "warmup(2st) > linear", **changes}
        study = {name: trial.pop(name) for name in ("score_test",) if name in trial}
        model = {name: trial.pop(name) for name in ("implementation", "gradient_checkpointing") if name in trial}
        numerics = {name: trial.pop(name) for name in ("batching", "precision") if name in trial}
        return StudyConfig(
            data=DataConfig(train=str(self.train), dev=str(self.dev), test=str(self.test), label_names=str(self.names)),
            model=ModelConfig(model=str(self.model), **model),  # type: ignore[arg-type]
            numerics=NumericsConfig(device="cpu", threads=1, **numerics),  # type: ignore[arg-type]
            trial=TrialConfig(**trial),  # type: ignore[arg-type]
            **study,  # type: ignore[arg-type]
        )

    def options(self, *more: str) -> list[str]:
        return [
            "--model", str(self.model), "--train", str(self.train), "--dev", str(self.dev), "--test", str(self.test),
            "--label-names", str(self.names), "--lr", "3e-3", "--epochs", "2", "--batch-size", "8", "--threads", "1",
            *more,
        ]  # fmt: skip


@pytest.fixture
def toy(tmp_path: Path, tiny_model: Path) -> Toy:
    folder = tmp_path / "data"
    folder.mkdir()
    for name, num, seed in (("train", 43, 1), ("dev", 17, 2), ("test", 11, 3)):
        (folder / f"{name}.txt").write_text("\n".join(toy_lines(num, seed)) + "\n", encoding="utf-8")
    (folder / "names.json").write_text(json.dumps(NAMES), encoding="utf-8")
    return Toy(folder / "train.txt", folder / "dev.txt", folder / "test.txt", folder / "names.json", tiny_model)


@pytest.fixture(scope="session")
def chat_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny LLaMA with a chat template."""
    from tests.sft import llama_folder

    return llama_folder(tmp_path_factory.mktemp("chat-llama"))


@pytest.fixture
def sft_toy(tmp_path: Path, chat_llama: Path) -> SftToy:
    from tests.sft import sft_toy_in

    return sft_toy_in(tmp_path / "data", chat_llama)


Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run a command in this process: exit code, standard output, standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exit_:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return int(exit_.value.code or 0), captured.out, captured.err

    return run
