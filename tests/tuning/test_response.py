"""The shape of the response: what its parameters are called after."""

import numpy as np
import pytest

from lrscope.tuning.response import DRIFT_1, best_rates, ceilings, regrets
from lrscope.tuning.response_prior import GENERAL, response_prior, with_best

#                 μ     drifts          D    w    v    S    ρ    noise  t
SHAPE = np.array([-3.0, 0.1, 0.2, 0.3, *np.log([1.5, 0.5, 0.4, 0.6]), -0.1, np.log(0.02), np.log(2.0)])


def regret(rate: float, halvings: float = 0.0) -> float:
    return float(regrets(SHAPE[None], np.array([rate]), np.array([halvings]))[0, 0])


def test_the_best_rate_costs_nothing_and_the_depth_is_where_most_is_lost():
    assert regret(-3.0) == 0.0
    assert regret(-4.5) == pytest.approx(0.6 * (1.0 - np.exp(-1.0)))
    assert regret(-12.0) == pytest.approx(0.6, abs=1e-3)


def test_the_other_side_is_steeper_by_the_skew_and_then_a_cliff():
    assert regret(-2.999) / regret(-3.001) == pytest.approx(2.0, rel=0.01)
    below, above = regret(-3.8), regret(-2.2)
    assert above > 2.0 * below


def test_shorter_runs_have_their_best_rate_shifted_by_their_halvings():
    at = best_rates(SHAPE[None], np.array([0.0, 0.5, 1.0, 2.0, 3.0, 4.0]))[0]
    assert at == pytest.approx([-3.0, -2.95, -2.9, -2.7, -2.4, -2.1])


def test_shorter_runs_lie_less_deep():
    assert ceilings(SHAPE[None], np.array([0.0, 2.0]))[0] == pytest.approx([0.6, 0.6 * np.exp(-0.2)])


@pytest.mark.parametrize("method", ["lora", "full", "head", "none of them"])
def test_priors_of_methods_are_distributions(method):
    prior = with_best(response_prior(method), -3.3, 0.4)
    assert np.linalg.eigvalsh(prior.covariance).min() > 0.0
    assert prior.mean[0] == -3.3
    assert prior.covariance[0, 0] == pytest.approx(0.16)
    assert not prior.covariance[0, 1:].any()


def test_the_general_prior_shares_drifts_between_halvings():
    block = GENERAL.covariance[DRIFT_1 : DRIFT_1 + 3, DRIFT_1 : DRIFT_1 + 3]
    assert block[0, 1] == pytest.approx(0.5 * block[0, 0])
