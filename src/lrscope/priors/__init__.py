"""Where the best learning rate of a fine-tune lies before anything is trained, with its uncertainty: pure."""

from lrscope.priors.evidence import Evidence, read_evidence
from lrscope.priors.outside import Outside
from lrscope.priors.prior import Prior, predict
from lrscope.priors.question import METHODS, TASKS, Question

__all__ = ["METHODS", "TASKS", "Evidence", "Outside", "Prior", "Question", "predict", "read_evidence"]
