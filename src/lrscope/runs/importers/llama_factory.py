"""What LLaMA-Factory writes beside Trainer's state: `trainer_log.jsonl`, and totals such as `all_results.json`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lrscope.data.table_rows import json_value
from lrscope.errors import DataError
from lrscope.runs.history import Told, run_of_entries
from lrscope.runs.importers import checked
from lrscope.runs.importers.base import Imported
from lrscope.runs.importers.collected import Collected
from lrscope.runs.importers.columns import first_line
from lrscope.runs.importers.console_lines import MAX_LINE, chunks_of
from lrscope.runs.importers.dictionary_log import raw_lines
from lrscope.runs.importers.text import decoded, text_of
from lrscope.runs.measured import Entry
from lrscope.runs.notes import CurveElsewhere
from lrscope.runs.quantities import Text
from lrscope.runs.settings import shared_settings

MAX_UNREAD = 1000
MAX_RUNS = 1000


class LlamaFactoryLog:
    """A line an entry; a file that several trainings were written to holds several runs."""

    suffixes: tuple[str, ...] = ()

    def claims(self, path: Path, head: bytes) -> bool:
        """Return whether its first line counts steps as LLaMA-Factory does."""
        return first_line(head).startswith("{") and {"current_steps", "total_steps"} <= _object(first_line(head)).keys()

    def read(self, path: Path) -> Imported:
        """Return the runs of a log: another one begins where the steps fall back to the first.

        Raises:
            DataError: it cannot be read, or holds no entry.
        """
        collected: list[Collected] = []
        unread: list[tuple[int, str]] = []
        for number, line in raw_lines(chunks_of(path)):
            values = _object(line)
            if not values:
                if line.strip() and len(unread) < MAX_UNREAD:
                    unread.append((number, line[:300]))
                continue
            step, total = checked.count(values.get("current_steps")), checked.count(values.get("total_steps"))
            entry = Entry.of({**values, "step": step})
            if step is None or not entry.splits:
                continue
            if not collected or (collected[-1].restarts(entry) and len(collected) < MAX_RUNS):
                collected.append(Collected(number, facts={} if not total else {"max_steps": total}))
            collected[-1].add(entry, number)
        if not collected:
            raise DataError(
                "LLaMA-Factory's trainer_log.jsonl has lines with current_steps and a loss: got none in "
                f"{checked.file_name(path)}"
            )
        runs = tuple(each.run(f"run in line {each.line}" if len(collected) > 1 else "") for each in collected)
        settings = shared_settings([run.settings for run in runs])
        return Imported(runs, settings, unread=tuple(unread), to_evaluate="val_size 0.1, eval_strategy epoch")


class TrainerResults:
    """The totals of one run: `all_results.json`, `eval_results.json`."""

    suffixes: tuple[str, ...] = ()

    def claims(self, path: Path, head: bytes) -> bool:
        """Return whether it is a small object of totals, without a history."""
        values = _object(decoded(head, errors="replace")) if head.lstrip()[:1] == b"{" else {}
        names = values.keys()
        is_flat = not any(isinstance(value, dict | list) for value in values.values())
        return is_flat and bool(names & {"train_runtime", "eval_runtime", "predict_runtime"})

    def read(self, path: Path) -> Imported:
        """Return the run, with the evaluation at its end.

        Raises:
            DataError: it is no object, or holds no evaluation.
        """
        shown = checked.file_name(path)
        values = json_value(text_of(path), f"Trainer's results are JSON: {shown} is not", "take trainer_state.json")
        entry = Entry.of(values) if isinstance(values, dict) else Entry(None, None, {})
        evaluated = {split: metrics for split, metrics in entry.splits.items() if split != "train"}
        if "dev" not in evaluated:
            raise DataError(
                f"runs are compared by their evaluations: {shown} holds the totals of one run and no evaluation; give "
                "trainer_state.json, which Trainer writes into the same folder"
            )
        size = checked.count(values.get("eval_samples"))
        sizes = entry.dev_size if not size else (size, size)
        told = Told(seconds=checked.measured(values.get("train_runtime", math.nan)), status="completed")
        run = run_of_entries([Entry(None, entry.epoch, evaluated, sizes)], told)
        return Imported((run,), notes=(CurveElsewhere(Text(path.name)),))


def _object(line: str) -> Mapping[str, Any]:
    """Return the JSON object that a text is, empty where it is none."""
    try:
        value = json.loads(line) if len(line) < 20 * MAX_LINE else None
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
