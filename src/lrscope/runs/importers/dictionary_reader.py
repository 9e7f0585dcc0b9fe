"""Lines with printed dictionaries, read one by one, and the runs that they make.

A run begins where the epoch falls back to the start and other lines stand between; Trainer's `train_runtime` ends one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from lrscope.config.metric_names import is_metric
from lrscope.runs.dev_set import UNKNOWN
from lrscope.runs.importers import checked
from lrscope.runs.importers.collected import Collected, Logged
from lrscope.runs.importers.console_lines import MAX_LINE
from lrscope.runs.importers.dev_set_lines import set_of_run
from lrscope.runs.importers.headings import LONGEST, is_heading
from lrscope.runs.importers.printed_dictionaries import dictionaries_in, is_measured
from lrscope.runs.importers.progress_bars import Progress, progress_in
from lrscope.runs.importers.trainer_blocks import (
    PrintedArguments,
    facts_in,
    is_setting,
    metric_in,
    setting_alone,
    title_of,
)
from lrscope.runs.measured import Entry
from lrscope.runs.settings import RATES

MAX_UNREAD, MAX_SHOWN = 1000, 300
MAX_RUNS = 10_000
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_BEGIN = re.compile(r"""\{\s*['"]""")
_AFTERWARDS = re.compile(r"finish|best|final|result|complete", re.I)  # words of what a search prints of its end
_NEXT_EPOCH = re.compile(r"\bepoch\W{0,3}(\d{1,9})", re.I)
LIKE_MEASURED = re.compile(r"""\{\s*['"][^{}]{0,200}(?:loss|eval_)""")


class DictionaryReader:
    """Reads lines in their order, and keeps the runs that they tell of."""

    def __init__(self) -> None:
        self.runs: list[Collected] = []
        self.unread: list[tuple[int, str]] = []
        self.num_unread = 0
        self._run: Collected | None = None
        self._bar = ""  # the last line with a bar
        self._awaits_bar: Logged | None = None
        self._arguments = PrintedArguments()
        self._settings: dict[str, str] = {}
        self._has_new_settings = self._are_all_named = False
        self._facts: dict[str, int] = {}
        self._block = ""  # the title of the block that is read
        self._metrics: dict[str, str] = {}  # of a block with metrics
        self._dev_size: int | None = None  # of the evaluation that comes
        self._dev_set = UNKNOWN  # the fold, or the data set, that a line of its own names
        self._epoch_told = ""  # by the last line that named one
        self._forget_text()

    def _forget_text(self) -> None:
        """Begin to look at what stands between two dictionaries."""
        self._heading: str | None = None
        self._has_text = self._is_marked = self._is_resumed = self._is_next_epoch = False

    def read(self, lines: Iterable[tuple[int, str]]) -> Sequence[Collected]:
        """Return the runs that numbered lines without their line breaks tell of."""
        for number, line in lines:
            if "{" in line:
                # Of a long training most entries are only counted: what would begin a run has text before it.
                if self._run is not None and self._run.every > 1 and not self._has_text and self._run.passes(line):
                    continue
                self._with_braces(number, line)
            elif "%|" in line or "it/s]" in line:
                if self._awaits_bar is None and line[-1] == "]":
                    self._bar = line
                else:
                    self._with_bar(line)
                    rest = line[max(line.rfind("]"), line.rfind("\r")) + 1 :].strip()
                    if rest:
                        self._text(number, rest[:MAX_LINE])
            elif line:
                self._text(number, line[:MAX_LINE])
        self._end_block(0)
        self._look_at_bar()
        return [run for run in self.runs if run.logged]

    def _with_braces(self, number: int, line: str) -> None:
        parts = line.split("\r") if "\r" in line else (line,)
        for part in parts:
            if part.lstrip()[:2] == "[{":  # a whole history, as of `print(trainer.state.log_history)`
                if not self.runs:
                    for each in part.split("}"):
                        self._with_brace(number, each[:MAX_LINE] + "}")
            elif "{" in part:
                self._with_brace(number, part[:MAX_LINE])
            elif "<" in part:
                self._with_bar(part)

    def _with_bar(self, line: str) -> None:
        self._bar = line
        if self._awaits_bar is not None and self._run is not None:
            for part in line.split("\r", 20)[:20]:
                bar = progress_in(part[:MAX_LINE])
                if bar is not None:
                    self._run.see(bar)
                    if self._awaits_bar.bar is None or bar.total > self._awaits_bar.bar.total:
                        self._awaits_bar.bar = bar
            self._awaits_bar = None

    def _look_at_bar(self) -> Progress | None:
        """Return how far the last bar stands."""
        bar = progress_in(self._bar[-MAX_LINE:].rpartition("\r")[2]) if self._bar else None
        self._bar = ""
        if bar is not None and self._run is not None:
            self._run.see(bar)
        return bar

    def _with_brace(self, number: int, part: str) -> None:
        begin = _BEGIN.search(part)
        found = [values for values in dictionaries_in(part) if is_measured(values) or self._is_evaluation(values)]
        if not found:
            if begin is not None and LIKE_MEASURED.match(part, begin.start()):
                self.leave(number, part)
            else:
                self._text(number, part)
            return
        if begin is not None and "<" in part[: begin.start()]:
            self._bar, self._awaits_bar = part[: begin.start()], None
        for values in found:
            self._dictionary(number, values, part)

    def _is_evaluation(self, values: dict[str, str]) -> bool:
        """Whether bare metrics are an evaluation's: accelerate's scripts print `epoch 0: {'f1': 0.5}` after a block."""
        has_block = bool(self._facts if self._run is None else self._run.facts)
        return has_block and "epoch" in values and any(map(is_metric, values.keys() - {"epoch"}))

    def _dictionary(self, number: int, values: dict[str, str], shown: str) -> None:
        self._end_block(number)
        is_summary = "train_runtime" in values and "loss" not in values
        if self._epoch_told and not values.keys() & {"epoch", "step", "global_step"}:
            values = {**values, "epoch": self._epoch_told}
        entry = Entry.of(values, bare="train" if is_measured(values) else "dev")
        if self._dev_size is not None and "dev" in entry.splits:
            entry, self._dev_size = replace(entry, dev_size=(self._dev_size, self._dev_size)), None
        if is_summary:
            if self._run is not None:
                self._look_at_bar()
                self._run.end(values)
            self._awaits_bar = None
            return
        if not entry.splits:
            return
        if self._begins(entry):
            self._begin(number)
        assert self._run is not None
        before = self._look_at_bar()
        self._awaits_bar = self._run.add(entry, number, is_next_epoch=self._is_next_epoch)
        if self._awaits_bar is None and "train" not in entry.splits:
            self.leave(number, shown)
        elif self._awaits_bar is not None:
            self._awaits_bar.before = before
        self._forget_text()

    def _begins(self, entry: Entry) -> bool:
        """Whether an entry is the first of another run."""
        run, position = self._run, Logged(entry).position
        if run is None:
            return True
        if self._is_resumed or len(self.runs) >= MAX_RUNS:
            return False
        trains = "train" in entry.splits
        if run.has_ended and trains and (self._is_marked or position is None or not position > run.last):
            return True
        if position is None:
            return self._has_new_settings
        if self._is_next_epoch:
            return False
        return self._has_text and run.restarts(entry)

    def _begin(self, number: int) -> None:
        """Begin a run under the heading and the settings in force."""
        own = self._has_new_settings or not self.runs
        self._run = Collected(
            number, self._heading, dict(self._settings), own, dict(self._facts), names_all=self._are_all_named,
            dev_set=self._dev_set,
        )  # fmt: skip
        self._facts, self._has_new_settings = {}, False
        if not self._has_text:
            self._epoch_told = ""
        self.runs.append(self._run)

    def leave(self, number: int, line: str) -> None:
        """List a line that could not be read."""
        self.num_unread += 1
        if len(self.unread) < MAX_UNREAD:
            self.unread.append((number, line if len(line) <= MAX_SHOWN else f"{line[: MAX_SHOWN - 1]}…"))

    def _text(self, number: int, line: str) -> None:
        """Take in a line that is neither a dictionary nor a bar."""
        if "\x1b" in line:
            line = _ESCAPES.sub("", line)
        line = line.strip()
        if not line:
            return
        self._has_text = True
        if title := title_of(line):
            self._end_block(number)
            self._block = title
            if title == "training":
                self._facts, self._is_marked = {}, True
            return
        if self._block.endswith("metrics"):
            metric = metric_in(line)
            if metric is not None and len(self._metrics) < 1000:
                self._metrics[metric[0]] = metric[1]
                return
            self._end_block(number)
        if "=" in line and (facts := facts_in(line)):
            self._take_facts(facts)
            return
        if (of_run := set_of_run(line)) is not None:
            self._dev_set, self._is_marked = of_run, True
        if "ontinuing training from" in line or "esuming from" in line:
            self._is_resumed = True
        is_between = self._run is None or self._run.has_ended
        settings = self._arguments.take(line)
        self._are_all_named = self._are_all_named or bool(settings)
        settings = settings or _asked_in(line) or (setting_alone(line) if is_between else None)
        if settings:
            old = self._settings if self._has_new_settings else {}
            agree = all(old.get(name, value) == value for name, value in settings.items())
            self._settings = {**old, **settings} if agree else settings
            self._has_new_settings = self._is_marked = True
        elif line[0] == "#" or (len(line) <= LONGEST and is_heading(line)):
            self._heading, self._is_marked = line.strip("# \t"), True
        elif match := _NEXT_EPOCH.search(line[:MAX_SHOWN]):
            self._epoch_told = match[1]
            self._is_next_epoch = int(match[1]) > 1

    def _take_facts(self, facts: dict[str, int]) -> None:
        if self._block == "evaluation" and "epochs" not in facts:
            self._dev_size = facts.get("num_examples", self._dev_size)
        elif self._block != "prediction" or "epochs" in facts:
            self._facts |= facts
            if self._run is not None and not self._run.logged:
                self._run.facts |= facts

    def _end_block(self, number: int) -> None:
        """Take in what a block of metrics held."""
        title, metrics = self._block, self._metrics
        self._block, self._metrics = ("" if title.endswith("metrics") else title), {}
        if not metrics:
            return
        split = title.split()[0]
        if split == "train":
            if self._run is not None and not self._run.has_ended:
                self._run.end({"epoch": metrics.get("epoch", "")})
            return
        size = checked.count(metrics.pop(f"{split}_samples", ""))
        self._dev_size = size if split == "eval" and size else None
        named = {
            name if name == "epoch" or "_" in name else f"{split}_{name}": value for name, value in metrics.items()
        }
        self._dictionary(number, named, f"{title}: {', '.join(named)}")


def _asked_in(line: str) -> dict[str, str] | None:
    """Return the settings of a dictionary that a search prints before a training, None where it is none.

    >>> _asked_in("Trial: {'learning_rate': 2e-05, 'num_train_epochs': 3}")
    {'learning_rate': '2e-05', 'num_train_epochs': '3'}
    >>> _asked_in("Trial 3 finished with value: 0.5 and parameters: {'learning_rate': 2e-05, 'seed': 3}")
    """
    if "{" not in line or _AFTERWARDS.search(line):
        return None
    for values in dictionaries_in(line):
        settings = {name: value for name, value in values.items() if is_setting(name)}
        if len(settings) > 1 and any(name in RATES for name in settings) and not values.keys() & {"epoch", "step"}:
            return settings
    return None
