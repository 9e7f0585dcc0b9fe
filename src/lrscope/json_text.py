"""JSON documents for programs: each begins with the name and version of its schema, docs/schemas/NAME.json."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

# What would end the element of a page that a document stands in, or a line of JavaScript.
_OF_HTML = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def with_schema(schema: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document: the name and version of its schema, then its values.

    >>> with_schema("report/1", {"margin": 0.02})
    {'schema': 'lrscope report/1', 'margin': 0.02}
    """
    return {"schema": f"lrscope {schema}", **values}


def json_text(document: Mapping[str, Any], *, indent: int | None = 2) -> str:
    """Return a document as JSON; NaN becomes null, and infinity, which JSON lacks, the text "inf" or "-inf"."""
    separators = (",", ":") if indent is None else None
    return json.dumps(_plain(document), ensure_ascii=False, indent=indent, separators=separators, allow_nan=False)


def embedded_json(document: Mapping[str, Any]) -> str:
    r"""Return a document as JSON for `<script type="application/json">`, which nothing in it can end.

    >>> print(embedded_json({"name": "</script><!--"}))
    {"name":"\u003c/script\u003e\u003c!--"}
    """
    return json_text(document, indent=None).translate(_OF_HTML)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
