"""`lrscope data show`: what is printed is the text that is trained on, with what is learned of it between marks."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.chat import SMOLLM2, chat_folder
from tests.conftest import TINY, Cli

from lrscope.terminal import output

ROWS = [{"question": f"What is {n}?", "answer": f"It is {n}. " + "Of course. " * n} for n in range(6)]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model's folder without its weights, which are not read."""
    folder = chat_folder(tmp_path / "model")
    (folder / "config.json").write_text(json.dumps(TINY.to_config() | {"max_position_embeddings": 64}))
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return path


def test_text_with_marks(cli: Cli, model: Path, data: Path) -> None:
    code, out, err = cli("data", "show", "--model", model, "--train", data, "-n", 2)
    assert (code, err) == (0, "")
    assert out.startswith(f"chat template of {model}; text between ⟦ and ⟧ is learned\n\n--- {data}:1: ")
    assert (
        "<|im_start|>system\nYou are helpful<|im_end|>\n<|im_start|>user\nWhat is 1?<|im_end|>\n<|im_start|>assistant\n"
        "⟦It is 1. Of course. <|im_end|>\n⟧\n" in out
    )
    assert "What is 2?" not in out
    (summary,) = re.findall(r"train: 6 examples, ([0-9,]+) tokens, ([0-9.]+)% of them learned; (.*)", out)
    assert summary[2].startswith("the longest has ")


def test_json_and_the_cut(cli: Cli, model: Path, data: Path) -> None:
    def shown(*options: object) -> Any:
        code, out, _ = cli("data", "show", "--model", model, "--train", data, "--json", *options)
        assert code == 0
        return json.loads(out)

    whole = shown("-n", 6, "--max-tokens", 64)
    longest = max(example["tokens"] for example in whole["examples"])
    assert [example["where"] for example in whole["examples"]] == [f"{data}:{n}" for n in range(1, 7)]
    assert whole["splits"][0]["num_tokens"] == sum(min(64, example["tokens"]) for example in whole["examples"])
    assert whole["splits"][0]["num_learned"] == sum(example["learned_tokens"] for example in whole["examples"])
    assert whole["splits"][0]["longest"] == longest
    short = shown("--from-line", 6, "--max-tokens", 45)
    (example,) = short["examples"]
    assert (example["tokens"], example["cut"]) == (longest, True)
    text = "".join(piece["text"] for piece in example["pieces"])
    everything = "".join(piece["text"] for piece in whole["examples"][5]["pieces"])
    assert everything.startswith(text)
    assert len(text) < len(everything)
    assert short["max_tokens"] == 45
    assert short["splits"][0]["num_cut"] >= 1
    everything_learned = shown("-n", 1, "--loss-on", "all")["examples"][0]
    assert everything_learned["pieces"][0]["text"] == "<|im_start|>"
    assert [piece["learned"] for piece in everything_learned["pieces"]] == [False, True], "it predicts nothing before"
    assert everything_learned["learned_tokens"] == everything_learned["tokens"] - 1
    none = shown("-n", 0, "--max-tokens", 5)
    assert none["splits"][0]["num_dropped"] == 6
    assert none["splits"][0]["num_tokens"] == none["splits"][0]["num_learned"] == 0


def test_plain_text_needs_no_template(cli: Cli, model: Path, tmp_path: Path) -> None:
    (model / "chat_template.jinja").unlink()
    (tmp_path / "a.txt").write_text("the quick\nbrown fox\n")
    code, out, _ = cli("data", "show", "--model", model, "--train", tmp_path / "a.txt", "--task", "sft")
    assert code == 0
    assert out.startswith("plain text; ")
    assert "⟦the quick⟧⟦<|im_end|>⟧" in out


def test_a_share_for_dev(cli: Cli, model: Path, data: Path) -> None:
    code, out, _ = cli("data", "show", "--model", model, "--train", data, "--dev", "34%", "--split-seed", 3, "-n", 1)
    assert code == 0
    assert "train: 4 examples" in out
    assert "dev: 2 examples" in out
    assert f"note: dev is 2 of the 6 examples in {data}, drawn with split seed 3" in out
    code, out, _ = cli("data", "show", "--model", model, "--train", data, "--dev", data, "-n", 1)
    assert "note: 6 of 6 dev examples have a prompt that train has too, 6 of them the whole conversation" in out


def test_what_is_not_learned_is_dimmed_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(output, "_dims", lambda: True)
    output.echo_pieces([("read\x1b[2J", False), ("learned", True)])
    printed = capsys.readouterr().out
    assert "\x1b[2mread\\u001b[2J\x1b[0mlearned" in printed
    assert output.marks_explained() == "dimmed text is read but not learned"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--model", "MODEL"], "needs --model and --train"),
        (["--task", "classification"], "data show takes --task sft"),
        (["--chat-template", "alpacca"], "--chat-template must be a template's name or a Jinja file: got 'alpacca'"),
        (["--chat-template", "llama3"], "--chat-template llama3 needs <|begin_of_text|> as a token"),
        (["--from-line", "7"], "has examples up to line 6: got line 7"),
        (["--max-tokens", "65"], "--max-tokens must not exceed the model's context of 64"),
        (["--dev", "0%"], "between 0% and 100%"),
        (["--dev", "none.jsonl"], "no such file"),
        (["--model", "none/at/all"], "no such model"),
    ],
)  # fmt: skip
def test_bad_input(cli: Cli, model: Path, data: Path, options: list[str], says: str) -> None:
    given = ["--model", str(model), "--train", str(data), *options]
    if options == ["--model", "MODEL"]:
        given = given[:2]
    code, out, err = cli("data", "show", *given)
    assert (code, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1
    assert err.startswith("lrscope: ")


@pytest.mark.parametrize(
    ("template", "row", "says"),
    [
        (None, ROWS[0], "train.jsonl:1: conversations need a chat template: got a model without one; choose one with "
         "--chat-template: chatml, llama3"),
        ("{{ raise_exception('Only\nnice ones.') }}", ROWS[0], "train.jsonl:1: the chat template of "),
        ("{% if %}", ROWS[0], "must be Jinja"),
        (SMOLLM2, {"question": "x", "answer": ""}, "train.jsonl:1: a completion must not be empty"),
        (SMOLLM2, {"messages": [{"role": "assistant", "content": "x"}]}, "must begin with the user"),
    ],
)  # fmt: skip
def test_bad_data_and_templates(
    cli: Cli, model: Path, tmp_path: Path, template: str | None, row: dict[str, Any], says: str
) -> None:
    (model / "chat_template.jinja").unlink()
    if template is not None:
        (model / "chat_template.jinja").write_text(template)
    (tmp_path / "train.jsonl").write_text(json.dumps(row) + "\n")
    code, out, err = cli("data", "show", "--model", model, "--train", tmp_path / "train.jsonl")
    assert (code, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1
