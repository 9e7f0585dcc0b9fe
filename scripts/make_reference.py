"""Write docs/reference.md: every setting and every command, read off their declarations. Run it after changing one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from lrscope.cli.app import make_app
from lrscope.config.base import Section, Setting, settings_of
from lrscope.config.catalogue import SECTIONS, WARMUP

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference.md"
WIDTH = 100

HEAD = """\
# Reference

Written by `scripts/make_reference.py` from the declarations in `src/lrscope/config/`; do not edit it by hand.

A setting has one name: the key in a `config.toml`, in the grid of a sweep and in Python. The option of the same name is
spelled with dashes, except where the table says otherwise. *sweep* marks what `lrscope sweep` can compare: there the
option takes several values, separated by commas (schedules by semicolons), and in TOML the values stand under
`[sweep.grid]`. *find* marks what a range test trains with.
"""


def reference() -> str:
    """Return the whole page."""
    parts = [HEAD]
    for key, section in SECTIONS.items():
        parts += ["\n".join(_section(key, section))]
    parts += ["## Commands\n", *_commands()]
    return "\n".join(parts).rstrip() + "\n"


def _section(key: str, section: type[Section]) -> Iterator[str]:
    about = (section.__doc__ or "").strip().splitlines()[0]
    yield f"## `[{key}]`\n" if key else "## The study\n"
    yield f"{about}\n"
    yield "| setting | option | values | default | what it is | used by | `TrainingArguments` |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for item in settings_of(section).values():
        if not issubclass(item.kind, Section):
            yield _row(item)
            if item.name == "schedule":
                yield _row(WARMUP)
    yield ""


def _row(item: Setting) -> str:
    key = f"`{item.name}`" if item is not WARMUP else "part of `schedule`"
    option = f"`{item.flag}`" if item.name not in ("grid", "part_rates", "widen", "task") else ""
    used = [word for word, holds in (("sweep", item.varies), ("find", item.in_find)) if holds]
    trainer = f"`{item.trainer}`" if item.trainer else ""
    cells = (key, option, _values(item), _default(item), item.help, ", ".join(used), trainer)
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _values(item: Setting) -> str:
    if item.choices:
        return ", ".join(f"`{choice}`" for choice in item.choices)
    if item.items:
        return "any of " + ", ".join(f"`{name}`" for name in item.items)
    kinds: dict[Any, str] = {int: "whole number", float: "number", bool: "`true`, `false`", str: "text", dict: "table"}
    kind = kinds.get(item.kind, "schedule" if item.name == "schedule" else "table")
    bounds = item.bounds.replace("a positive number", "above 0")
    return f"{kind}, {bounds}" if bounds else kind


def _default(item: Setting) -> str:
    if item.is_required:
        return "must be given"
    return item.shown_default or f"`{str(item.default).lower() if item.kind is bool else item.default}`"


def _commands() -> Iterator[str]:
    root: Any = typer.main.get_command(make_app())
    for name, command in root.commands.items():
        for path, leaf in _leaves(name, command):
            widths = {"max_content_width": WIDTH, "terminal_width": WIDTH}
            context = leaf.context_class(leaf, info_name=f"lrscope {path}", **widths)
            text = "\n".join(line.rstrip() for line in leaf.get_help(context).splitlines())
            yield f"### `lrscope {path}`\n\n```text\n{text}\n```\n"


def _leaves(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for part, leaf in inner.items():
        yield f"{name} {part}", leaf


if __name__ == "__main__":
    REFERENCE.write_text(reference(), encoding="utf-8")
    print(f"wrote {REFERENCE.name}")
