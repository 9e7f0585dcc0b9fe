"""Write docs/schemas/statements.json, the kinds of statements, and in docs/json.md the documents that `--json` prints.

The other schemas are written by hand; the page is read off them. Run it after changing a schema or a statement.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

# Whatever is imported defines its statements.
from lrscope.findings import advice, answer, findings  # noqa: F401
from lrscope.findings.method import Method
from lrscope.findings.suggestions import Suggestion
from lrscope.runs.quantities import Interval
from lrscope.runs.statement import Statement, statement_classes

DOCS = Path(__file__).resolve().parent.parent / "docs"
SCHEMAS, PAGE = DOCS / "schemas", DOCS / "json.md"
Json = dict[str, Any]
NUMBER: Json = {"$ref": "common.json#/$defs/number"}
OF_ADVICE: dict[str, Json] = {
    "because": {"type": "string"}, "command": {"type": "string"}, "minutes": NUMBER,
}  # fmt: skip
SHARED = ("common", "statements")

MARK = "do not edit what follows by hand.\n"


def statements_schema() -> Json:
    """Return the schema of all kinds of statements: of answers and findings, and of advice."""
    said, advised = {}, {}
    for kind in sorted(statement_classes(), key=lambda each: each.kind):
        if issubclass(kind, Suggestion):
            advised[kind.kind] = _statement(kind, OF_ADVICE)
        elif not issubclass(kind, Method):
            said[kind.kind] = _statement(kind, {})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Statements of a report: answers, findings and advice, by their kind",
        "$defs": {
            "statement": {"oneOf": [{"$ref": f"#/$defs/{name}"} for name in said]},
            "advice": {"oneOf": [{"$ref": f"#/$defs/{name}"} for name in advised]},
            **said,
            **advised,
        },
    }


def _statement(kind: type[Statement], more: dict[str, Json]) -> Json:
    hints = get_type_hints(kind)
    fields = {item.name: _schema(hints[item.name]) for item in dataclasses.fields(kind)}
    about = " ".join((kind.__doc__ or "").strip().partition("\n\n")[0].split())
    properties = {"kind": {"const": kind.kind}, **fields, **more}
    return {"description": about, "type": "object", "required": [*properties], "properties": properties}


def _schema(hint: Any) -> Json:
    """Return the schema of a field of this type; its numbers may be unknown."""
    arguments = get_args(hint)
    if get_origin(hint) is Literal:
        return {"enum": [*arguments]}
    if get_origin(hint) in (Union, UnionType):
        each = [{"type": "null"} if part is NoneType else _schema(part) for part in arguments]
        unique = [item for place, item in enumerate(each) if item not in each[:place]]
        return unique[0] if len(unique) == 1 else {"anyOf": unique}
    if get_origin(hint) is Interval:
        return {"type": "array", "items": _schema(arguments[0]), "minItems": 2, "maxItems": 2}
    if dataclasses.is_dataclass(hint):
        hints = get_type_hints(hint)
        fields = {item.name: _schema(hints[item.name]) for item in dataclasses.fields(hint)}
        return {"type": "object", "required": [*fields], "properties": fields}
    if issubclass(hint, tuple):
        (base,) = (each for each in hint.__orig_bases__ if get_origin(each) is tuple)
        return {"type": "array", "items": _schema(get_args(base)[0])}
    for base, schema in ((bool, {"type": "boolean"}), (int, {"type": "integer"}), (str, {"type": "string"})):
        if issubclass(hint, base):
            return schema
    assert issubclass(hint, float), f"no schema is known for {hint}"
    return NUMBER


def json_page() -> str:
    """Return the page: what stands there up to the mark, then every document."""
    head, mark, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    paths = [path for path in sorted(SCHEMAS.glob("*.json")) if path.stem not in SHARED]
    return "\n".join([head + mark, *("\n".join(_document(path)) for path in paths)]).rstrip() + "\n"


def _document(path: Path) -> Iterator[str]:
    schema = _read(path)
    yield f"### `{schema['properties']['schema']['const']}`\n"
    same = " It has all of `lrscope report/1`, and:" if path.stem == "tune" else ""
    yield f"Printed by {schema['title']}. Its schema: [{path.name}](schemas/{path.name}).{same}\n"
    yield "| field | type | what it is |"
    yield "| --- | --- | --- |"
    report = _read(SCHEMAS / "report.json")["properties"] if path.stem == "tune" else {}
    for name, each in schema["properties"].items():
        if name != "schema" and name not in report:
            optional = "" if name in schema["required"] else "?"
            yield from _rows(f"{name}{optional}", each, path)
    yield ""


def _rows(name: str, schema: Json, path: Path) -> Iterator[str]:
    """Yield a row of the table for a field, then those of the fields in it."""
    inner, own = _resolved(schema, path)
    about = schema.get("description") or ("" if schema == NUMBER else inner.get("description", ""))
    kind = f"{_type(schema, path)}; may be missing" if name.endswith("?") else _type(schema, path)
    name = name.removesuffix("?")
    yield "| " + " | ".join(cell.replace("|", "\\|") for cell in (f"`{name}`", kind, about)) + " |"
    if "oneOf" in inner and "statements" not in str(own):
        inner = next(each for each in inner["oneOf"] if each.get("type") != "null")
    suffix = ""
    if inner.get("type") == "array":
        inner, own = _resolved(inner["items"], own)
        suffix = "[]"
    if own.stem == "statements" or "schema" in inner.get("properties", {}):
        return
    for key, each in inner.get("properties", {}).items():
        optional = "" if key in inner["required"] else "?"
        yield from _rows(f"{name}{suffix}.{key}{optional}", each, own)


def _resolved(schema: Json, path: Path) -> tuple[Json, Path]:
    """Return a schema behind its reference, and the file that it is in."""
    if "$ref" not in schema:
        return schema, path
    file, _, place = schema["$ref"].partition("#/$defs/")
    there = SCHEMAS / file if file else path
    if there.stem == "statements":
        return {}, there
    read = _read(there)
    return (read["$defs"][place] if place else read), there


def _type(schema: Json, path: Path) -> str:
    if schema.get("$ref", "").startswith("statements.json"):
        return "statement ([kinds](report.md#as-data))"
    if schema.get("$ref", "").endswith("/number"):
        return "number or null"
    schema, path = _resolved(schema, path)
    if "const" in schema.get("properties", {}).get("schema", {}):
        return f"`{schema['properties']['schema']['const']}`"
    if "enum" in schema:
        return ", ".join("null" if value is None else f"`{value}`" for value in schema["enum"])
    if "oneOf" in schema:
        return "object or null"
    kinds = schema.get("type", "any")
    names = " or ".join([kinds] if isinstance(kinds, str) else kinds)
    if "array" in kinds and "items" in schema:
        inner = _type(schema["items"], path)
        return names.replace("array", f"list of {inner}")
    return names


def _read(path: Path) -> Json:
    found: Json = json.loads(path.read_text(encoding="utf-8"))
    return found


def statements_text() -> str:
    """Return the file of the kinds of statements."""
    return json.dumps(statements_schema(), ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    (SCHEMAS / "statements.json").write_text(statements_text(), encoding="utf-8")
    PAGE.write_text(json_page(), encoding="utf-8")
    print(f"wrote statements.json and {PAGE.name}")
