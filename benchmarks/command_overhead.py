"""What a trial of `lrscope sweep --command` costs beyond its command: the same commands bare, one after another.

    python benchmarks/command_overhead.py [--trials 12] [--repeats 3]

The command sleeps 0.2 s and writes lrscope.json; trials run one at a time. What grows with the trials is the difference
between many and few, per trial. All that is spent, with Python's start, the checks, the figures and the table, is the
whole command line, per trial. Medians over repeats in which bare runs and sweeps take turns.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median
from time import perf_counter

SCRIPT = """
import json, sys, time
time.sleep(0.2)
json.dump({"dev_loss": abs(float(sys.argv[1]) - 1e-3)}, open(sys.argv[3] + "/lrscope.json", "w"))
"""
FEW = 2
WAYS = ("bare", "inline", "processes")


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    many = options.trials
    seconds: dict[tuple[str, int], list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        script = home / "train.py"
        script.write_text(SCRIPT)
        for repeat in range(options.repeats):
            for way in WAYS:
                for number in (FEW, many):
                    folder = home / f"{way}-{number}-{repeat}"
                    run = bare_seconds if way == "bare" else sweep_seconds
                    seconds[way, number].append(run(script, folder, number, way))
    whole = {way: median(seconds[way, many]) for way in WAYS}
    each = {
        way: median((m - f) / (many - FEW) for f, m in zip(seconds[way, FEW], seconds[way, many], strict=True))
        for way in WAYS
    }
    print(
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}; {many} trials, one at a "
        f"time, medians of {options.repeats}\n"
    )
    print("| trials run | a further trial | beyond bare | the whole command line | per trial, beyond bare |")
    print("| --- | --- | --- | --- | --- |")
    for way in WAYS:
        title = "bare, one after another" if way == "bare" else f"`--executor {way}`"
        beyond, of_whole = (
            ("–", "–")
            if way == "bare"
            else (f"{each[way] - each['bare']:.3f} s", f"{(whole[way] - whole['bare']) / many:.3f} s")
        )
        print(f"| {title} | {each[way]:.3f} s | {beyond} | {whole[way]:.2f} s | {of_whole} |")


def rates(number: int) -> list[float]:
    return [1e-4 * (1 + place) for place in range(number)]


def bare_seconds(script: Path, home: Path, number: int, _way: str) -> float:
    began = perf_counter()
    for place, rate in enumerate(rates(number)):
        out = home / str(place)
        out.mkdir(parents=True)
        subprocess.run([sys.executable, script, str(rate), "0", str(out)], check=True)
    return perf_counter() - began


def sweep_seconds(script: Path, out: Path, number: int, executor: str) -> float:
    command = f"{Path(sys.executable).as_posix()} {script.as_posix()} {{lr}} {{seed}} {{out}}"
    written = ",".join(f"{rate:g}" for rate in rates(number))
    arguments = ["sweep", "--command", command, "--lr", written, "--executor", executor, "--workers", "1"]
    began = perf_counter()
    subprocess.run(
        [sys.executable, "-m", "lrscope", *arguments, "--out", str(out)], check=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return perf_counter() - began


if __name__ == "__main__":
    main()
