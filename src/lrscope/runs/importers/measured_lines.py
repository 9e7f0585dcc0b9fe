"""Lines that tell what was measured in a training: at an epoch or a step, in their own line or under a heading of one.

One reader for all programs that print text: loops of one's own, Keras, fastai, Lightning, nanoGPT, llama2.c, nanochat,
torchtune, torchtitan, litgpt. What is not surely a measurement is none.
"""

from __future__ import annotations

import re
from dataclasses import replace

from lrscope.runs.importers import checked
from lrscope.runs.importers.measured_line import Measured, MeasuredLine
from lrscope.runs.importers.printed_tables import PrintedTable

_DIGIT = re.compile(r"\d")
# A heading of an epoch: "Epoch 1/3", "===== Epoch 2 =====", "Epoch: 01 | Epoch Time: 0m 10s", "Epoch 3 results:".
_HEADING = re.compile(r"^[^\w]{0,80}(?:\[?(?:train|training)\]?\W{1,3})?(?:start(?:ing)? )?ep(?:och)?\b", re.I)
# What stands behind an epoch's number where it has ended: what was measured may stand before it as well as after it.
_ENDED = re.compile(
    r"\b(?:finished|completed?|done|took|ended|early|saved?|saving|stopp\w{1,5}|improve\w{0,2}|reduc\w{1,5})\b", re.I
)
_LETTERS = re.compile(r"[^\W\d_]+")
_OF_HEADINGS = re.compile(
    r"epoch|ep|time|[smh]|ms|secs?|seconds?|mins?|minutes?|results?|summary|start(?:ing|ed)?|begin(?:ning)?|train(?:ing)?"
    r"|of|info|root|debug|learning|rate|lr|elapsed",
)
_SECTION = re.compile(
    r"^\W*(?:running )?(train|training|val|valid|validation|validating|eval|evaluation|evaluating|dev|test|testing)"
    r"(?: (?:set|results?|metrics|errors?|phase|on \w{1,20}(?: \w{1,20})?))?\W*$",
    re.I,
)
_SECTIONS = {"te": "test", "tr": "train"}
# What a line without a position says of other epochs, or of several runs.
_SUMMARY = re.compile(
    r"best|lowest|highest|minimum|maximum|±|\+/?-|\bstd\b"
    r"|\b(?:over|across|of) (?:\d{1,6}|all) (?:seeds|runs|folds|trials)",
    re.I,
)
_KERAS = re.compile(r"^(\d{1,9})/(\d{1,9}|Unknown)\s")
# Lightning's bar, also one's own with its epoch in front, and torchtune's.
_BAR = re.compile(
    r"^(?:Epoch (\d{1,9})(?:/\d{1,9})?:\s*\d{1,3}%\|[^|]{0,300}\|\s*(\d{1,12})/(\d{1,12}) \[[^,\]]{1,40},[^,\]]{1,40}, "
    r"|(\d{1,9})\|(\d{1,9})\|(?=Loss: ))(.*)"
)


