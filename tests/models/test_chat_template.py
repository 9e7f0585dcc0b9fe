"""Chat templates: rendered as transformers renders them, learned as TRL learns them, refused in one line."""

import json
from pathlib import Path
from typing import Any

import jinja2
import pytest
import transformers
from tests.chat import LONG, SHORT, SMOLLM2, SPECIAL, chat_folder, messages
from tests.conftest import tiny_tokenizer

from lrscope.data.conversations import Turn
from lrscope.errors import CheckpointError, ConfigError, DataError
from lrscope.models.chat_template import ChatTemplate, Rendered, with_fixed_date
from lrscope.models.chat_template_files import own_templates, read_chat_template, write_chat_template
from lrscope.models.named_templates import TEMPLATES
from lrscope.models.tokenizers import read_tokenizer

LLAMA3 = (
    "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"
)  # fmt: skip


def template_in(folder: Path, asked: str | None = None) -> ChatTemplate:
    found = read_chat_template(asked, read_tokenizer(None, folder), folder)
    assert found is not None
    return found


def test_own_template_as_transformers_renders_it(tmp_path: Path) -> None:
    template = template_in(chat_folder(tmp_path))
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    for turns in (SHORT, LONG):
        assert template.text(turns, "x") == theirs.apply_chat_template(messages(turns), tokenize=False)
        asked = theirs.apply_chat_template(messages(turns[:-1]), tokenize=False, add_generation_prompt=True)
        assert template.prompt(turns[:-1]) == asked


def test_learned_is_what_replies_add(tmp_path: Path) -> None:
    user = "<|im_start|>user\n"
    rendered = template_in(chat_folder(tmp_path)).render(LONG, "x")
    assert rendered.pieces == [
        (f"<|im_start|>system\nBe brief.<|im_end|>\n{user}What is it? 映画<|im_end|>\n<|im_start|>assistant\n", False),
        ("It is the fox 🦊.\n\nOf course. <|im_end|>\n", True),
        (f"{user}And 2 + 2?<|im_end|>\n<|im_start|>assistant\n", False),
        ("4<|im_end|>\n", True),
    ]  # fmt: skip
    first_as_context = (*LONG[:2], LONG[2]._replace(context=True), *LONG[3:])
    told = template_in(tmp_path).render(first_as_context, "x")
    assert [text for text, learned in told.pieces if learned] == ["4<|im_end|>\n"]
    assert told.text == rendered.text


EXPECTED = {
    "chatml": "<|im_start|>system\n¶S<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n[R<|im_end|>\n]"
    "<|im_start|>user\nV<|im_end|>\n<|im_start|>assistant\n[T<|im_end|>\n]",
    "llama3": "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n¶S<|eot_id|><|start_header_id|>user"
    "<|end_header_id|>\n\nU<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n[R<|eot_id|>]"
    "<|start_header_id|>user<|end_header_id|>\n\nV<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n[T<|eot_id|>]",
    "llama2": "<s>[INST] <<SYS>>\n¶S\n<</SYS>>\n\nU [/INST][ R </s>]<s>[INST] V [/INST][ T </s>]",
    "zephyr": "<s><|system|>\n¶S</s>\n<|user|>\nU</s>\n<|assistant|>\n[R</s>\n]"
    "<|user|>\nV</s>\n<|assistant|>\n[T</s>\n]",
    "alpaca": "<s>¶S\n\n### Instruction:\nU\n\n### Response:\n[R</s>]\n\n### Instruction:\nV\n\n### Response:\n[T</s>]",
    "vicuna": "<s>¶S USER: U ASSISTANT:[ R</s>]USER: V ASSISTANT:[ T</s>]",
    "plain": "<s>¶S\nU\n[R</s>]V\n[T</s>]",
}  # fmt: skip


