"""What a range test adds to the prior, as far as recorded fine-tunes tell: one sentence, made in this place alone.

`range_tests.json` is written by `benchmarks/landscapes/ramps.py` from range tests at one seed on fine-tunes whose best
rate is known; what the prior says of each leaves its model out.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("range_tests.json")


@dataclass(frozen=True)
class RangeTestsMeasured:
    """How far from the best rate the answers were, in decades, as means over fine-tunes.

    `together` is the prior averaged, by precision, with the rule that does best for other models, and `gain` by how
    much that lies above the prior's own, with its 95% interval over models and trained parts.
    """

    settings: int
    prior: float
    test: float
    together: float
    gain: tuple[float, float, float]

    @property
    def adds(self) -> bool:
        """Whether range test and prior together are nearer to the best rate than the prior alone, beyond doubt."""
        return self.gain[2] < 0.0

    @property
    def sentence(self) -> str:
        """What follows for somebody who has a prior and made a range test, as long as it does not add to the prior.

        >>> print(RangeTestsMeasured(30, 0.30, 0.60, 0.28, (-0.02, -0.08, 0.04)).sentence)
        in 30 recorded fine-tunes the prior missed the best rate by a factor of 2.0 on average, the middle of a range \
test's interval by 4.0, both weighed together by 1.9: the test adds nothing to the prior that they could tell; lrscope \
sweep --lr auto starts from the prior
        """
        prior, test, together = (f"{10.0**each:.1f}" for each in (self.prior, self.test, self.together))
        return (
            f"in {self.settings} recorded fine-tunes the prior missed the best rate by a factor of {prior} on average, "
            f"the middle of a range test's interval by {test}, both weighed together by {together}: the test adds "
            "nothing to the prior that they could tell; lrscope sweep --lr auto starts from the prior"
        )


@functools.cache
def read_range_tests(path: Path = FILE) -> RangeTestsMeasured:
    """Return what was measured."""
    values = json.loads(path.read_text(encoding="utf-8"))
    return RangeTestsMeasured(**{**values, "gain": tuple(values["gain"])})
