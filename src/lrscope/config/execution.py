"""Where trials run: asked for on a command line, and no part of a study, which may go on elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from lrscope.config.base import Section, setting


@dataclass(frozen=True, kw_only=True)
class ExecutionConfig(Section):
    """Which executor runs trials, and how many at a time. It is asked for again at every command."""

    panel: ClassVar[str] = "Machine"
    key: ClassVar[str] = "execution"

    executor: Literal["inline", "processes", "ray"] | None = setting(
        None, help="Where trials run: in this process, in processes of their own, or on a Ray cluster.",
        shown_default="inline, or processes with --workers",
    )  # fmt: skip
    workers: int | None = setting(
        None, help="Number of trials to run at a time.", metavar="N", shown_default="1", at_least=1, cap=1024,
        way_out="leave it out to run one trial at a time",
    )  # fmt: skip
    address: str | None = setting(
        None, help="Ray cluster: auto, HOST:PORT, or local for one on this machine.", metavar="ADDRESS",
        shown_default="auto",
    )  # fmt: skip
    gpus_per_trial: float | None = setting(
        None, help="GPUs for each trial: 1, on Ray a fraction such as 0.5, or more for a command of your own.",
        metavar="N", shown_default="none", above=0, cap=1024, way_out="leave it out to use the CPU",
    )  # fmt: skip