@pytest.mark.parametrize("name", TEMPLATES)
def test_named_templates(tmp_path: Path, name: str) -> None:
    if name in ("chatml", "llama3"):
        chat_folder(tmp_path, None, (*SPECIAL, *LLAMA3))
    else:
        tiny_tokenizer().save(tmp_path)
    template = template_in(tmp_path, name)
    turns = [Turn("system", "¶S"), Turn("user", "U"), Turn("assistant", "R"), Turn("user", "V"), Turn("assistant", "T")]
    rendered = template.render(turns, "x")
    assert "".join(f"[{text}]" if learned else text for text, learned in rendered.pieces) == EXPECTED[name]
    whole = template.text(turns[1:3], "x")
    assert whole.startswith(template.prompt(turns[1:2]))
    assert "¶S" not in whole
    # As it is saved, transformers renders the same.
    write_chat_template(template, tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert theirs.apply_chat_template(messages(tuple(turns)), tokenize=False) == rendered.text
    assert template_in(tmp_path).text(turns, "x") == rendered.text


def test_named_templates_need_their_tokens(tmp_path: Path) -> None:
    (tmp_path / "llama2").mkdir()
    tiny_tokenizer().save(tmp_path / "llama2")
    for name, token in (("chatml", r"<\|im_start\|>"), ("llama3", r"<\|begin_of_text\|>")):
        with pytest.raises(ConfigError, match=rf"chat_template {name} needs {token} as a token of the vocabulary"):
            template_in(tmp_path / "llama2", name)
    chat_folder(tmp_path / "no end", None, eos_token=None, special=("<|a|>",))
    with pytest.raises(ConfigError, match="chat_template plain needs an end token"):
        template_in(tmp_path / "no end", "plain")
    with pytest.raises(ConfigError, match="chat_template llama2 needs a beginning token"):
        template_in(tmp_path / "no end", "llama2")
    with pytest.raises(ConfigError, match="name or a Jinja file: got 'chatm1'; choose one of chatml, llama3"):
        template_in(tmp_path / "no end", "chatm1")


def test_a_beginning_is_written_as_the_tokenizer_writes_it(tmp_path: Path) -> None:
    chat_folder(tmp_path / "none", None, bos_token="<|im_start|>")  # named, but not written before texts
    assert template_in(tmp_path / "none", "plain").text(SHORT, "x").startswith("What is it?")
    path = tmp_path / "none" / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["post_processor"] = {
        "type": "TemplateProcessing", "pair": [], "single": [{"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}}],
        "special_tokens": {"<|endoftext|>": {"id": "<|endoftext|>", "ids": [0], "tokens": ["<|endoftext|>"]}},
    }  # fmt: skip
    path.write_text(json.dumps(content), encoding="utf-8")
    assert template_in(tmp_path / "none", "plain").text(SHORT, "x").startswith("<|endoftext|>What is it?")


def test_where_templates_are_found(tmp_path: Path) -> None:
    chat_folder(tmp_path, [{"name": "default", "template": "d"}, {"name": "rag", "template": "r"}])
    assert own_templates(tmp_path) == {"default": "d", "rag": "r"}
    assert template_in(tmp_path).text(SHORT, "x") == "d"
    assert template_in(tmp_path, "rag").text(SHORT, "x") == "r"
    (tmp_path / "additional_chat_templates").mkdir()
    (tmp_path / "additional_chat_templates" / "tool_use.jinja").write_text("t")
    (tmp_path / "chat_template.jinja").write_text("j")
    assert own_templates(tmp_path) == {"default": "j", "tool_use": "t"}
    mine = tmp_path / "mine.jinja"
    mine.write_text("{{ messages[0].content }}|")
    assert template_in(tmp_path, str(mine)).text(SHORT, "x") == "What is it? 映画|"
    chat_folder(tmp_path / "several", [{"name": "a", "template": "d"}, {"name": "b", "template": "r"}])
    with pytest.raises(ConfigError, match=r"must name one of the model's templates.*choose one of a, b"):
        template_in(tmp_path / "several")
    chat_folder(tmp_path / "legacy", None)
    assert read_chat_template(None, read_tokenizer(None, tmp_path / "legacy"), tmp_path / "legacy") is None
    (tmp_path / "legacy" / "chat_template.json").write_text('{"chat_template": "l"}')
    assert template_in(tmp_path / "legacy").source == "l"
    # The tokenizer's folder goes before the model's.
    tokenizer = read_tokenizer(tmp_path, tmp_path / "legacy")
    found = read_chat_template(None, tokenizer, tmp_path / "legacy" / "model.safetensors", tmp_path / "tokenizer.json")
    assert found is not None
    assert found.source == "j"


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{{ raise_exception('Roles must alternate.\nSee the docs') }}", "got Roles must alternate. See the docs"),
        ("{{ bos_token + messages[0].content }}", "'bos_token' is undefined"),
        ("{{ messages[0].content + 1 }}", "must take this conversation: got can only concatenate str"),
        ("{{ messages[0].content }}|{{ messages.append(1) }}", "append"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{% for a in range(10**9) %}{% endfor %}", "ange"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ messages | length }}{{ messages[-1].content }}", "what is learned can be told: got other text once"),
    ],
)  # fmt: skip
def test_templates_that_fail(tmp_path: Path, template: str, says: str) -> None:
    found = template_in(chat_folder(tmp_path, template))
    with pytest.raises(DataError) as caught:
        found.render(LONG, "a.jsonl:7")
    said = str(caught.value)
    assert said.startswith(f"a.jsonl:7: the chat template of {tmp_path} must ")
    assert says in said
    assert "\n" not in said
    assert "--chat-template" in caught.value.text(lambda name: "--" + name.replace("_", "-"))


def test_templates_that_are_none(tmp_path: Path) -> None:
    for template in ("{% if %}", "{{ a", "{% endfor %}", "{% nope %}"):
        with pytest.raises(CheckpointError, match=r"chat template of .* must be Jinja: got") as caught:
            template_in(chat_folder(tmp_path, template))
        assert "\n" not in str(caught.value)
    (tmp_path / "chat_template.jinja").write_bytes(b"\xff")
    with pytest.raises(CheckpointError, match="not a template that can be read"):
        template_in(tmp_path)
    for wrong in (7, [1], [{"name": "a"}], {"a": "b"}):
        chat_folder(tmp_path / "config", None, chat_template=wrong)
        with pytest.raises(CheckpointError, match="chat_template must be a text or a list of names and templates"):
            template_in(tmp_path / "config")
    file = tmp_path / "bad.jinja"
    file.write_text("{% if %}")
    with pytest.raises(ConfigError, match="must be Jinja"):
        template_in(chat_folder(tmp_path), str(file))


def test_special_tokens_that_the_vocabulary_lacks(tmp_path: Path) -> None:
    for settings in (
        {"eos_token": "<|eot|>"}, {"additional_special_tokens": ["<|eot|>"]}, {"extra_special_tokens": {"x": "<|eot|>"}}
    ):  # fmt: skip
        folder = chat_folder(tmp_path, "{{ messages[0].content + '<|eot|>' }}", **settings)
        with pytest.raises(CheckpointError, match=r"vocabulary must have <\|eot\|>, which the chat template of"):
            template_in(folder)
    # What nobody says is special may be meant as text: a note.
    template = template_in(chat_folder(tmp_path, "{{ messages[0].content + '<|eot|>' }}"))
    assert template.notes == ("the chat template writes <|eot|>, which is 7 tokens of this vocabulary and not one",)


MARKED = (
    "{% for message in messages %}{{ '<|im_start|>' }}{% if message.role == 'assistant' %}{% generation %}"
    "{% if loop.last %}thoughts {% endif %}{{ message.content + '<|im_end|>' }}{% endgeneration %}"
    "{% else %}{{ message.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}go on{% endif %}"
)  # fmt: skip


def test_marks_are_taken_where_prefixes_differ(tmp_path: Path) -> None:
    rendered = template_in(chat_folder(tmp_path, MARKED)).render(LONG, "x")
    assert [text for text, learned in rendered.pieces if learned] == [
        "It is the fox 🦊.\n\nOf course. <|im_end|>", "thoughts 4<|im_end|>"
    ]  # fmt: skip
    context = (*LONG[:2], LONG[2]._replace(context=True), *LONG[3:])
    told = template_in(tmp_path).render(context, "x")
    assert [text for text, learned in told.pieces if learned] == ["thoughts 4<|im_end|>"]
    once = MARKED.replace("'assistant' %}", "'assistant' and loop.last %}", 1)
    with pytest.raises(DataError, match=r"or mark replies with {% generation %}"):
        template_in(chat_folder(tmp_path, once)).render(LONG, "x")


def test_the_day_is_fixed(tmp_path: Path) -> None:
    source = (
        "  {%- if strftime_now is defined %}\n{%- set day = strftime_now('%d %b %Y') %}\n{%- endif %}\n"
        "{{- day + strftime_now(\"%Y-%m-%d\") + strftime_now('%' ~ 'A') }} {{ messages[0].content }}"
    )
    template = template_in(chat_folder(tmp_path, source))
    assert template.text(SHORT, "x") == "26 Jul 20242024-07-2626 Jul 2024 What is it? 映画"
    assert "2024-07-26 is written instead" in template.notes[0]
    write_chat_template(template, tmp_path)
    assert transformers.AutoTokenizer.from_pretrained(tmp_path).apply_chat_template(
        messages(SHORT), tokenize=False
    ) == template.text(SHORT, "x")


def test_the_fingerprint_follows_what_decides_the_text(tmp_path: Path) -> None:
    folders = [chat_folder(tmp_path / name) for name in "ab"]
    first, second = map(template_in, folders)
    assert first.fingerprint == second.fingerprint
    assert template_in(chat_folder(tmp_path / "c", SMOLLM2 + " ")).fingerprint != first.fingerprint
    assert template_in(chat_folder(tmp_path / "d", eos_token="<|im_start|>")).fingerprint != first.fingerprint


def test_pieces() -> None:
    assert Rendered("abcd", ((0, 1), (1, 2), (4, 4))).pieces == [("a", True), ("b", True), ("cd", False)]


def trl_templates() -> list[Any]:
    try:
        import trl
    except ImportError:
        return []
    folder = Path(trl.__file__).parent / "chat_templates"
    return sorted(folder.glob("*.jinja"))


@pytest.mark.parametrize("path", trl_templates(), ids=lambda path: path.stem)
def test_real_templates_by_trls_rule(path: Path, tmp_path: Path) -> None:
    """For a prompt and its reply, what is learned is what transformers writes behind the generation prompt."""
    chat_folder(tmp_path, None, bos_token="<|im_start|>")
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    theirs.chat_template = with_fixed_date(path.read_text(encoding="utf-8"))
    template = template_in(tmp_path, str(path))
    turns = (SHORT[0], SHORT[1]._replace(text="It is the fox."))
    try:
        prompt = theirs.apply_chat_template(messages(turns[:1]), tokenize=False, add_generation_prompt=True)
        whole = theirs.apply_chat_template(messages(turns), tokenize=False)
    except jinja2.TemplateError:  # those that want lists of parts
        with pytest.raises(DataError, match="must take this conversation"):
            template.render(turns, "x")
        return
    if not whole.startswith(prompt):
        if "generation %}" in theirs.chat_template:
            learned = [text for text, is_learned in template.render(turns, "x").pieces if is_learned]
            assert len(learned) == 1
            assert "It is the fox." in learned[0]
        else:
            with pytest.raises(DataError, match="so that what is learned can be told"):
                template.render(turns, "x")
        return
    rendered = template.render(turns, "x")
    assert rendered.text == whole
    assert rendered.learned == ((len(prompt), len(whole)),)
