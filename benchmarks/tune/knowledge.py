"""What a user would know beforehand of a world: the prior of its best rate, a constant, and how responses look.

All that is fitted leaves out the landscapes of the world's own model.
"""

from __future__ import annotations

import numpy as np
from fitting import fitted, pooled
from left_out import prior_without
from player import Told
from world import World

from lrscope.priors.model_names import family_in_name
from lrscope.priors.prior import Prior
from lrscope.priors.question import Method, Question, Task
from lrscope.tuning.response import ResponsePrior
from lrscope.tuning.response_prior import GENERAL, with_best

REACH = 1.5  # decades to both sides of the prior's centre
CONSTANTS = {"lora": 3e-4, "full": 2e-5, "head": 1e-3}


class Beforehand:
    """What is known of each world beforehand, from the evidence of `lrscope prior` and the other models' worlds."""

    def __init__(self, worlds: list[World]) -> None:
        self._responses = response_priors(worlds)

    def prior(self, world: World) -> ResponsePrior:
        """Return the prior of a world's response."""
        known = _known(world)
        return with_best(self._responses[world.name], known.center_log10, known.sd)

    def told(self, world: World) -> Told:
        """Return what is told of a world; the range is the recorded one, within three decades around the centre."""
        known = _known(world)
        low, high = max(world.low, known.center_log10 - REACH), min(world.high, known.center_log10 + REACH)
        constant = float(np.clip(np.log10(CONSTANTS[world.method]), world.low, world.high))
        start, centre = (float(np.clip(rate, low, high)) for rate in (known.start_log10, known.center_log10))
        return Told(start, centre, known.sd, low, high, constant, world.costs, world.method)


def _known(world: World) -> Prior:
    """Return what `lrscope prior` says of a world without its own model; of a public one, without its family."""
    family = family_in_name(world.model) if world.group == "public" else world.model
    return prior_without(family, _question(world), world.optimizer)


def _question(world: World) -> Question:
    method: Method = world.method  # type: ignore[assignment]
    task: Task = "classification" if world.group == "corpus" and not world.is_sft else "sft"
    return Question(
        method=method, task=task, parameters=world.size, batch_size=world.batch_size, steps=world.steps, rank=world.rank
    )


def response_priors(worlds: list[World]) -> dict[str, ResponsePrior]:
    """Return the prior of each world's response: fitted to other models' landscapes, and of these to its method's.

    The public sweep's landscapes are all of other models than the corpus, whose landscapes alone are fitted to.
    """
    corpus = [world for world in worlds if world.group == "corpus"]
    known = {world.name: fitted(world) for world in corpus}
    priors: dict[tuple[str, str], ResponsePrior] = {}
    found = {}
    for world in worlds:
        key = (world.model if world.group == "corpus" else "", world.method)
        if key not in priors:
            others = [each for each in corpus if each.model != key[0]]
            general = pooled([known[each.name] for each in others], GENERAL)
            priors[key] = pooled([known[each.name] for each in others if each.method == world.method], general)
        found[world.name] = priors[key]
    return found


def fitted_responses(worlds: list[World]) -> dict[str, dict[str, list[float] | list[list[float]]]]:
    """Return the prior of each method's responses, fitted to all of the corpus, as plain values."""
    corpus = [world for world in worlds if world.group == "corpus"]
    known = {world.name: fitted(world) for world in corpus}
    general = pooled(list(known.values()), GENERAL)
    found = {}
    for method in CONSTANTS:
        prior = pooled([known[world.name] for world in corpus if world.method == method], general)
        found[method] = {"mean": prior.mean.round(4).tolist(), "covariance": prior.covariance.round(5).tolist()}
    return found
