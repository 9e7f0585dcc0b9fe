"""Budgets spent on responses whose truth is known."""

import numpy as np
import pytest
from tests.tuning.test_belief import PRIOR, TRUTH, UNTRAINED, run

from lrscope.tuning.belief import Belief
from lrscope.tuning.policy import CONFIRMING, Search, next_runs, recommend
from lrscope.tuning.response import regrets

LENGTHS = {0.0: 1.0, 1.0: 0.5, 2.0: 0.25, 3.0: 0.125}
SEARCH = Search(-5.0, -2.0, LENGTHS)


def spend(budget, search=SEARCH, untrained=UNTRAINED):
    belief, spent = Belief(PRIOR, untrained), 0.0
    while (proposal := next_runs(belief, search, budget - spent)) is not None:
        spent += proposal.cost
        belief.add(*(run(rate, proposal.halvings, seed=len(belief.runs)) for rate in proposal.rates))
    return belief, spent


def cost(rate):
    return float(regrets(TRUTH[None], np.array([rate]), np.zeros(1))[0, 0])


@pytest.mark.parametrize("budget", [1.0, 2.0, 6.0])
def test_it_keeps_to_its_budget_and_to_the_range(budget):
    belief, spent = spend(budget)
    assert spent <= budget + 1e-9
    assert all(SEARCH.low <= each.rate <= SEARCH.high for each in belief.runs)
    answer = recommend(belief, SEARCH)
    assert SEARCH.low <= answer.low <= answer.rate <= answer.high <= SEARCH.high


def test_what_is_recommended_costs_less_than_the_centre_of_the_prior():
    belief, _ = spend(6.0)
    answer = recommend(belief, SEARCH)
    assert cost(answer.rate) < 0.2 * cost(-3.5)
    assert answer.low < TRUTH[0] < answer.high
    assert answer.expected_regret < 0.02


def test_one_full_run_is_spent_on_shorter_ones():
    belief, spent = spend(1.0)
    assert spent > 0.7
    assert all(each.halvings > 0.0 for each in belief.runs)


def test_where_runs_cannot_be_shortened_and_nothing_tells_the_offset_a_single_run_is_none():
    only_full = Search(-5.0, -2.0, {0.0: 1.0})
    assert next_runs(Belief(PRIOR), only_full, 1.0) is None
    pair = next_runs(Belief(PRIOR), only_full, 2.0)
    assert pair is not None
    assert len(pair.rates) == 2
    assert pair.cost == 2.0


def test_it_stops_early_once_full_runs_confirm_that_more_cannot_matter():
    belief, spent = spend(60.0)
    assert spent < 50.0
    assert sum(each.halvings == 0.0 for each in belief.runs) >= CONFIRMING


def test_the_decision_follows_from_the_runs_alone():
    belief, _ = spend(2.0)
    assert next_runs(belief, SEARCH, 3.0) == next_runs(belief, SEARCH, 3.0)
