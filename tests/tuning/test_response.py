"""The shape of the response: what its parameters are called after."""

import numpy as np
import pytest

from lrscope.tuning.response import regrets
from lrscope.tuning.response_prior import response_prior, with_best

#                 μ             D    w    v    S     noise         t
SHAPE = np.array([-3.0, *np.log([1.5, 0.5, 0.4, 0.6]), np.log(0.02), np.log(2.0)])


def regret(rate: float) -> float:
    return float(regrets(SHAPE[None], np.array([rate]))[0, 0])


def test_the_best_rate_costs_nothing_and_the_depth_is_where_most_is_lost():
    assert regret(-3.0) == 0.0
    assert regret(-4.5) == pytest.approx(0.6 * (1.0 - np.exp(-1.0)))
    assert regret(-12.0) == pytest.approx(0.6, abs=1e-3)


def test_the_other_side_is_steeper_by_the_skew_and_then_a_cliff():
    assert regret(-2.999) / regret(-3.001) == pytest.approx(2.0, rel=0.01)
    below, above = regret(-3.8), regret(-2.2)
    assert above > 2.0 * below


@pytest.mark.parametrize("method", ["lora", "full", "head", "none of them"])
def test_priors_of_methods_are_distributions(method):
    prior = with_best(response_prior(method), -3.3, 0.4)
    assert np.linalg.eigvalsh(prior.covariance).min() > 0.0
    assert prior.mean[0] == -3.3
    assert prior.covariance[0, 0] == pytest.approx(0.16)
    assert not prior.covariance[0, 1:].any()
