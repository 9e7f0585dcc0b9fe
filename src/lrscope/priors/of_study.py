"""The prior of a study that is asked for: its question read off its configuration."""

from __future__ import annotations

from lrscope.config import StudyConfig, TrialConfig
from lrscope.errors import LrscopeError
from lrscope.priors.evidence import read_evidence
from lrscope.priors.model_names import read_model
from lrscope.priors.prior import Prior, predict
from lrscope.priors.question import TASKS, Question


def prior_of(study: StudyConfig, num_examples: int) -> Prior | None:
    """Return the prior of a study's trial over `num_examples` training examples; None where nothing is known of it."""
    trial = study.trial
    return prior_over(study, trial, trial.epochs * -(-num_examples // trial.batch_size))


def prior_over(study: StudyConfig, of: TrialConfig, steps: int) -> Prior | None:
    """Return the prior of a trial of a study over so many steps.

    None where the evidence knows nothing of it: another optimizer than AdamW, a task or a part that was never trained,
    a model whose size nothing tells. What changes the unit of the rate, such as LoRA+ or a scale by the root of the
    rank, is such a case too.
    """
    plain = of.lora_plus_ratio == 1.0 and of.lora_scaling == "rank" and of.layer_decay == 1.0
    measured = {each.at.method for each in read_evidence().landscapes}
    is_known = of.optimizer == "adamw" and of.train_part in measured and study.task in TASKS
    if not (is_known and plain and steps >= 1):
        return None
    try:
        facts = read_model(study.model.model)
    except LrscopeError:
        return None
    return predict(
        Question(
            method=of.train_part, task=study.task,
            parameters=facts.parameters, family=facts.family, model=facts.name, batch_size=of.batch_size,
            steps=steps, rank=of.lora_rank, alpha=of.lora_alpha,
        )
    )  # fmt: skip
