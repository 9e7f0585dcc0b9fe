"""Joining a Ray cluster, or finding out soon and clearly why not."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

from lrscope.errors import ExecutorError

SECONDS_TO_REACH = 10.0
TCP_SECONDS = 4.0


def connect(address: str) -> None:
    """Join the cluster at `address`: `auto`, `HOST:PORT`, or `local` for one on this machine; once a process.

    Raises:
        ExecutorError: Ray is not installed, or the cluster does not answer within ten seconds.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise ExecutorError(
            'the ray executor needs Ray: got none installed; type: pip install "lrscope[ray]"'
        ) from None
    if ray.is_initialized():
        return
    quiet = {"log_to_driver": False, "logging_level": "error"}
    if address == "local":
        from lrscope.machine import available_cores

        ray.init(address="local", num_cpus=available_cores(), include_dashboard=False, **quiet)
        return
    _require_reachable(address)
    ray.init(address=address, **quiet)


def _require_reachable(address: str) -> None:
    """Find out in another process whether a cluster answers: `ray.init` itself waits for minutes, and then exits."""
    way_out = "start one with ray start --head, name its HOST:PORT, or use --address local for one on this machine"
    named = os.environ.get("RAY_ADDRESS", "") if address == "auto" else address
    if named.startswith("ray://"):
        raise ExecutorError(
            f"a study is driven from a machine of the cluster: got --address {named}, a remote client's; run lrscope "
            "there with --address auto, for example through ray job submit"
        )
    if named:
        host, _, port = named.rpartition(":")
        if not host or not port.isdigit():
            raise ExecutorError(f"--address is auto, local or HOST:PORT: got {named!r}; such as 10.0.0.5:6379")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=TCP_SECONDS).close()
        except OSError as error:
            raise ExecutorError(f"no Ray cluster answers at {named}: {error.strerror or error}; {way_out}") from error
    probe = f"import ray; ray.init(address={address!r}, log_to_driver=False, logging_level='error')"
    try:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-c", probe], capture_output=True, timeout=SECONDS_TO_REACH - TCP_SECONDS * bool(named)
        )
    except subprocess.TimeoutExpired:
        raise ExecutorError(f"no Ray cluster answers at {address} within 10 seconds; {way_out}") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        reason = lines[-1].split("Error: ")[-1] if lines else f"exit code {done.returncode}"
        raise ExecutorError(f"no Ray cluster at {address}: {reason.rstrip('.')}; {way_out}")
