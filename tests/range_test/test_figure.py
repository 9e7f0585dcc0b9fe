"""The picture of a range test: what to search is its title, every kind of line is named once."""

from __future__ import annotations

import numpy as np

from lrscope.range_test.bracket import Bracket
from lrscope.range_test.curve import Curve
from lrscope.range_test.figure import BRACKET, range_figure

RATES = np.geomspace(1e-6, 1.0, 40)


def curve(shift: float, *, diverged_at: float | None = None) -> Curve:
    losses = 1.6 - 0.3 * np.exp(-((np.log10(RATES) + 3.0 + shift) ** 2))
    return Curve(rates=RATES, losses=losses, diverged_at=diverged_at)


def test_bracket_seeds_and_divergence_are_in_the_picture() -> None:
    bracket = Bracket(2e-4, 7e-3, 7e-3, 2.8, "seeds differ by 2.8×; in 1 of 2 seeds it never rose")
    (axes,) = range_figure([curve(0.0, diverged_at=0.5), curve(0.2)], bracket, {"steepest": 1e-3, "none": None}).axes
    assert axes.get_title(loc="left") == "Search 2e-4 to 7e-3 (seeds differ by 2.8×)\nin 1 of 2 seeds it never rose"
    assert (axes.get_xscale(), axes.get_xlabel(), axes.get_ylabel()) == ("log", "learning rate", "loss")
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["search here", "each step", "smoothed, each seed", "mean over seeds", "diverged"]
    (band,) = axes.patches
    assert (band.get_x(), band.get_x() + band.get_width()) == (2e-4, 7e-3)
    assert band.get_facecolor()[:3] == tuple(int(BRACKET[i : i + 2], 16) / 255 for i in (1, 3, 5))
    assert [text.get_text() for text in axes.texts] == ["steepest: 1e-3"]


def test_no_answer_is_the_title() -> None:
    bracket = Bracket(None, None, None, float("nan"), "no confident answer: the loss neither fell nor rose")
    (axes,) = range_figure([curve(0.0)], bracket, {}).axes
    assert axes.get_title(loc="left") == bracket.sentence
    assert not axes.patches
