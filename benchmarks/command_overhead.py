"""What a trial of `lrscope sweep --command` costs beyond its command: the same commands bare, one after another.

    python benchmarks/command_overhead.py [--trials 12]

The command sleeps 0.2 s and writes lrscope.json. Beside the whole command line, with Python's start, checks, figures
and the table, stands the part that grows with trials: the difference between many and few, per trial.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

SCRIPT = """
import json, sys, time
time.sleep(0.2)
json.dump({"dev_loss": abs(float(sys.argv[1]) - 1e-3)}, open(sys.argv[3] + "/lrscope.json", "w"))
"""
FEW = 2


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=12)
    many = parser.parse_args().trials
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        script = home / "train.py"
        script.write_text(SCRIPT)
        bare = (bare_seconds(script, home / "bare", many) - bare_seconds(script, home / "few", FEW)) / (many - FEW)
        print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}; {many} trials\n")
        print("| trials run | a trial | beyond the bare command | the whole command line |\n| --- | --- | --- | --- |")
        print(f"| bare, one after another | {bare:.3f} s | – | – |")
        for executor in ("inline", "processes"):
            whole = sweep_seconds(script, home / executor, many, executor)
            each = (whole - sweep_seconds(script, home / f"{executor}-few", FEW, executor)) / (many - FEW)
            print(f"| `--executor {executor}` | {each:.3f} s | {each - bare:.3f} s | {whole:.2f} s |")


def rates(number: int) -> list[float]:
    return [1e-4 * (1 + place) for place in range(number)]


def bare_seconds(script: Path, home: Path, number: int) -> float:
    began = perf_counter()
    for place, rate in enumerate(rates(number)):
        out = home / str(place)
        out.mkdir(parents=True)
        subprocess.run([sys.executable, script, str(rate), "0", str(out)], check=True)
    return perf_counter() - began


def sweep_seconds(script: Path, out: Path, number: int, executor: str) -> float:
    command = f"{Path(sys.executable).as_posix()} {script.as_posix()} {{lr}} {{seed}} {{out}}"
    written = ",".join(f"{rate:g}" for rate in rates(number))
    arguments = ["sweep", "--command", command, "--lr", written, "--executor", executor, "--out", str(out)]
    began = perf_counter()
    subprocess.run(
        [sys.executable, "-m", "lrscope", *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return perf_counter() - began


if __name__ == "__main__":
    main()
