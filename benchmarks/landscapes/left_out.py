"""What `lrscope prior` would say of a setting had its family of models never been measured, fitted without it.

What is judged on a landscape must not have seen it: the evidence is without the family, the variances are fitted to
the rest, and the question is asked as of an unknown model and of new data.
"""

from __future__ import annotations

import functools
import math
from dataclasses import replace

from settings import Setting

from lrscope.config import TrialConfig
from lrscope.priors.evidence import Evidence, read_evidence
from lrscope.priors.fitting import fitted
from lrscope.priors.prior import Prior, posterior_of, predict, with_peak
from lrscope.priors.question import Question
from lrscope.priors.regret import best_start

SGD, SGD_SD = 1.5, 0.7  # decades above AdamW's, of which `lrscope prior` says nothing


@functools.cache
def prior_without(family: str, question: Question, optimizer: str = "adamw") -> Prior:
    """Return the prior of a question from the landscapes of other families; none is left out of an empty name.

    Where no other family was trained by its method, costs are LoRA's. That of SGD is AdamW's, `SGD` decades higher and
    less sure.
    """
    asked, known = replace(question, family="", model="", data=""), evidence_without(family)
    if any(each.at.method == asked.method for each in known.landscapes):
        prior = predict(asked, known)
    else:
        answer = posterior_of(known, asked.method).answer(asked)
        prior = with_best(predict(replace(asked, method="lora"), known), answer.mean, answer.sd)
    return with_best(prior, prior.center_log10 + SGD, math.hypot(prior.sd, SGD_SD)) if optimizer == "sgd" else prior


def prior_of(setting: Setting) -> Prior:
    """Return what the prior says of a setting of the corpus without its model."""
    question = Question(
        method=setting.part, task="sft" if setting.is_sft else "classification",
        parameters=parameters_of(setting.model), batch_size=setting.batch_size, steps=setting.total_steps,
        rank=TrialConfig.lora_rank, alpha=TrialConfig.lora_alpha,
    )  # fmt: skip
    return prior_without(setting.model, question, setting.optimizer)


def with_best(prior: Prior, center: float, sd: float) -> Prior:
    """Return a prior whose best rate is distributed so, in log10, with the start that is expected to cost least."""
    start = best_start(with_peak(prior.landscapes), sd)
    return replace(prior, center_log10=center, sd=sd, start_log10=center + start.shift, regret=start.regret)


@functools.cache
def evidence_without(family: str) -> Evidence:
    """Return the packaged evidence without a family, its variances fitted anew."""
    evidence = read_evidence()
    return fitted(evidence.without_family(family)) if family else evidence


def parameters_of(family: str) -> int:
    """Return how many parameters the models of a family have: of the corpus, where each family is one model.

    Raises:
        KeyError: no landscape is of it.
    """
    found = {round(each.at.parameters) for each in read_evidence().landscapes if each.at.family == family}
    if not found:
        raise KeyError(family)
    return max(found)
