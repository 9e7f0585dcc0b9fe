"""How a range test shows itself."""

from __future__ import annotations

import numpy as np
from tests.notebook import shown

from lrscope.range_test.curve import Curve
from lrscope.range_test.result import RangeTestResult

RATES = np.geomspace(1e-5, 1.0, 50)


def test_a_notebook_shows_the_picture_and_what_to_search() -> None:
    rising = Curve.of(RATES, 1.0 - 0.1 * np.log10(RATES / 1e-5) + 4.0 * RATES, rose=True)
    test = RangeTestResult((rising,), ("the loader < is an iterator",))
    assert repr(test).startswith("<range test, 1 seed: search 5.8e-4 to 1.8e-2")
    assert repr(rising) == "<curve, seed 0: 50 rates, 1e-5 to 1, diverged at 1>"
    page = shown(test)["text/html"]
    assert "data:image/png" in page
    assert "search 5.8e-4 to 1.8e-2" in page
    assert "<p>the loader &lt; is an iterator</p>" in page


def test_without_an_answer_it_says_why() -> None:
    test = RangeTestResult((Curve.of(RATES[:3], [1.0, 1.0, float("nan")]),))
    assert repr(test) == "<range test, 1 seed: no confident answer: the test ended before a curve could be read>"
    assert "no confident answer" in shown(test)["text/html"]
