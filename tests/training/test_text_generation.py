"""Text from a model's folder: where it begins, where it ends, and in which precision."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tests.chat import chat_folder, messages
from tests.conftest import TINY, Cli, random_weights, tiny_tokenizer
from tokenizers import AddedToken, Tokenizer, processors
from transformers import AutoModelForCausalLM, AutoTokenizer

from lrscope.config import NumericsConfig
from lrscope.data.conversations import Turn
from lrscope.errors import CheckpointError, ConfigError
from lrscope.models.checkpoint_writer import write_checkpoint
from lrscope.models.generation import LlamaLanguageModel
from lrscope.models.tokenizers import TextTokenizer
from lrscope.training.numerics import processor_multiplies_bfloat16
from lrscope.training.text_generation import LanguageModel, Sampling, load_language_model

ONE_THREAD = NumericsConfig(device="cpu", threads=1)


def load(folder: Path, **numerics: object) -> LanguageModel:
    return load_language_model(str(folder), None, NumericsConfig(device="cpu", threads=1, **numerics))  # type: ignore[arg-type]


def write(folder: Path, tokenizer: TextTokenizer | None = None, dtype: torch.dtype = torch.float32) -> Path:
    weights = {name: tensor.to(dtype) for name, tensor in random_weights(TINY).items()}
    write_checkpoint(folder, weights, TINY.to_config(), tokenizer or tiny_tokenizer())
    return folder


def change(path: Path, **values: object) -> None:
    known = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps({**known, **values}))


def test_a_continuation_equals_transformers(tmp_path: Path) -> None:
    folder = write(tmp_path / "model")
    theirs, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    ids = tokenizer("the film is", return_tensors="pt").input_ids[:, :-1]  # the end token is for whole texts
    expected = theirs.generate(ids, max_new_tokens=12, do_sample=False, eos_token_id=None, pad_token_id=0)
    pieces = list(load(folder).continue_text("the film is", Sampling(max_new_tokens=12), stop=False))
    assert pieces[0] == "the film is"
    assert "".join(pieces) == tokenizer.decode(expected[0], skip_special_tokens=True)


def test_a_prompt_begins_as_its_tokenizer_begins_a_text(tmp_path: Path) -> None:
    plain = tiny_tokenizer()
    assert plain.encode_prompt("the") == [1, *plain.encode(["the"], bos=False, eos=False)[0]]
    backend = Tokenizer.from_str(plain.backend.to_str())
    backend.post_processor = processors.TemplateProcessing(single="$A", pair="$A $B", special_tokens=[])
    silent = TextTokenizer(backend, plain.bos_id, plain.eos_id, plain.pad_id)
    assert silent.encode_prompt("the") == plain.encode_prompt("the")[1:]
    plain.save(tmp_path)  # begins and ends its texts
    saved = TextTokenizer(Tokenizer.from_file(str(tmp_path / "tokenizer.json")), 1, 2, 0)
    assert saved.encode_prompt("the") == plain.encode_prompt("the")


def stops(folder: Path) -> frozenset[int]:
    return load(folder).stop_ids


def test_texts_end_where_the_model_says(tmp_path: Path) -> None:
    backend = Tokenizer.from_str(tiny_tokenizer().backend.to_str())
    backend.add_special_tokens([AddedToken("<|im_end|>", special=True)])
    backend.add_tokens([AddedToken("<|eot_id|>", special=False)])
    end = backend.token_to_id("<|im_end|>")
    folder = write(tmp_path / "model", TextTokenizer(backend, 1, 2, 0))
    assert stops(folder) == {1, 2, end}
    change(folder / "config.json", eos_token_id=7)
    change(folder / "generation_config.json", eos_token_id=[2, 9])
    assert stops(folder) == {1, 2, end, 7, 9}
    free = "".join(load(folder).continue_text("the", Sampling(max_new_tokens=30), stop=False))
    change(folder / "generation_config.json", eos_token_id=list(range(300)))
    assert "".join(load(folder).continue_text("the", Sampling(max_new_tokens=30))) != free
    change(folder / "generation_config.json", eos_token_id=["</s>"])
    with pytest.raises(CheckpointError, match="eos_token_id as numbers: got '</s>'"):
        load(folder)


def test_characters_of_several_tokens_come_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    language_model = load(write(tmp_path / "model"))
    ids = language_model.tokenizer.encode(["é漢"], bos=False, eos=False)[0]
    assert len(ids) > 4
    monkeypatch.setattr("lrscope.training.text_generation.stream", lambda *_, **__: iter(ids[1:]))
    pieces = list(language_model.continue_text("the", Sampling()))
    assert pieces == ["the", *[piece for piece in pieces[1:] if piece in ("", "é", "漢")]]
    assert "".join(pieces) == "theé漢"


@pytest.mark.skipif(not processor_multiplies_bfloat16(), reason="the processor has no bfloat16")
def test_the_precision_is_that_of_the_weights_where_none_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lrscope.training.numerics.SMALLEST_DIM_FOR_BFLOAT16", 1)
    half, whole = write(tmp_path / "half", dtype=torch.bfloat16), write(tmp_path / "whole")
    for folder, asked, dtype in (
        (half, "auto", torch.bfloat16),
        (whole, "auto", torch.float32),
        (half, "float32", torch.float32),
        (whole, "bfloat16", torch.bfloat16),
    ):
        model = load(folder, precision=asked).model
        assert isinstance(model, LlamaLanguageModel)
        assert model.compute_dtype == dtype
        assert {parameter.dtype for parameter in model.parameters() if parameter.ndim > 1} == {dtype}


def chat_model(folder: Path, **changes: Any) -> Path:
    chat_folder(folder, **changes)
    shape = dataclasses.replace(TINY, vocab_size=340, max_positions=256)
    weights = random_weights(shape)
    weights["model.embed_tokens.weight"] *= 3.0  # so that answers are not one token again and again
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_text(json.dumps(shape.to_config()))
    return folder


@pytest.mark.parametrize("system", [None, "Be brief."])
def test_an_answer_is_that_of_transformers(tmp_path: Path, cli: Cli, system: str | None) -> None:
    folder = chat_model(tmp_path / "model")
    theirs, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    turns = [*([] if system is None else [Turn("system", system)]), Turn("user", "What is it?")]
    prompt = tokenizer.apply_chat_template(messages(tuple(turns)), add_generation_prompt=True, return_tensors="pt")
    ids = theirs.generate(**prompt, max_new_tokens=30, do_sample=False, eos_token_id=None, pad_token_id=0)
    answer = ids[0, prompt["input_ids"].shape[1] :].tolist()
    end = max(answer, key=answer.index)  # an answer ends before the first token that ends it
    change(folder / "generation_config.json", eos_token_id=end)
    answer = answer[: answer.index(end)]
    options = ["--model", folder, "--prompt", "What is it?", "--chat", "--max-new-tokens", "30", "--threads", "1"]
    code, out, _ = cli("generate", *options, *([] if system is None else ["--system", system]))
    assert code == 0
    assert 1 <= len(answer) < 30
    assert out == tokenizer.decode(answer, skip_special_tokens=True) + "\n"


def test_a_template_may_be_named(tmp_path: Path, cli: Cli) -> None:
    folder = chat_model(tmp_path / "model")
    options = ["generate", "--model", folder, "--prompt", "What is it?", "--threads", "1", "--json", "--chat"]
    own, alpaca = (json.loads(cli(*options, *more)[1])["text"] for more in ([], ["--chat-template", "alpaca"]))
    assert own != alpaca
    language_model = load_language_model(str(folder), None, ONE_THREAD, chat=True, chat_template="alpaca")
    assert "".join(language_model.reply([Turn("user", "What is it?")], Sampling())) == alpaca


def test_what_chats_cannot_be(tmp_path: Path, cli: Cli) -> None:
    folder = chat_model(tmp_path / "model", template=None)
    broken = chat_model(tmp_path / "broken", template="{{ messages[0]['content'] }}{{ raise_exception('no system') }}")

    def refused(*options: object, model: Path = folder) -> str:
        code, out, err = cli("generate", "--model", model, "--prompt", "x", "--threads", "1", *options)
        assert (code, out, err.count("\n")) == (2, "", 1), err
        return err

    assert "--chat needs a chat template: got a model that has none; choose one with --chat-template" in refused(
        "--chat"
    )
    assert "no system" in refused("--chat", model=broken)
    assert "add --chat" in refused("--system", "Be brief.")
    assert "add --chat" in refused("--chat-template", "alpaca")
    assert "choose one of" in refused("--chat", "--chat-template", "none such")


def test_settings_that_cannot_be_are_all_named() -> None:
    with pytest.raises(ConfigError, match=r"temperature must be 0 or more: got nan.*max_new_tokens must be at least 1"):
        Sampling(temperature=float("nan"), max_new_tokens=0)


def test_the_command_line(tmp_path: Path, cli: Cli) -> None:
    folder = write(tmp_path / "model")
    options = ["--model", folder, "--prompt", "the film", "--max-new-tokens", "8", "--threads", "1"]
    _, first, _ = cli("generate", *options)
    assert first.startswith("the film")
    assert cli("generate", *options)[1] == first
    _, out, _ = cli("generate", *options, "--temperature", "1", "--seed", "3", "--json")
    assert json.loads(out)["text"].startswith("the film")
    assert cli("generate", *options, "--precision", "bfloat16")[0] == 0
    for wrong in (("--temperature", "-1"), ("--max-new-tokens", "0"), ("--precision", "float8"), ("--device", "tpu")):
        code, out, err = cli("generate", *options, *wrong)
        assert (code, out, err.count("\n")) == (2, "", 1), err
