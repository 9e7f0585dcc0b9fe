"""What responses look like before anything is run, and where the best rate is.

`responses.json` holds the Normal of each method, fitted to the corpus of landscapes by `tune_policies.py --fit`; a
method without any has the general one.
"""

from __future__ import annotations

import functools
import json
import math
from pathlib import Path

import numpy as np

from lrscope.tuning.response import BEST, ResponsePrior

RESPONSES = Path(__file__).with_name("responses.json")
# mean, standard deviation of log D, log w, log v, log S, log(noise / S), t
_SHAPE = (
    (math.log(1.2), 0.5), (math.log(0.5), 0.6), (math.log(0.4), 0.6), (math.log(0.3), 1.5), (math.log(0.02), 1.0),
    (0.0, 0.5),
)  # fmt: skip


def _general() -> ResponsePrior:
    mean = np.array([-3.5, *(each[0] for each in _SHAPE)])
    return ResponsePrior(mean, np.diag([0.25, *(each[1] ** 2 for each in _SHAPE)]))


GENERAL = _general()


@functools.cache
def response_prior(method: str) -> ResponsePrior:
    """Return the fitted prior of a method's responses, the general one where none is known.

    >>> response_prior("lora").mean.shape
    (7,)
    """
    known = json.loads(RESPONSES.read_text(encoding="utf-8")).get(method)
    return GENERAL if known is None else ResponsePrior(np.array(known["mean"]), np.array(known["covariance"]))


def with_best(prior: ResponsePrior, centre: float, sd: float) -> ResponsePrior:
    """Return a prior of the response with another of log10 of the best rate."""
    mean, covariance = prior.mean.copy(), prior.covariance.copy()
    mean[BEST], covariance[BEST, :], covariance[:, BEST] = centre, 0.0, 0.0
    covariance[BEST, BEST] = sd * sd
    return ResponsePrior(mean, covariance)
