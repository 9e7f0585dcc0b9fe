"""What a log says of how a training ended, and the settings that the name of its checkpoint tells."""

from __future__ import annotations

import re

from lrscope.records import Status
from lrscope.runs.importers import checked

_CRASHED = re.compile(
    r"^(?:Traceback \(most recent call last\)|KeyboardInterrupt|Killed$|Killed\b.{0,20}python|Terminated$"
    r"|Segmentation fault|Aborted)|\bout of memory\b|\bOutOfMemoryError\b|\bCUDA error\b|slurmstepd: error"
    r"|\bDUE TO TIME LIMIT\b|Detected KeyboardInterrupt",
)  # fmt: skip
_STOPPED = re.compile(r"\bearly[ -]?stopp(?:ing|ed)\b|\bstopp(?:ing|ed) early\b|\bearly stop\b", re.I)
_NOT_STOPPED = re.compile(r"patience|counter|callback|enabled|disabled|[:=]\s*(?:true|false|none|\d)|monitor", re.I)
_CHECKPOINT = re.compile(r"\b([a-z][a-z-]{1,40})-(\d{1,6})-(\d(?:\.\d{1,12})?(?:e-\d{1,3})|0\.\d{1,12})\.pt\b")


def ending_in(line: str) -> Status | None:
    """Return how a training ended as a line says, None where it says nothing of it.

    >>> ending_in("torch.cuda.OutOfMemoryError: CUDA out of memory."), ending_in("Epoch 7: early stopping")
    ('interrupted', 'stopped')
    >>> ending_in("EarlyStopping counter: 1 out of 5"), ending_in("memory: 3 GB")
    (None, None)
    """
    may_be = (
        "emory" in line or "Traceback" in line or "Interrupt" in line or "Killed" in line or "Terminated" in line
        or "fault" in line or "Abort" in line or "CUDA" in line or "LIMIT" in line or "slurm" in line
    )  # fmt: skip
    if may_be and _CRASHED.search(line):
        return "interrupted"
    if ("arly" in line or "ARLY" in line) and _STOPPED.search(line) and not _NOT_STOPPED.search(line):
        return "stopped"
    return None


def settings_of_checkpoint(line: str) -> dict[str, str]:
    """Return the settings in the name of a checkpoint that is made of them: option, epochs and learning rate.

    >>> settings_of_checkpoint("save the model to finetune-10-1e-06.pt")
    {'option': 'finetune', 'epochs': '10', 'lr': '1e-06'}
    """
    match = _CHECKPOINT.search(line) if ".pt" in line else None
    if match is None or checked.rate(match[3]) is None or int(match[2]) < 1:
        return {}
    return {"option": match[1], "epochs": match[2], "lr": match[3]}
