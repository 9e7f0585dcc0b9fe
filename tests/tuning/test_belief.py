"""What is believed after runs, on responses whose truth is known."""

import numpy as np
import pytest

from lrscope.tuning.belief import Belief, Observed
from lrscope.tuning.response import regrets
from lrscope.tuning.response_prior import GENERAL, with_best

PRIOR = with_best(GENERAL, -3.5, 0.5)
TRUTH = np.array([-3.0, *np.log([1.2, 0.5, 0.4, 0.4]), np.log(0.01), 0.0])
UNTRAINED = np.log(1.0) + 0.4


def run(rate, seed=0):
    regret = regrets(TRUTH[None], np.array([rate]))[0, 0]
    noise = 0.004 * np.random.default_rng([seed, round(1000 * -rate)]).standard_normal()
    return Observed(rate, float(regret + noise))


def centre(belief):
    return float(belief.weights @ belief.parameters[:, 0])


def test_without_runs_it_is_the_prior():
    belief = Belief(PRIOR)
    assert belief.weights == pytest.approx(1.0 / len(belief.weights))
    assert belief.parameters.mean(0) == pytest.approx(PRIOR.mean)
    low, high = belief.interval(0.8)
    assert (low, high) == pytest.approx((-3.5 - 0.64, -3.5 + 0.64), abs=0.08)


def test_full_runs_find_the_best_rate():
    belief = Belief(PRIOR, UNTRAINED)
    belief.add(*(run(rate) for rate in np.arange(-4.5, -2.2, 0.25)))
    low, high = belief.interval(0.95)
    assert abs(centre(belief) + 3.0) < 0.1
    assert high - low < 0.5


def test_the_same_runs_give_the_same_belief_however_they_came():
    first, second = Belief(PRIOR), Belief(PRIOR)
    for belief in (first, second):
        belief.add(run(-4.0))
        belief.add(run(-3.0), run(-2.5))
    assert (first.parameters == second.parameters).all()
    assert (first.weights == second.weights).all()


def test_a_run_that_diverged_warns_of_its_rate():
    belief, warned = Belief(PRIOR), Belief(PRIOR)
    warned.add(Observed(-2.8, np.nan))
    at = np.array([-2.8])
    assert warned.expected_regrets(at)[0] > 2.0 * belief.expected_regrets(at)[0]
    assert centre(warned) < centre(belief)


def test_the_loss_before_training_tells_what_there_is_to_lose():
    deep, shallow = (Belief(PRIOR, untrained) for untrained in (1.0, 0.02))
    for belief in (deep, shallow):
        belief.add(run(-3.0))
    at = np.array([-4.5])
    assert deep.expected_regrets(at)[0] > 5.0 * shallow.expected_regrets(at)[0]


def test_residuals_of_full_runs_bend_the_shape_where_they_are():
    belief = Belief(PRIOR, UNTRAINED)
    assert not belief.correction(np.array([-3.0, -2.0])).any()
    belief.add(*(run(rate) for rate in np.arange(-4.5, -2.2, 0.25)))
    belief.add(*(Observed(-3.5, run(-3.5).value + 0.03) for _ in range(8)))
    near, far = belief.correction(np.array([-3.5, -1.0]))
    assert near > 0.0
    assert abs(far) < 1e-3
