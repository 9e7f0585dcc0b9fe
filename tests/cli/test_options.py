"""Options follow from settings: each has its help, is read as its setting's kind, and reaches its place."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given, settings
from tests.config.strategies import DATA, MODELS, NUMERICS, studies
from tests.conftest import Cli, Toy

from lrscope.cli.app import make_app
from lrscope.cli.options import EXECUTION, FIND, FINETUNE, SWEEP, with_settings
from lrscope.cli.sweep_options import sweep_config
from lrscope.config import FindConfig, StudyConfig
from lrscope.config.base import Setting
from lrscope.config.build import build_config, settings_in
from lrscope.config.catalogue import all_settings
from lrscope.config.command_line import CommandLine
from lrscope.errors import ConfigError
from lrscope.findings.commands import schedule_options, study_options, trial_options
from lrscope.schedules import parse
from lrscope.store.study import StudyStore
from lrscope.studies.plan import arms
from lrscope.workflows.range_tests import range_test_study

NEEDED = {"model": "./m", "train": "/t", "dev": "/d"}


def parsed(names: tuple[str, ...], words: list[str], *, lists: bool = False) -> dict[str, Any]:
    """Return the settings that a command with these options would be called with."""
    taken: list[dict[str, Any]] = []

    @with_settings(names, lists=lists)
    def command(settings: dict[str, Any]) -> None:
        taken.append(settings)

    probe = typer.Typer(add_completion=False, rich_markup_mode=None)
    probe.command()(command)
    probe(words, standalone_mode=False)
    return taken[0]


def options_of(values: dict[str, Any]) -> list[str]:
    return shlex.split(CommandLine("finetune", values).text("posix"))[2:]


def another(item: Setting) -> Any:
    """Return a value other than the default."""
    if item.choices:
        return next(choice for choice in item.choices if choice != item.default)
    if item.kind is bool:
        return True
    if item.kind is int:
        return 7 if item.name != "steps" else 77
    if item.kind is float:
        return 0.005
    if item.kind is tuple:
        return ("head",)
    known = {"schedule": "cosine", "eval_every": "0.5ep", "lora_targets": "q_proj+v_proj"}
    return known.get(item.name, "/some where/é")


def needed(item: Setting) -> dict[str, Any]:
    """Return what must be given together with a setting: the task, the part, or the metric that it belongs to."""
    task = {"task": item.tasks[0]} if item.tasks else {}
    metric = {"generate_metric": "exact_match"} if item.name.startswith("answer_") else {}
    return {**NEEDED, **task, **metric, **({"train_part": item.of_part} if item.of_part else {})}


def held(config: StudyConfig, item: Setting) -> Any:
    return getattr(getattr(config, item.section) if item.section else config, item.name)


def as_held(item: Setting, value: Any) -> Any:
    """Return a value that was written as its section holds it."""
    if item.name == "schedule":
        return parse("warmup(6%) > cosine")
    return value if item.parse is None else item.parse(value)


def test_every_option_has_a_help() -> None:
    root: Any = typer.main.get_command(make_app())
    commands = [*root.commands.values(), *root.commands["schedule"].commands.values()]
    for command in commands:
        for option in command.params:
            if option.param_type_name == "option" and not hasattr(command, "commands"):
                assert option.help, f"{command.name} {option.name}"
                assert option.help[0].isupper() or option.help.startswith(("generate", "lrscope", "0 takes")), (
                    option.help
                )


def test_help_is_for_people() -> None:
    root: Any = typer.main.get_command(make_app())
    about = root.get_help(typer.Context(root, info_name="lrscope"))
    assert "..." not in about.partition("Commands:")[2], "what a command does is told whole"
    for name in ("sweep", "tune"):
        command = root.commands[name]
        shown = command.get_help(typer.Context(command, info_name=name)).partition("\nYour own training:\n")
        own = shown[2].partition("\n\n")[0]
        for flag in ("--command", "--template", "--set", "--steps", "--metric", "--minimize", "--timeout"):
            assert (f"{flag} " in own, f"\n  {flag} " in shown[0]) == (True, False), f"{name} {flag}"
    for name in ("report", "status", "export"):
        command = root.commands[name]
        text = command.get_help(typer.Context(command, info_name=name))
        assert not re.search(r"[{}]|<\w+>|list\[", text), f"{name}: Python's types are no words for a user"


@pytest.mark.parametrize("name", [name for name in FINETUNE if name != "warmup"])
def test_every_setting_of_a_finetune_reaches_its_place(name: str) -> None:
    item = all_settings()[name]
    values = {**needed(item), "peak_rate": 1e-3, name: another(item)}
    config = build_config(parsed(FINETUNE, options_of(values)))
    assert held(config, item) == as_held(item, another(item))


@pytest.mark.parametrize("name", [name for name in SWEEP if name not in ("warmup", "seeds", *EXECUTION)])
def test_every_setting_of_a_sweep_reaches_its_place(name: str) -> None:
    item = all_settings()[name]
    one = another(item)

    def asked(value: Any) -> StudyConfig:
        words = options_of({**needed(item), "peak_rate": 1e-3, name: value})
        return sweep_config(parsed(SWEEP, words, lists=True), None)

    if not item.varies:
        assert held(asked(one), item) == as_held(item, one)
        return
    if name == "schedule":
        config = asked(("linear", "cosine"))
        assert config.sweep is not None
        assert [str(each) for each in config.sweep.grid[name]] == ["warmup(6%) > linear", "warmup(6%) > cosine"]
        return
    two = (one, item.default if item.default is not None else 3)
    config = asked(two)
    assert config.sweep is not None
    assert config.sweep.grid[name] == tuple(as_held(item, value) for value in two)


@pytest.mark.parametrize("name", [name for name in FIND if name not in ("warmup", *EXECUTION)])
def test_every_setting_of_a_range_test_reaches_its_place(name: str) -> None:
    item = all_settings()[name]
    read = parsed(FIND, options_of({**needed(item), name: another(item)}))
    base = build_config({**read, "peak_rate": 1e-2}, what="find")
    config = range_test_study(base, FindConfig(**settings_in(read, "find")), **settings_in(read, "sweep"))
    assert held(config, item) == as_held(item, another(item))


PLACED = {
    "data": DATA.map(lambda values: {**values, "train": "/t $(x)", "dev": '/"d"', "test": None, "label_names": None}),
    "model": MODELS.map(lambda v: {**v, "model": "/a model", "tokenizer": v["tokenizer"] and "/it's"}),
    "numerics": NUMERICS.map(lambda values: {**values, "device": "auto", "threads": None}),
}


@settings(max_examples=40, deadline=None)
@given(studies(**PLACED))
def test_a_command_line_asks_for_the_same_study_again(config: StudyConfig) -> None:
    options = {
        **study_options(config), **trial_options(config.trial), **schedule_options(config.trial.schedule),
        "peak_rate": config.trial.peak_rate, "epochs": config.trial.epochs, "seed": config.trial.seed,
    }  # fmt: skip
    asked = build_config(parsed(FINETUNE, options_of(options)))
    assert asked.to_dict() == config.to_dict()


def test_the_old_double_use_of_train_works_with_a_note(toy: Toy, tmp_path: Any, cli: Cli) -> None:
    code, _, err = cli("sweep", *toy.options("--train", "head", "--seeds", "1"), "--out", tmp_path / "s", "--yes")
    assert code == 0, err
    assert "note: --train names the training file; write --train-part head for what is trained" in err
    with StudyStore.open(tmp_path / "s") as store:
        assert store.config.trial.train_part == "head"
        assert store.config.data.train == str(toy.train)
    code, _, err = cli("finetune", *toy.options("--train", "head", "--train-part", "full"))
    assert code == 2
    assert "--train-part takes one value: got head and full" in err


def test_a_sweep_compares_parts_and_settings_of_the_adapters() -> None:
    words = options_of({**NEEDED, "peak_rate": 1e-3, "train_part": ("full", "lora"), "lora_rank": (4, 64), "seeds": 2})
    config = sweep_config(parsed(SWEEP, words, lists=True), None)
    assert config.sweep is not None
    assert config.sweep.grid == {"train_part": ("full", "lora"), "lora_rank": (4, 64)}
    assert [(arm.config.train_part, arm.config.lora_rank) for arm in arms(config)] == [
        ("full", 16), ("lora", 4), ("lora", 64),
    ]  # fmt: skip


def test_another_part_leaves_the_files_settings_of_the_adapters_out(tmp_path: Path) -> None:
    config = build_config({**NEEDED, "peak_rate": 1e-3, "train_part": "lora", "lora_rank": 4})
    (tmp_path / "c.toml").write_text(config.to_toml(), encoding="utf-8")
    base = StudyConfig.from_toml(tmp_path / "c.toml")
    assert build_config({"train_part": "full"}, base=base).trial.lora_rank == 16
    assert build_config({"peak_rate": 1e-2}, base=base).trial.lora_rank == 4
    with pytest.raises(ConfigError, match="lora_rank belongs to train_part lora: got full"):
        build_config({"train_part": "full", "lora_rank": 8}, base=base)


def test_a_file_called_lora_can_be_trained_on() -> None:
    words = ["--model", "./m", "--train", "lora", "--dev", "/d", "--lr", "1e-3"]
    assert build_config(parsed(FINETUNE, words)).data.train == str(Path("lora").resolve())


def test_a_micro_batch_is_held_to_the_batches_that_are_compared() -> None:
    words = options_of({**NEEDED, "peak_rate": 1e-3, "batch_size": (64, 128), "micro_batch": 48})
    assert sweep_config(parsed(SWEEP, words, lists=True), None).trial.micro_batch == 48


def test_a_warmup_keeps_the_shape_of_the_files_schedule(tmp_path: Any) -> None:
    config = build_config({**NEEDED, "peak_rate": 1e-3, "schedule": "warmup(10%) > cosine"})
    (tmp_path / "c.toml").write_text(config.to_toml(), encoding="utf-8")
    again = build_config({"warmup": "20%"}, base=StudyConfig.from_toml(tmp_path / "c.toml"))
    assert str(again.trial.schedule) == "warmup(20%) > cosine"
    sweep = sweep_config({"warmup": ("0", "20%")}, StudyConfig.from_toml(tmp_path / "c.toml")).sweep
    assert sweep is not None
    assert [str(each) for each in sweep.grid["schedule"]] == ["cosine", "warmup(20%) > cosine"]
