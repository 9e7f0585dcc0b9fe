"""A matplotlib figure that a notebook shows by itself, without pyplot, which keeps global state.

It imports matplotlib: import it where a figure is drawn.
"""

from __future__ import annotations

import base64
import html
import io

from matplotlib.figure import Figure
from PIL import Image

NUM_COLOURS = 128  # of a picture in a notebook's file: a third of its size, and no difference that is seen


class ShownFigure(Figure):
    """A figure that stands last in a cell is shown as a picture."""

    def _repr_png_(self) -> bytes:
        drawn, small = io.BytesIO(), io.BytesIO()
        self.savefig(drawn, format="png")
        Image.open(drawn).convert("RGB").quantize(NUM_COLOURS).save(small, format="png", optimize=True)
        return small.getvalue()

    def to_html(self, alt: str) -> str:
        """Return the figure as a picture in HTML; `alt` is what is read aloud."""
        data = base64.b64encode(self._repr_png_()).decode("ascii")
        style = "width:100%;max-width:46rem;height:auto;background:#fff"
        return f'<img alt="{html.escape(alt)}" style="{style}" src="data:image/png;base64,{data}">'
