"""Placeholders in a command and in a template."""

import argparse
import json
import math
import random
import string
import tomllib
from pathlib import Path

import pytest
import yaml

from lrscope.errors import ConfigError
from lrscope.runners.external.placeholders import fill, names_in, render_template, split_command, value_text

VALUES = {"lr": 2e-05, "seed": 3, "out": "/runs/my run/out", "name": "q_proj"}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{lr}", "2.0e-5"),
        ("--out={out}/logs", "--out=/runs/my run/out/logs"),
        ("{{lr}}", "{lr}"),
        ("{{{seed}}}", "{3}"),
        ("{{{{seed}}}}", "{{seed}}"),
        ("{{seed}", "{3"),
        ('{"a": 1}', '{"a": 1}'),
        ('{"lr": {lr}, "b": {"c": {seed}}}', '{"lr": 2.0e-5, "b": {"c": 3}}'),
        ("{{ messages }} {% if x %}", "{{ messages }} {% if x %}"),
        ("${lr} {} {0} { lr }", "${lr} {} {0} { lr }"),
        ("{lr}{seed}", "2.0e-53"),
    ],
)
def test_only_braces_around_a_name_count(text: str, filled: str) -> None:
    assert fill(text, VALUES) == filled


def test_a_value_is_never_read_for_placeholders() -> None:
    assert fill("{name}", {"name": "{lr}", "lr": 1}) == "{lr}"


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"known name \(lr, name, out, seed\): got \{lrr\}"):
        fill("--lr {lrr}", VALUES)


def test_names() -> None:
    assert names_in("{a} {{b}} {{{c}}} ${d} { e } {f.g} {h!r}") == {"a", "c"}


def test_a_number_reads_back_everywhere() -> None:
    draw = random.Random(0)
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float)
    for _ in range(300):
        number = draw.choice([1.0, -1.0]) * draw.choice([1, 3, draw.random()]) * 10.0 ** draw.randint(-30, 30)
        text = value_text(number)
        assert float(text) == number
        assert parser.parse_args([f"--lr={text}"]).lr == number
        read = yaml.safe_load(f"lr: {text}")["lr"]
        assert isinstance(read, int | float)
        assert math.isclose(read, number, rel_tol=0.0)
        assert json.loads(text) == number
        assert tomllib.loads(f"lr = {text}")["lr"] == number or number >= 2**63


def test_a_whole_number_suits_an_integer_option() -> None:
    assert value_text(3.0) == "3"


@pytest.mark.parametrize("text", ["", "  ", "python 'train.py", "a && b", "CUDA_VISIBLE_DEVICES=1 python a.py"])
def test_what_is_no_command_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        split_command(text)


def test_hash_signs_and_empty_arguments_stay() -> None:
    assert split_command("run '#1' #2 '' a'b'c") == ("run", "#1", "#2", "", "abc")


def test_no_text_breaks_it() -> None:
    draw = random.Random(1)
    for _ in range(2000):
        text = "".join(draw.choices("{}{}$ab_ \\'\"" + string.printable, k=draw.randint(0, 30)))
        names = names_in(text)
        filled = fill(text, dict.fromkeys(names, "v"))
        assert names or "{" not in text or filled.count("{") <= text.count("{")


def test_a_template_keeps_the_braces_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "learning_rate: {lr}\nseed: {seed}\noutput_dir: '{out}'\nflow: {a: 1, lr: {lr}}\n"
        "chat_template: \"{% for m in messages %}{{ m.content }}{{lr}}{% endfor %}\"\nprompt: '{instruction}'\n"
        "ref: ${lr}\n",
        encoding="utf-8",
    )
    text, used = render_template(path, {**VALUES, "lora_r": 8})
    assert used == {"lr", "seed", "out"}
    read = yaml.safe_load(text)
    assert (read["learning_rate"], read["seed"], read["output_dir"]) == (2e-5, 3, "/runs/my run/out")
    assert read["flow"] == {"a": 1, "lr": 2e-5}
    assert read["chat_template"] == "{% for m in messages %}{{ m.content }}{{lr}}{% endfor %}"
    assert (read["prompt"], read["ref"]) == ("{instruction}", "${lr}")


def test_a_template_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the template"):
        render_template(tmp_path / "none.yaml", VALUES)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="UTF-8"):
        render_template(tmp_path / "binary", VALUES)
