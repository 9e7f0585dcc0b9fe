"""What a policy is told, what it answers, and the account of what its runs cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from world import Replay

DIVERGED = 20.0  # log-loss that peers are told of a run that diverged
NEARLY = 1e-9


@dataclass(frozen=True)
class Told:
    """What is known before anything runs: the prior, the range, and what runs of each length cost in full runs.

    `start` is the rate that the prior says to begin at, as `lrscope tune` does; `centre` is its middle.
    """

    start: float
    centre: float
    sd: float
    low: float
    high: float
    constant: float
    costs: dict[float, float]
    method: str

    def spread(self, number: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Return the middles of so many equal parts of the range."""
        return self.low + (self.high - self.low) * (np.arange(number) + 0.5) / number


@dataclass(frozen=True)
class Answer:
    """The log10 rate that is recommended, what was spent, and the interval that holds the best where one is stated."""

    rate: float
    spent: float
    low: float = np.nan
    high: float = np.nan


@dataclass(eq=False)
class Account:
    """Runs of a replay, with what they cost."""

    replay: Replay
    told: Told
    budget: float
    spent: float = 0.0
    shown: dict[tuple[float, float], list[float]] = field(default_factory=dict)

    def affords(self, cost: float) -> bool:
        """Return whether so much is left."""
        return self.spent + cost <= self.budget + NEARLY

    def run(self, rate: float, seed: int = 0, halvings: float = 0.0, paid: float = 0.0) -> float:
        """Return the log-loss of a run, of which a part may have been paid already."""
        self.spent += self.told.costs[halvings] - paid
        loss = self.replay.run(rate, seed, halvings).loss
        loss = loss if np.isfinite(loss) else DIVERGED
        self.shown.setdefault((rate, halvings), []).append(loss)
        return loss

    def best(self, halvings: float = 0.0) -> float:
        """Return the rate of the least mean log-loss of runs of a length."""
        means = {rate: float(np.mean(losses)) for (rate, of), losses in self.shown.items() if of == halvings}
        return min(means, key=lambda rate: means[rate])


Policy = Callable[[Replay, Told, tuple[int, ...], np.random.Generator], list[Answer]]
One = Callable[[Account, np.random.Generator], float]


def each_budget(play: One) -> Policy:
    """Make a policy of one that is played anew for every budget."""

    def policy(replay: Replay, told: Told, budgets: tuple[int, ...], rng: np.random.Generator) -> list[Answer]:
        answers = []
        for budget in budgets:
            account = Account(replay, told, budget)
            rate = play(account, rng)
            assert account.spent <= budget + 1e-6, f"{play.__name__} spent {account.spent} of {budget}"
            answers.append(Answer(rate, account.spent))
        return answers

    return policy
