"""The look of every figure: colours that colour-blind readers tell apart, also in grey (Okabe and Ito, 2008)."""

from __future__ import annotations

from typing import Any

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#7F7F7F"
# One colour for each setting, in this order, wherever it is drawn; after the last one they begin again, dashed.
COLOURS = (BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9", GREY)
# Of intervals along the rates: what was expected before training, and what follows from the runs.
SPAN_COLOURS = {"expected": GREY, "estimated": BLUE}
STYLE: Any = {
    "font.size": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "figure.dpi": 150,
    "svg.fonttype": "none",
}
