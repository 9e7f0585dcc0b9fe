"""Simple rules and published ones, at equal cost: what `tune` has to beat."""

from __future__ import annotations

from itertools import count

import numpy as np
from player import Account, Policy, each_budget
from scipy import stats

from lrscope.tuning.bracket import vertex

REDUCTION = 2
STEP = 0.25  # decades between neighbours of a bracket that does not move


def prior(account: Account, rng: np.random.Generator) -> float:
    """The prior's centre, nothing run."""
    return account.told.centre


def constant(account: Account, rng: np.random.Generator) -> float:
    """A constant of the method, nothing run."""
    return account.told.constant


def random_search(account: Account, rng: np.random.Generator) -> float:
    """Rates drawn from the range, uniform in the logarithm; the best one seen."""
    for seed in range(int(account.budget)):
        account.run(float(rng.uniform(account.told.low, account.told.high)), seed)
    return account.best()


def grid(account: Account, rng: np.random.Generator) -> float:
    """As many rates, evenly spaced in the logarithm, as the budget holds; the best one seen."""
    for seed, rate in enumerate(account.told.spread(int(account.budget)).tolist()):
        account.run(rate, seed)
    return account.best()


def grid_of_eight(account: Account, rng: np.random.Generator) -> float:
    """At most eight rates, and what is left for more seeds of each; the best mean."""
    number = min(8, int(account.budget))
    for seed in range(int(account.budget) // number):
        for rate in account.told.spread(number).tolist():
            account.run(rate, seed)
    return account.best()


def _vertex(account: Account) -> float:
    return vertex({rate: losses for (rate, of), losses in account.shown.items() if of == 0.0})


def grid_and_parabola(account: Account, rng: np.random.Generator) -> float:
    """The grid of at most eight rates; the vertex of a parabola through its best and the neighbours."""
    grid_of_eight(account, rng)
    return _vertex(account)


def _bracket(account: Account) -> None:
    """Run the prior's centre, then rates around it in steps of a quarter decade, eight at most, then more seeds."""
    told = account.told
    steps = [(place + 1) // 2 * (-1) ** place for place in range(min(8, int(account.budget)))]
    rates = sorted({float(np.clip(told.centre + STEP * step, told.low, told.high)) for step in steps})
    for seed in count():
        for rate in rates:
            if not account.affords(1.0):
                return
            account.run(rate, seed)


def bracket(account: Account, rng: np.random.Generator) -> float:
    """Rates around the prior's centre; the best mean."""
    _bracket(account)
    return account.best()


def bracket_and_parabola(account: Account, rng: np.random.Generator) -> float:
    """Rates around the prior's centre; the vertex of a parabola through the best and its neighbours."""
    _bracket(account)
    return _vertex(account)


def short_grid(account: Account, rng: np.random.Generator) -> float:
    """A grid of runs as short as there are, at most 16 rates, then more seeds, and one full run of the best."""
    told, shortest = account.told, max(account.told.costs)
    cost = told.costs[shortest]
    sparing = account.budget - 1.0 if account.budget > 1.0 else account.budget
    number = max(1, min(16, int((sparing + 1e-9) / cost)))
    for seed in range(max(1, int((sparing + 1e-9) / cost / number))):
        for rate in told.spread(number).tolist():
            account.run(rate, seed, shortest)
    best = account.best(shortest)
    if account.affords(1.0):
        account.run(best)
    return best


def successive_halving(account: Account, rng: np.random.Generator) -> float:
    """Random rates at the shortest length; the better half goes on to the next, each run paid for whole."""
    told = account.told
    lengths = sorted(told.costs, reverse=True)
    share = account.budget / len(lengths)
    rates = [
        float(rng.uniform(told.low, told.high)) for _ in range(max(1, int((share + 1e-9) / told.costs[lengths[0]])))
    ]
    best = rates[0]
    for halvings in lengths:
        if not account.affords(told.costs[halvings]):
            break
        losses: dict[float, float] = {}
        for seed, rate in enumerate(rates):
            if account.affords(told.costs[halvings]):
                losses[rate] = account.run(rate, seed, halvings)
        ranked = sorted(losses, key=lambda rate: losses[rate])
        best, rates = ranked[0], ranked[: max(1, len(ranked) // REDUCTION)]
    return best


def asha(account: Account, rng: np.random.Generator) -> float:
    """ASHA with one worker, reduction 2: a run goes on where it stopped, so that a promotion costs the difference."""
    told = account.told
    lengths = sorted(told.costs, reverse=True)
    rungs: list[dict[int, float]] = [{} for _ in lengths]
    promoted: list[set[int]] = [set() for _ in lengths]
    rates: list[float] = []
    while True:
        for rung in range(len(lengths) - 2, -1, -1):
            ranked = sorted(rungs[rung], key=lambda run: rungs[rung][run])[: len(rungs[rung]) // REDUCTION]
            ready = [run for run in ranked if run not in promoted[rung]]
            paid = told.costs[lengths[rung]]
            if ready and account.affords(told.costs[lengths[rung + 1]] - paid):
                promoted[rung].add(ready[0])
                rungs[rung + 1][ready[0]] = account.run(rates[ready[0]], ready[0], lengths[rung + 1], paid)
                break
        else:
            if not account.affords(told.costs[lengths[0]]):
                break
            rates.append(float(rng.uniform(told.low, told.high)))
            rungs[0][len(rates) - 1] = account.run(rates[-1], len(rates) - 1, lengths[0])
    top = max(rung for rung in range(len(lengths)) if rungs[rung])
    return rates[min(rungs[top], key=lambda run: rungs[top][run])]


def racing(account: Account, rng: np.random.Generator) -> float:
    """Two races, as irace's: rates meet seed after seed, those that a paired t-test puts below the best drop out.

    The second has rates drawn around the first's best. With fewer than eight runs there is one race of a seed each.
    """
    told, total = account.told, int(account.budget)
    if total < 8:
        return random_search(account, rng)
    losses: dict[float, list[float]] = {}
    for share, sd in ((0.5, None), (1.0, (told.high - told.low) / 8.0)):
        number = max(2, total // 8)
        if sd is None:
            new = [float(rng.uniform(told.low, told.high)) for _ in range(2 * number)]
        else:
            centre = min(losses, key=lambda rate: float(np.mean(losses[rate])))
            new = np.clip(rng.normal(centre, sd, number), told.low, told.high).tolist()
        alive = [*new, *_survivors(losses)]
        for seed in count():
            for rate in alive:
                if seed >= len(losses.setdefault(rate, [])) and account.affords(1.0) and account.spent < share * total:
                    losses[rate].append(account.run(rate, seed))
            alive = [rate for rate in alive if losses[rate]]
            if account.spent >= share * total or not account.affords(1.0) or seed > total:
                break
            alive = _survivors({rate: losses[rate] for rate in alive})
    most = max(len(each) for each in losses.values())
    tried = [rate for rate in losses if len(losses[rate]) >= min(2, most)]
    return min(tried, key=lambda rate: float(np.mean(losses[rate])))


def _survivors(losses: dict[float, list[float]]) -> list[float]:
    if not losses:
        return []
    means = {rate: float(np.mean(each)) for rate, each in losses.items() if each}
    best = min(means, key=lambda rate: means[rate])
    alive = []
    for rate in means:
        both = min(len(losses[rate]), len(losses[best]))
        differences = np.array(losses[rate][:both]) - np.array(losses[best][:both])
        spread = float(differences.std(ddof=1)) if both >= 2 else 0.0
        beaten = spread > 0.0 and differences.mean() / (spread / np.sqrt(both)) > stats.t.ppf(0.95, both - 1)
        if rate == best or not beaten:
            alive.append(rate)
    return alive


PEERS: dict[str, Policy] = {
    "prior's centre": each_budget(prior),
    "constant": each_budget(constant),
    "random search": each_budget(random_search),
    "grid": each_budget(grid),
    "grid of 8, seeds": each_budget(grid_of_eight),
    "grid, parabola": each_budget(grid_and_parabola),
    "prior's bracket": each_budget(bracket),
    "prior's bracket, parabola": each_budget(bracket_and_parabola),
    "short grid, one full run": each_budget(short_grid),
    "successive halving, complete runs": each_budget(successive_halving),
    "ASHA": each_budget(asha),
    "racing": each_budget(racing),
}
