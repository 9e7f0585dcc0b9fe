"""lrscope's policy on a replay: the bracket with few runs, then one trajectory, from which each budget branches off."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
from player import DIVERGED, Account, Answer, Policy, Told
from world import Replay, World

from lrscope.tuning import bracket
from lrscope.tuning.belief import Belief, Observed
from lrscope.tuning.bracket import FEW
from lrscope.tuning.policy import Search, next_runs, recommend
from lrscope.tuning.response import ResponsePrior
from lrscope.tuning.savings import Proposal


def ours(prior_of: Callable[[World], ResponsePrior]) -> Policy:
    """Return lrscope's policy, with the prior of the response that a user with that world's model would have."""
    beliefs: dict[str, Belief] = {}

    def policy(replay: Replay, told: Told, budgets: tuple[int, ...], rng: np.random.Generator) -> list[Answer]:
        name = replay.world.name
        if name not in beliefs:
            beliefs[name] = Belief(prior_of(replay.world), replay.world.untrained)
        search = Search(told.low, told.high, told.costs)
        few = [_few(copy.copy(beliefs[name]), search, Account(replay, told, each)) for each in budgets if each < FEW]
        accounts = [Account(replay, told, budget) for budget in budgets if budget >= FEW]
        seeds: dict[float, int] = dict.fromkeys(told.costs, 0)
        return few + _play(copy.copy(beliefs[name]), search, accounts, seeds)

    return policy


def _few(belief: Belief, search: Search, account: Account) -> Answer:
    """Play the bracket; the interval is that of what its runs show."""
    losses = {}
    for seed, rate in enumerate(bracket.rates(account.told.centre, int(account.budget), search.low, search.high)):
        losses[rate] = account.run(rate, seed)
        belief.add(Observed(rate, 0.0, np.nan if losses[rate] == DIVERGED else float(np.log(losses[rate]))))
    rate, answer = bracket.vertex(losses), recommend(belief, search)
    return Answer(rate, account.spent, min(rate, answer.low), max(rate, answer.high))


def _play(belief: Belief, search: Search, accounts: list[Account], seeds: dict[float, int]) -> list[Answer]:
    """Play budgets, the least first, that have run the same so far."""
    while True:
        chosen = [next_runs(belief, search, account.budget - account.spent) for account in accounts]
        if chosen[0] is None or chosen[0] != chosen[-1]:
            break
        _run(belief, chosen[0], accounts, seeds)
    if len(accounts) > 1:
        first = _play(copy.copy(belief), search, accounts[:1], dict(seeds))
        return first + _play(belief, search, accounts[1:], seeds)
    answer = recommend(belief, search)
    return [Answer(answer.rate, accounts[0].spent, answer.low, answer.high)]


def _run(belief: Belief, proposal: Proposal, accounts: list[Account], seeds: dict[float, int]) -> None:
    length = proposal.halvings
    for rate in proposal.rates:
        loss = accounts[0].replay.run(rate, seeds[length], length).loss
        seeds[length] += 1
        for account in accounts:
            account.spent += account.told.costs[length]
        belief.add(Observed(rate, length, float(np.log(loss))))
