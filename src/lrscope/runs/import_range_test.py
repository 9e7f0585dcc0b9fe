"""A study of range tests, read: its curves, and what they come to."""

from __future__ import annotations

import numpy as np

from lrscope.errors import StudyError
from lrscope.range_test.curve import Curve
from lrscope.range_test.result import RangeTestResult
from lrscope.schedules.ramp import RAMP_ENDED
from lrscope.store.study import StudyStore
from lrscope.store.trials import TrialRow


def read_result(store: StudyStore) -> RangeTestResult:
    """Return the result of all range tests of a study that have ended.

    Raises:
        StudyError: it is a study of fine-tunes, or no test has ended.
    """
    if store.config.find is None:
        raise StudyError(f"{store.folder} holds fine-tunes, not a range test; read it with lrscope status")
    curves = [_curve(store, row) for row in store.trials() if row.status == "completed"]
    if not curves:
        reasons = sorted({row.reason for row in store.trials() if row.reason})
        raise StudyError(f"no range test in {store.folder} has ended: {'; '.join(reasons) or 'run it to its end'}")
    return RangeTestResult(tuple(curves))


def _curve(store: StudyStore, row: TrialRow) -> Curve:
    steps = store.steps(row.id)
    losses = steps["loss"].copy()
    probes = store.evaluations(row.id, "probe")
    if probes:
        # The rate of step t shows in the probe after it. A step that made no update has no probe: it diverged.
        losses[:] = np.nan
        for record in probes[1:]:
            losses[record.step - 1] = record.metrics["loss"]
    losses[steps["diverged"].astype(bool)] = np.nan
    assert store.config.find is not None
    return Curve.of(
        steps["learning_rate"], losses, end_reason=row.reason, seed=row.config.seed, rose=row.reason != RAMP_ENDED,
        independent_rates=store.config.find.method != "ramp",
    )  # fmt: skip
