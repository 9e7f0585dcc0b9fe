"""What a user would know beforehand of a world: the prior of its best rate, a constant, and how responses look.

All that is fitted leaves out the landscapes of the world's own model.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from fitting import fitted, pooled
from player import Told
from world import World

from lrscope.priors.evidence import Landscape, read_evidence
from lrscope.priors.model import Posterior
from lrscope.priors.question import Method, Question, Task
from lrscope.tuning.response import ResponsePrior
from lrscope.tuning.response_prior import GENERAL, with_best

REACH = 1.5  # decades to both sides of the prior's centre
CONSTANTS = {"lora": 3e-4, "full": 2e-5, "head": 1e-3}
SGD, SGD_SD = 1.5, 0.7  # decades above AdamW's, of which `lrscope prior` says nothing
FAMILIES = {"smollm2": "smollm2", "stories": "stories260k", "sample": "sample"}


class Beforehand:
    """What is known of each world beforehand, from the evidence of `lrscope prior` and the other models' worlds."""

    def __init__(self, worlds: list[World]) -> None:
        self._worlds = [each for each in worlds if each.group == "corpus"]
        evidence = read_evidence()
        self._public = tuple(each for each in evidence.landscapes if "tulu3" in each.name)
        self._families = {each.at.model: each.at.family for each in self._public}
        self._evidence = evidence
        self._responses = response_priors(worlds)

    def prior(self, world: World) -> ResponsePrior:
        """Return the prior of a world's response."""
        return with_best(self._responses[world.name], *self._centre(world))

    def told(self, world: World) -> Told:
        """Return what is told of a world; the range is the recorded one, within three decades around the centre."""
        centre, sd = self._centre(world)
        low, high = max(world.low, centre - REACH), min(world.high, centre + REACH)
        constant = float(np.clip(np.log10(CONSTANTS[world.method]), world.low, world.high))
        centre = float(np.clip(centre, low, high))
        return Told(centre, sd, low, high, constant, world.costs, world.method)

    def _centre(self, world: World) -> tuple[float, float]:
        """Return centre and standard deviation of log10 of the best rate, as `lrscope prior` has them."""
        others = [each for each in self._worlds if each.model != world.model and each.optimizer == "adamw"]
        family = self._families.get(world.model.split("/")[-1].lower(), "") if world.group == "public" else ""
        landscapes = tuple(each for each in self._public if not family or each.at.family != family)
        known = replace(self._evidence, landscapes=(*landscapes, *map(_landscape, others)))
        answer = Posterior(known).answer(_question(world, known=False))
        if world.optimizer == "sgd":
            return answer.mean + SGD, float(np.hypot(answer.sd, SGD_SD))
        return answer.mean, answer.sd


def _question(world: World, *, known: bool) -> Question:
    method: Method = world.method  # type: ignore[assignment]
    task: Task = "classification" if world.group == "corpus" and not world.is_sft else "sft"
    return Question(
        method=method, task=task, parameters=world.size, batch_size=world.batch_size, steps=world.steps,
        rank=world.rank,
        family=FAMILIES[world.model] if known else "", model=world.model if known else "",
        data=world.name.split("-")[1] if known else "",
    )  # fmt: skip


def _landscape(world: World) -> Landscape:
    return Landscape(name=world.name, source="", at=_question(world, known=True), best=world.best, se=0.15)


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
