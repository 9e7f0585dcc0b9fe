"""Optuna 5 as a user has it: samplers and pruners with their defaults, a study a replay, one rate to search for.

A pruned study's runs report at each recorded length and go on where they stopped, as if a shorter run were the
beginning of a longer one: what Optuna prunes then costs less than with lrscope's complete runs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import optuna
from player import Account, Answer, Policy, Told
from world import Replay

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
SEEDS_A_TRIAL = 6  # of the Wilcoxon pruner, whose p cannot be below 0.1 before the fourth


def _tpe(seed: int) -> Any:
    return optuna.samplers.TPESampler(seed=seed)


def _gp(seed: int) -> Any:
    return optuna.samplers.GPSampler(seed=seed)


def of_optuna(sampler: Callable[[int], Any], pruner: Callable[[], Any] | None = None, seeds: int = 1) -> Policy:
    """Return a policy that asks a study what to run, and answers its best trial as budgets are spent."""

    def policy(replay: Replay, told: Told, budgets: tuple[int, ...], rng: np.random.Generator) -> list[Answer]:
        pruned_by = pruner() if pruner else optuna.pruners.NopPruner()
        study = optuna.create_study(sampler=sampler(int(rng.integers(2**31))), pruner=pruned_by)
        account = Account(replay, told, max(budgets))
        answers: list[Answer] = []
        best, least, partial = told.centre, np.inf, True

        def note(rate: float, value: float, whole: bool) -> None:
            nonlocal best, least, partial
            if (whole and partial) or (whole != partial and value < least):
                best, least, partial = rate, value, not whole

        def crossed(cost: float) -> None:
            while len(answers) < len(budgets) and account.spent + cost > budgets[len(answers)] + 1e-9:
                answers.append(Answer(best, account.spent))

        lengths = sorted(told.costs, reverse=True) if pruner and seeds == 1 else [0.0]
        while len(answers) < len(budgets):
            trial = study.ask()
            rate = float(np.log10(trial.suggest_float("rate", 10**told.low, 10**told.high, log=True)))
            paid, values, pruned = 0.0, [], False
            for place, halvings in enumerate(lengths * seeds):
                crossed(told.costs[halvings] - paid)
                if len(answers) == len(budgets):
                    return answers
                seed = trial.number if seeds == 1 else place
                values.append(account.run(rate, seed, halvings, paid))
                paid = told.costs[halvings] if seeds == 1 else 0.0
                shown = values[-1] if seeds == 1 else float(np.mean(values))
                if place < len(lengths) * seeds - 1:
                    note(rate, shown, False)
                step = round(2.0 ** (max(lengths) - halvings)) if seeds == 1 else place
                trial.report(values[-1], step)
                if place < len(lengths) * seeds - 1 and trial.should_prune():
                    pruned = True
                    break
            if pruned and seeds == 1:
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                continue
            study.tell(trial, shown)
            note(rate, shown, True)
        return answers

    return policy


def _halving() -> Any:
    return optuna.pruners.SuccessiveHalvingPruner(min_resource=1)


def _hyperband() -> Any:
    return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=8)


def _wilcoxon() -> Any:
    return optuna.pruners.WilcoxonPruner(p_threshold=0.1, n_startup_steps=2)


OPTUNA: dict[str, Policy] = {
    "Optuna TPE": of_optuna(_tpe),
    "Optuna TPE, successive halving": of_optuna(_tpe, _halving),
    "Optuna TPE, Hyperband": of_optuna(_tpe, _hyperband),
    "Optuna TPE, Wilcoxon": of_optuna(_tpe, _wilcoxon, SEEDS_A_TRIAL),
    "Optuna GP": of_optuna(_gp),
    "Optuna GP, Hyperband": of_optuna(_gp, _hyperband),
}