class MeasuredLines:
    """Reads lines in order, since what stands under an epoch's heading belongs to that epoch.

    >>> lines = MeasuredLines()
    >>> lines.take("Epoch 1/3").epoch, dict(lines.take("Train Loss: 0.5 | Val. Loss: 0.6 | Val. Acc: 75.0%").values)
    (1, {'train': {'loss': 0.5}, 'dev': {'loss': 0.6, 'acc': 75.0}})
    >>> lines.take("the loss is high"), lines.take("step 200: train loss 2.43, val loss 2.46").step
    (None, 200)
    """

    def __init__(self) -> None:
        self._heading: Measured | None = None
        self._seen: set[tuple[str, str]] = set()  # what stood under the heading
        self._table: PrintedTable | None = None
        self._bar = 0  # how far a bar stood; -1 where its epoch has ended
        self._num_bars = 0
        self._section = ""  # the split that stands alone in a line above, as "Validation:"
        self._steps_an_iter = 1.0

    def forget(self) -> None:
        """Let a heading's epoch end: another run may begin."""
        self.__init__()  # type: ignore[misc]

    def take(self, line: str) -> Measured | None:
        """Return what a line says, None where it says nothing; without values it is the heading of an epoch."""
        if "{" in line or _DIGIT.search(line) is None:
            if (match := _SECTION.match(line)) is not None:
                self._section = _SECTIONS.get(match[1][:2].lower(), "dev")
                return Measured({})
            if line[:1] in "eEsSiI|" and (table := PrintedTable.headed(line)) is not None:
                self._table, self._heading = table, None
                return Measured({})
            return None
        if self._table is not None and (row := self._table.row(line)) is not None:
            return Measured(row.values, epoch=row.epoch, step=row.step, form="table")
        if not _tells(line.lower()):
            return None
        if "|" in line and (bar := _BAR.match(line)) is not None:
            return self._of_bar(bar)
        if "%|" in line:  # a bar of something else
            return None
        keras = _KERAS.match(line)
        if keras is not None and " - " in line:
            return self._of_keras(keras, line)
        return self._of_text(line)

    def _of_text(self, line: str) -> Measured | None:
        read = MeasuredLine(line, of_section=self._section)
        found = self._in_steps(read)
        if found.is_placed:
            self._section = ""
            if not found.values:
                if found.epoch is None or not _HEADING.match(line) or _ENDED.search(line):
                    return None
                self._begin(found)
                return found if _is_plain(line) else None
            if found.epoch is not None and not found.is_within_epoch:
                self._begin(found)
            elif found.epoch is None and self._heading is not None and not self._heading.values:
                found = replace(found, epoch=self._heading.epoch, total_epochs=self._heading.total_epochs)
            return found
        at = self._heading
        if not found.values or _SUMMARY.search(line):
            return None
        if at is not None and found.share is not None and not at.values:
            return replace(found, epoch=at.epoch, total_epochs=at.total_epochs)
        if at is not None and not found.names & self._seen:
            self._seen |= found.names
            return replace(found, epoch=at.epoch, total_epochs=at.total_epochs, form=f"under {found.form}")
        return found if read.is_named else None

    def _begin(self, found: Measured) -> None:
        """Make a line the heading of what stands under it."""
        self._heading, self._seen = found, found.names
        self._bar = 0
        self._num_bars += 1

    def _in_steps(self, read: MeasuredLine) -> Measured:
        """Return a line's measurements; litgpt counts iterations beside steps, and evaluates at iterations."""
        found = read.measured
        if read.iteration is not None and read.step is not None and read.iteration > 0:
            self._steps_an_iter = read.step / read.iteration
            if "dev" in found.values and read.is_carried:  # the last evaluation's value, repeated in every line
                return replace(found, values={name: each for name, each in found.values.items() if name != "dev"})
        elif read.iteration is not None and self._steps_an_iter != 1.0:
            return replace(found, step=round(read.iteration * self._steps_an_iter))
        return found

    def _of_keras(self, match: re.Match[str], line: str) -> Measured | None:
        """Return the last state of a bar of Keras: before, it tells of the part of an epoch."""
        if self._heading is None:
            return None
        done, total = int(match[1]), checked.count(match[2])
        if self._bar < 0 or done < self._bar:
            self._bar = -1  # an evaluation after the training
            return None
        self._bar = done
        found = MeasuredLine(line[match.end() :], bare="train").measured
        if not found.values or (total is not None and done < total):
            return Measured({})
        if "dev" in found.values:
            self._bar = -1
        return replace(
            found, epoch=self._heading.epoch, total_epochs=self._heading.total_epochs, form=f"bar {self._num_bars}"
        )

    def _of_bar(self, match: re.Match[str]) -> Measured | None:
        """Return the last state of a bar of Lightning, or any state of one of torchtune."""
        found = MeasuredLine(match[6].partition("]")[0], bare="train").measured
        if match[4] is not None:
            return replace(found, epoch=int(match[4]), step=int(match[5]), form="torchtune") if found.values else None
        done = int(match[2])
        self._num_bars += done < self._bar
        self._bar = done
        if match[2] != match[3] or not found.values:
            return Measured({})
        return replace(found, epoch=int(match[1]), step=None, total_steps=None, form=f"bar {self._num_bars}")


def _tells(line: str) -> bool:
    """Whether a line has a word that every line has which tells something: the fastest way past one that does not."""
    return (
        "loss" in line or "ep" in line or "iter" in line or "acc" in line or "val" in line or "dev" in line
        or "test" in line or "lr" in line or "learning" in line or "batch" in line or "train" in line
    )  # fmt: skip


def _is_plain(heading: str) -> bool:
    """Whether a heading of an epoch says nothing else."""
    return all(_OF_HEADINGS.fullmatch(word) for word in _LETTERS.findall(heading.lower()))
