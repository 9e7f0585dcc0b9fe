"""Records of half a gigabyte: how long `lrscope report` takes for each, and how much memory.

    python benchmarks/large_logs.py [--megabytes 500]

The files are generated: a console of Trainer's dictionaries, one of redrawn progress bars, lines of nanoGPT, a table
of a million rows with a thousand evaluations, a trainer state of 100,000 entries. Beside each stands how long the
machine takes to read the file and to split it into lines, which is the least that a reader can take.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter


def dictionaries(number: int) -> str:
    """Return what Trainer prints of a step, and now and then of an evaluation."""
    epoch = number / 1e6
    rate = 2e-4 * (1 - epoch / 5)
    line = f"{{'loss': {2 - epoch / 4:.4f}, 'grad_norm': {1 + number % 7 / 7:.6f}, 'learning_rate': {rate:.16g}"
    line += f", 'epoch': {epoch:.2f}}}\n"
    if number % 5000 == 4999:
        line += f"{{'eval_loss': 1.5, 'eval_runtime': 3.2, 'eval_samples_per_second': 100.0, 'epoch': {epoch:.2f}}}\n"
    return line


def bars(number: int) -> str:
    """Return a redrawn bar, and now and then what Trainer prints under it."""
    bar = f"\r {number % 100:3d}%|{'#' * 20}| {number}/9000000 [00:10<00:20, 9.9it/s]"
    return bar + ("\n" + dictionaries(number) if number % 5000 == 4999 else "")


def iterations(number: int) -> str:
    """Return nanoGPT's line of an iteration, and now and then of an evaluation."""
    line = f"iter {number}: loss {2 - number / 1e7:.4f}, time 228.10ms, mfu 107.81%\n"
    return line + (f"step {number}: train loss 1.9, val loss 2.0\n" if number % 5000 == 0 else "")


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=500)
    size = parser.parse_args().megabytes * 1_000_000
    print("| record | MB | report, s | peak memory, MB | reading its lines, s |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name:
        for what, write in cases(size):
            path = Path(name) / what
            write(path)
            seconds, peak = reported(path, Path(name) / "out")
            print(
                f"| {what} | {path.stat().st_size / 1e6:.0f} | {seconds:.1f} | {peak} | {read(path):.1f} |", flush=True
            )
            path.unlink()


def cases(size: int) -> Iterator[tuple[str, Callable[[Path], None]]]:
    """Yield the names of files, and what writes each."""
    for name, line in (("dictionaries.log", dictionaries), ("bars.log", bars), ("nanogpt.log", iterations)):
        yield name, lambda path, line=line: lines(path, line, size)  # type: ignore[misc]
    yield "table.csv", table
    yield "trainer_state.json", state


def lines(path: Path, line: Callable[[int], str], size: int) -> None:
    """Write lines until a file has its size."""
    written = number = 0
    with path.open("w", encoding="utf-8") as file:
        while written < size:
            text = "".join(line(number + place) for place in range(5000))
            written, number = written + file.write(text), number + 5000


def table(path: Path) -> None:
    """Write a row a step of one run, with an evaluation at every thousandth."""
    with path.open("w", encoding="utf-8") as file:
        file.write("step,lr,train_loss,val_loss\n")
        for step in range(1, 1_000_001):
            value = f"{2.1 - step / 2e6:.5f}" if step % 1000 == 0 else ""
            file.write(f"{step},{1e-4 * (1 - step / 1e6):.8g},{2 - step / 1e6:.5f},{value}\n")


def state(path: Path) -> None:
    """Write a state of 90,000 losses and 10,000 evaluations."""
    history = []
    for step in range(1, 90_001):
        logged = {"epoch": step / 30000, "step": step}
        history.append({**logged, "grad_norm": 1.5, "learning_rate": 1e-4 * (1 - step / 90000), "loss": 2 - step / 9e4})
        if step % 9 == 0:
            history.append({**logged, "eval_loss": 1.5, "eval_runtime": 3.2, "eval_samples_per_second": 100.0})
    path.write_text(json.dumps({"log_history": history, "max_steps": 90_000, "global_step": 90_000}), encoding="utf-8")


def reported(path: Path, out: Path) -> tuple[float, int]:
    """Return the seconds of a report in a process of its own, and its largest memory in MB."""
    began = perf_counter()
    command = [sys.executable, "-m", "lrscope", "report", str(path), "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"lrscope report ended with {process.returncode}"
    return perf_counter() - began, usage.ru_maxrss // 1024


def read(path: Path) -> float:
    """Return the seconds that reading a file's lines takes."""
    began = perf_counter()
    with path.open(encoding="utf-8") as file:
        for _ in file:
            pass
    return perf_counter() - began


if __name__ == "__main__":
    main()
