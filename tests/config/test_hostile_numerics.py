"""Numerics that a damaged study keeps are refused in a line."""

from typing import Any

import pytest

from lrscope.config.numerics import Numerics
from lrscope.errors import UnusableStudyError

WHOLE = Numerics("cpu", "float32", 2, "bucketed", "native")


def test_what_a_study_keeps_comes_back() -> None:
    assert Numerics.from_dict({**WHOLE.to_dict(), "of a later version": 1}) == WHOLE


@pytest.mark.parametrize(
    "change",
    [{"threads": "2"}, {"threads": 0}, {"threads": 10**9}, {"threads": True}, {"precision": "half"}, {"device": None},
     {"implementation": ["native"]}, {"batching": 1}, {"code": {}}],
)  # fmt: skip
def test_values_that_cannot_be(change: dict[str, Any]) -> None:
    with pytest.raises(UnusableStudyError, match=next(iter(change))):
        Numerics.from_dict({**WHOLE.to_dict(), **change})


def test_a_value_that_is_missing() -> None:
    with pytest.raises(UnusableStudyError, match="device"):
        Numerics.from_dict({"threads": 1})
