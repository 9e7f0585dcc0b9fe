"""What a notebook shows of a value that stands last in a cell."""

from __future__ import annotations

from typing import Any


def shown(value: object) -> dict[str, Any]:
    """Return a value's forms by media type, as Jupyter asks for them."""
    from IPython.core.formatters import DisplayFormatter

    forms, _ = DisplayFormatter().format(value)
    return dict(forms)
