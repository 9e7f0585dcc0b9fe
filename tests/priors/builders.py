"""Evidence made by hand or drawn at random, whose truth is known."""

from __future__ import annotations

import numpy as np

from lrscope.priors.evidence import Evidence, Landscape, Rule, Variances
from lrscope.priors.model import COEFFICIENTS, covariates
from lrscope.priors.question import METHODS, Question

RULES = tuple(Rule(name, -3.0 if name == "base" else 0.0, 1.0 if name == "base" else 0.3, "") for name in COEFFICIENTS)
VARIANCES = Variances(family=0.2, model=0.1, data=0.15, setting=0.1, residual=0.05)
SLOPES = dict(zip(COEFFICIENTS, (-3.2, -1.0, 0.4, 0.1, -0.15, 0.0, 0.0, 0.2, -0.5, 0.3, 0.0), strict=True))


def parabola(at: Question, best: float, *, se: float = 0.05, name: str = "", steepness: float = 0.05) -> Landscape:
    """Return a landscape whose excess is steepness · (decades from the best)², on a grid of half decades."""
    rates = tuple(round(best) + step / 2 for step in range(-3, 4))
    excess = tuple(steepness * (rate - best) ** 2 for rate in rates)
    return Landscape(name=name or at.model, source="made", at=at, best=best, se=se, rates=rates, excess=excess)


def drawn(
    num_families: int = 8, models: int = 4, seed: int = 0, variances: Variances = VARIANCES, num_data: int = 3
) -> Evidence:
    """Return evidence drawn from the model itself: every model at two ranks on every data set."""
    random = np.random.default_rng(seed)
    beta = np.array(list(SLOPES.values()))
    data_effects = variances.data * random.standard_normal(num_data)
    landscapes = []
    for f in range(num_families):
        family_effect = variances.family * random.standard_normal()
        for m in range(models):
            model_effect = variances.model * random.standard_normal()
            parameters = 10 ** random.uniform(8, 11)
            for d in range(num_data):
                setting_effect = variances.setting * random.standard_normal()
                for rank in (4, 64):
                    at = Question(
                        method="lora", parameters=parameters, family=f"f{f}", model=f"f{f}m{m}", data=f"d{d}",
                        batch_size=(8, 32, 128)[d % 3], steps=(100, 400, 1600)[(d + m) % 3], rank=rank,
                    )  # fmt: skip
                    effects = family_effect + model_effect + data_effects[d] + setting_effect
                    noise = np.hypot(variances.residual, 0.05) * random.standard_normal()
                    best = float(np.array(covariates(at)) @ beta + effects + noise)
                    landscapes.append(parabola(at, best, name=f"f{f}m{m}d{d}r{rank}"))
    return Evidence(tuple(landscapes), RULES, dict.fromkeys(METHODS, variances))
