"""lrscope's policy on a replay: one course of full runs, from which each budget is read off as it goes by."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from player import Answer, Policy, Told
from world import Replay, World

from lrscope.tuning.bracket import Search, next_step
from lrscope.tuning.policy import is_settled, recommend
from lrscope.tuning.response import ResponsePrior


def ours(prior_of: Callable[[World], ResponsePrior]) -> Policy:
    """Return lrscope's policy, with the prior of the response that a user with that world's model would have."""

    def policy(replay: Replay, told: Told, budgets: tuple[int, ...], rng: np.random.Generator) -> list[Answer]:
        search = Search.around(told.start, told.sd, told.low, told.high)
        search = replace(search, upward=told.start < told.centre)
        prior, untrained = prior_of(replay.world), replay.world.untrained
        costs: dict[float, list[float]] = {}
        answers: dict[int, Answer] = {}
        for number in range(1, max(budgets) + 1):
            rate = next_step(costs, search).rate
            loss = replay.run(rate, len(costs.get(rate, ()))).loss
            costs.setdefault(rate, []).append(loss if np.isfinite(loss) else math.inf)
            if number not in budgets and not is_settled(costs):
                continue
            found = recommend(costs, search, prior, untrained)
            answer = Answer(found.rate, number, found.low, found.high)
            if found.is_enough:
                return [answers.get(budget, answer) for budget in budgets]
            if number in budgets:
                answers[number] = answer
        return list(answers.values())

    return policy
