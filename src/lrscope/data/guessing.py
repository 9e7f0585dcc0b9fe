"""What guessing gets: the scores of the best answer that does not look at the sentence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrscope.data.dev_split import dev_source
from lrscope.data.labels import LabelSet
from lrscope.data.splits import load_dev
from lrscope.errors import LrscopeError


def guessing(labels: NDArray[np.int64]) -> dict[str, float]:
    """Return the metrics of a split when nothing is known of its sentences but how often each class occurs.

    accuracy: the share of the commonest class; macro_f1: of naming that class always; loss: the entropy −Σ p ln p of
    the classes' shares, which is the cross-entropy of predicting them, and ln K where all K are equally common.
    Nothing where a label is missing.

    >>> {name: round(value, 3) for name, value in guessing(np.array([0, 0, 0, 1])).items()}
    {'accuracy': 0.75, 'macro_f1': 0.429, 'loss': 0.562}
    """
    if not len(labels) or (labels < 0).any():
        return {}
    counts = np.unique(labels, return_counts=True)[1]
    shares = counts / counts.sum()
    most = float(shares.max())
    entropy = max(0.0, -float(shares @ np.log(shares)))
    return {"accuracy": most, "macro_f1": 2.0 * most / (1.0 + most) / len(counts), "loss": entropy}


def guessing_of_file(data: Mapping[str, Any], classes: Mapping[str, Any], fingerprint: str | None) -> dict[str, float]:
    """Return what guessing gets on the dev file of a study, by its settings of data and the classes that it kept.

    Nothing where the file is gone, cannot be read, or is no longer the one of this fingerprint.
    """
    try:
        dev = dev_source(str(data.get("dev") or ""), data.get("split_seed") or 0)
        if isinstance(dev, Path) and not dev.is_file():
            return {}
        split = load_dev(
            Path(data.get("train") or ""), dev, LabelSet.of_state(classes),
            text_column=data.get("text_column"), label_column=data.get("label_column"),
        )  # fmt: skip
    except (LrscopeError, KeyError, OSError):
        return {}
    return guessing(split.labels) if split.fingerprint == fingerprint else {}
