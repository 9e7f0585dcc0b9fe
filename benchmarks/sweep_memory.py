"""What a worker of a sweep spends before a job's first step, and how much of the base model its workers share.

    python benchmarks/sweep_memory.py [--workers 2] [--trials 4] [--examples 4]

LoRA of a copy of SmolLM2-135M on the head of GSM8K (../shared), with the executor of `--workers N`, one thread a trial;
Linux alone. Processor seconds are those that the worker's process has used between the start of a job and the end of
its first step, less those of its second, which is on the same examples: what else runs on the machine counts little.
Memory is read from smaps while all workers train; Pss counts what several processes map once, in equal shares.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import resource
import shutil
import tempfile
from pathlib import Path
from statistics import median

from lrscope.config import DataConfig, ModelConfig, NumericsConfig, StudyConfig, SweepConfig, TrialConfig
from lrscope.executors.processes import ProcessExecutor
from lrscope.records import StepRecord
from lrscope.studies import session
from lrscope.studies.controller import Controller

SHARED = Path(__file__).resolve().parents[2] / "shared"
MODEL = Path(os.environ.get("LRSCOPE_SMOLLM2", "~/.cache/lrscope/smollm2-135m")).expanduser()
FIELDS = ("Rss", "Pss", "Private_Dirty", "Shared_Clean")


def main() -> None:
    """Print two Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("workers", 2), ("trials", 4), ("examples", 4)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        shutil.copytree(MODEL, Path(name) / "model")  # nobody else maps it
        config = study_of(Path(name), options.trials, options.examples)
        with session.begin(config, Path(name) / "study") as study:
            watch = Watch()
            for event in Controller(study.store).run(ProcessExecutor(options.workers)):
                watch.take(event.kind, event.trial, event.record)
    watch.tell()


def study_of(home: Path, num_trials: int, num_examples: int) -> StudyConfig:
    """Return a sweep of so many rates of LoRA, three steps each."""
    for split in ("train", "test"):
        lines = (SHARED / f"data/sft/gsm8k-{split}.jsonl").open(encoding="utf-8")
        (home / f"{split}.jsonl").write_text("".join(itertools.islice(lines, num_examples)), encoding="utf-8")
    trial = TrialConfig(peak_rate=1e-4, train_part="lora", batch_size=num_examples, epochs=3)
    return StudyConfig(
        task="sft",
        data=DataConfig(train=str(home / "train.jsonl"), dev=str(home / "test.jsonl")),
        model=ModelConfig(model=str(home / "model")),
        trial=trial,
        numerics=NumericsConfig(threads=1),
        sweep=SweepConfig(grid={"peak_rate": [1e-4 * (n + 1) for n in range(num_trials)]}, seeds=1, keep="none"),
    )


class Watch:
    """What is seen of the workers while events come."""

    def __init__(self) -> None:
        self.begun: dict[int, dict[int, float]] = {}
        self.first: dict[int, tuple[bool, float, float]] = {}
        self.starts: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
        self.training: dict[int, int] = {}
        self.seen: set[int] = set()
        self.memory: list[dict[str, dict[str, int]]] = []

    def take(self, kind: str, trial: int, record: object) -> None:
        """Note what an event says of its worker."""
        if kind == "started":
            self.begun[trial] = {pid: processor_seconds(pid) for pid in self.seen}
        elif isinstance(record, StepRecord) and record.step == 0:
            worker = next(pid for pid in children() if works_in(pid, f"/trials/{trial:04d}/work"))
            now, before = processor_seconds(worker), self.begun[trial].get(worker, 0.0)
            self.first[trial] = (worker not in self.seen, now - before, now)
            self.seen.add(worker)
            self.training[trial] = worker
        elif isinstance(record, StepRecord) and record.step == 1:
            is_first, used, then = self.first[trial]
            step = processor_seconds(self.training[trial]) - then
            self.starts[is_first].append((used - step, step))
            if len(self.training) > 1:
                self.memory = [memory_of(pid) for pid in self.training.values()]
        elif kind in ("done", "failed", "stopped"):
            self.training.pop(trial, None)

    def tell(self) -> None:
        """Print what was seen."""
        print("| a job of a worker | jobs | processor seconds before its first step | of a step |")
        print("| --- | --- | --- | --- |")
        for is_first, name in ((True, "its first"), (False, "a later one")):
            if found := self.starts[is_first]:
                before, step = (median(values) for values in zip(*found, strict=True))
                print(f"| {name} | {len(found)} | {before:.2f} | {step:.2f} |")
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(f"\nAll workers took {spent.ru_utime + spent.ru_stime:.1f} processor seconds.\n")
        print("| MB, while all train | " + " | ".join(FIELDS) + " |")
        print("| --- " * (len(FIELDS) + 1) + "|")
        for number, parts in enumerate(self.memory, start=1):
            for part, values in parts.items():
                print(f"| worker {number}, {part} | " + " | ".join(f"{values[f] / 1024:.0f}" for f in FIELDS) + " |")


def children() -> list[int]:
    """Return the processes that this one has started, and that live."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        found += [int(pid) for pid in (task / "children").read_text().split()]
    return found


def works_in(pid: int, folder: str) -> bool:
    """Return whether a process has a file open in a folder of this ending."""
    try:
        return any(folder in str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


def processor_seconds(pid: int) -> float:
    """Return what a process has used of the processor, in itself and in the system."""
    try:
        values = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")


def memory_of(pid: int) -> dict[str, dict[str, int]]:
    """Return KB of a process: all of it, and what is mapped from files of weights."""
    whole, weights, is_weights = dict.fromkeys(FIELDS, 0), dict.fromkeys(FIELDS, 0), False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            is_weights = line.endswith(".safetensors")
        name, _, value = line.partition(":")
        if name in FIELDS:
            whole[name] += int(value.split()[0])
            weights[name] += int(value.split()[0]) * is_weights
    return {"all": whole, "weights mapped from the disk": weights}


if __name__ == "__main__":
    main()
