"""Damaged chat templates and settings, from a fixed seed: each renders, or is refused in one line."""

import json
import random
from functools import partial
from pathlib import Path

from tests.chat import LONG, SMOLLM2, chat_folder
from tests.models.test_chat_template import MARKED
from tests.test_hostile_input import changed, refused_or_accepted, scrambled, written

from lrscope.models.chat_template_files import read_chat_template
from lrscope.models.named_templates import TEMPLATES
from lrscope.models.tokenizers import read_tokenizer


def render(folder: Path, asked: str | None = None) -> None:
    template = read_chat_template(asked, read_tokenizer(None, folder), folder)
    if template is not None:
        rendered = template.render(LONG, f"{folder}:1")
        assert "".join(text for text, _ in rendered.pieces) == rendered.text
        assert all(first < last <= len(rendered.text) for first, last in rendered.learned)


def test_damaged_templates(tmp_path: Path) -> None:
    draw = random.Random(21)
    refused = 0
    for number in range(300):
        folder = chat_folder(tmp_path, None) if number == 0 else tmp_path
        source = draw.choice([SMOLLM2, MARKED, *(template.source for template in TEMPLATES.values())])
        path = folder / ("chat_template.jinja" if number % 2 else "mine.jinja")
        written(path, scrambled(source, draw))
        refused += refused_or_accepted(number, partial(render, folder, None if number % 2 else str(path)))
    assert 30 < refused < 300


def test_damaged_settings(tmp_path: Path) -> None:
    draw = random.Random(22)
    config = json.loads(
        (chat_folder(tmp_path, [{"name": "default", "template": SMOLLM2}]) / "tokenizer_config.json").read_text()
    )
    config["extra_special_tokens"] = {"begin": "<|im_start|>", "more": ["<|im_end|>"]}
    for number in range(200):
        text = json.dumps(changed(config, draw)) if number % 2 else scrambled(json.dumps(config), draw)
        written(tmp_path / "tokenizer_config.json", text)
        refused_or_accepted(
            number, partial(render, tmp_path, draw.choice([None, "plain", "chatml", "default", "\0", SMOLLM2 * 9]))
        )
