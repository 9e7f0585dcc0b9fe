"""Range tests under torch.distributed: two processes see one loss, and stop together."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).with_name("two_processes.py")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.slow
def test_two_processes_see_one_loss_and_stop_together(tiny_model: Path, tmp_path: Path) -> None:
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), str(rank), str(tiny_model), str(tmp_path)],
            env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for rank in (0, 1)
    ]  # fmt: skip
    try:
        outputs = [process.communicate(timeout=240)[0] for process in running]
    finally:
        for process in running:
            process.kill()
    assert [process.returncode for process in running] == [0, 0], outputs
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text(encoding="utf-8")) for rank in (0, 1))
    assert first["trainer"] == second["trainer"]  # their losses, and their weights after a training
    assert first["trainer"]["end"].startswith("the loss rose")
    assert first["trainer"]["losses"][0] == pytest.approx(np.log(3), abs=0.3)  # not the sum over processes
    assert np.isfinite(first["trainer"]["weights"]).all()
    assert first["loop"]["losses"] == second["loop"]["losses"]
    assert first["loop"]["end"] == second["loop"]["end"] == "the loss became nan"
    each = np.mean([first["loop"]["own"], second["loop"]["own"]], axis=0)
    assert np.allclose(first["loop"]["losses"], each[: len(first["loop"]["losses"])], atol=1e-6)
