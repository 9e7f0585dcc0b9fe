"""In which precision a training computed, by what its settings say."""

from __future__ import annotations

from collections.abc import Mapping

from lrscope.findings.checkup.log_view import setting_of

_NAMES = ("mixed_precision", "precision", "dtype", "torch_dtype", "compute_dtype", "bnb_4bit_compute_dtype")
_HALF = ("fp16", "float16", "16", "16-mixed", "half", "torch.float16", "16-true")
_YES = ("true", "1", "yes", "on")


def is_half(settings: Mapping[str, str] | None) -> bool | None:
    """Return whether a training computed in float16; None where its settings do not say.

    >>> is_half({"fp16": "True"}), is_half({"bf16": "True"}), is_half({"epochs": "3"})
    (True, False, None)
    """
    if setting_of(settings, ["bf16"]).lower() in _YES:
        return False
    if setting_of(settings, ["fp16"]).lower() in _YES:
        return True
    named = setting_of(settings, _NAMES).lower()
    return named in _HALF if named else None
