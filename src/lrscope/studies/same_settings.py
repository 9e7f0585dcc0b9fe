"""Going on with what was begun only where the same is asked for: settings compared, one line where they differ."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from lrscope.config import AnyStudy
from lrscope.config.command_line import typed
from lrscope.data.dev_share import parse_share
from lrscope.errors import Problem, StudyError

WHERE_IT_RUNS = ("device", "threads")
INPUT_PATHS = {"data": ("train", "dev", "test", "label_names"), "model": ("model", "tokenizer")}


def require_same_settings(
    folder: Path,
    kept: AnyStudy,
    asked: AnyStudy,
    *,
    moved: Mapping[str, Collection[str]] | None = None,
    way_out: str,
) -> None:
    """Refuse other settings than those that `folder` was begun with; where it runs may change.

    `moved` are the inputs that may lie elsewhere now, by section, since their contents are compared.

    Raises:
        StudyError: a setting is another one; the message names the first.
    """
    before, now = kept.to_dict(), asked.to_dict()
    for section in dict.fromkeys([*before, *now]):
        old, new = _flat(before.get(section, {})), _flat(now.get(section, {}))
        for name in dict.fromkeys([*old, *new]):
            is_free = (section == "numerics" and name in WHERE_IT_RUNS) or name in (moved or {}).get(section, ())
            is_free = is_free and not (section == "data" and name == "dev" and _is_share(old, new))
            if old.get(name) != new.get(name) and not is_free:
                rule = f"this study was begun with {_shown(section, name, old)}"
                got = typed(new["command"]) if name == "command" and new.get(name) else _value(new.get(name))
                raise StudyError(Problem(rule, got, way_out), source=str(folder))


def _is_share(*sections: Mapping[str, Any]) -> bool:
    """Whether dev is a share of train, which does not lie anywhere, on either side."""
    return any(parse_share(section.get("dev") or "") is not None for section in sections)


def _flat(section: Any) -> Mapping[str, Any]:
    """Return a section with the settings of a grid in it as its own; a value of the study itself as a section."""
    if not isinstance(section, Mapping):
        return {"": section}
    grid = section.get("grid", {})
    return {**{name: value for name, value in section.items() if name != "grid"}, **grid}


def _shown(section: str, name: str, values: Mapping[str, Any]) -> str:
    setting, value = f"{{{name or section}}}", _value(values.get(name))
    if "{" in value:  # a command, whose places would be spelled as settings
        return f"another {setting}"
    return f"no {setting}" if values.get(name) is None else f"{setting} {value}"


def _value(value: Any) -> str:
    if value is None:
        return "none"
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
