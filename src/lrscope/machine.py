"""What the machine has to give: its processor cores, how busy they are, and how threads wait for one another."""

from __future__ import annotations

import os
import shutil
import subprocess

# What people set who have their own mind about how threads wait.
WAIT_SETTINGS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
SPINS = "10000"
BUSY = 0.5  # of the cores taken by others


def available_cores() -> int:
    """Return how many processor cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def visible_gpus() -> list[str]:
    """Return the GPUs that this process may use, by the names that CUDA_VISIBLE_DEVICES takes; torch need not be there.

    Where that is set, they are the ones that it names.
    """
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        names = [name.strip() for name in named.split(",") if name.strip()]
        return names if "-1" not in names else names[: names.index("-1")]
    try:
        import torch

        return list(map(str, range(torch.cuda.device_count())))
    except ImportError:
        return _listed_by_driver()


def _listed_by_driver() -> list[str]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        listed = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=30.0, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return []
    return [str(number) for number, line in enumerate(listed.stdout.splitlines()) if line.startswith("GPU ")]


def limit_spinning() -> None:
    """Let torch's threads spin only briefly while they wait for one another, unless the user has set how they wait.

    GNU OpenMP spins 300,000 times before it sleeps, on cores that the other threads need where anything else runs on
    the machine. 10,000 cost nothing on an idle machine; sleeping at once would (docs/benchmarks.md). It must be called
    before torch is loaded: OpenMP reads the environment once. Processes that are started inherit it.
    """
    if not any(name in os.environ for name in WAIT_SETTINGS):
        os.environ["GOMP_SPINCOUNT"] = SPINS


def busy_note(threads: int) -> str | None:
    """Return a note for the user where other programs take the cores that training would; None where they do not.

    It is asked before training starts, and goes by the load of the last minute.
    """
    try:
        load = os.getloadavg()[0]
    except (AttributeError, OSError):  # not everywhere
        return None
    cores = os.cpu_count() or 1
    if load < max(1.0, BUSY * cores) or load + threads <= cores + 0.5:
        return None
    return (
        f"this machine is busy: a load of {load:.1f} on {cores} cores; training runs slower, and estimates of time "
        "are corrected as it runs"
    )
