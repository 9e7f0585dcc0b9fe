r"""What a command prints, on disk: bounded, with progress bars folded.

The log is the beginning of the output, a line that says how many bytes are left out, and the end. While the command
runs, the end lies in two files beside the log, `output.log.1` and then `output.log.2`, of which the older is dropped
when the newer is full; closing the log puts them together, and so does opening it again where a kill -9 came first.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import BinaryIO

HEAD_BYTES = 8 << 20
PART_BYTES = 3 << 20  # of which two are kept, each larger by one read from the pipe at most
MAX_PENDING = 1 << 16  # of a line that does not end; longer ones are written in pieces

_LEFT_OUT = re.compile(rb"^\[lrscope: ([0-9,]+) bytes of output are left out here\]\n", re.MULTILINE)


class OutputLog:
    """Takes bytes in, gives whole lines back with their bars folded, and keeps a bounded log of them.

    With `append` what an earlier attempt printed stays, within the same bounds; else the log begins anew. `problem`
    says why the log could not be written, such as a full disk; lines are given back nevertheless.

    Raises:
        OSError: the log cannot be opened.
    """

    def __init__(
        self, path: Path, *, append: bool = False, head_bytes: int = HEAD_BYTES, part_bytes: int = PART_BYTES
    ) -> None:
        self.path, self.problem = path, ""
        self._part_bytes = part_bytes
        self._older, self._newer = path.with_name(f"{path.name}.1"), path.with_name(f"{path.name}.2")
        self._part: BinaryIO | None = None
        self._part_size = 0
        self._behind_head = 0  # bytes that came after the head, kept or not
        self._pending, self._is_bar = b"", False
        self._within_line = False  # the pending line's beginning is written and passed on already
        if append and path.exists():
            self._put_together()
            self._begin_from(path, head_bytes)
        else:
            for part in (self._older, self._newer):
                part.unlink(missing_ok=True)
        self._head = path.open("ab" if append else "wb", buffering=0)
        self._head_left = 0 if self._behind_head else max(0, head_bytes - path.stat().st_size)

    @property
    def progress(self) -> bytes:
        """The last state of a progress bar whose line has not ended; empty where there is none."""
        return self._pending.rstrip(b"\r") if self._is_bar else b""

    def write(self, data: bytes) -> bytes:
        r"""Take what was printed; return the lines that are whole by now, each with its `\n`."""
        cut = data.rfind(b"\n") + 1
        whole, rest = data[:cut], data[cut:]
        if whole:
            whole = folded(self._pending + whole)
            self._pending, self._is_bar, within, self._within_line = b"", False, self._within_line, False
            self._keep(whole)
            if within:
                whole = whole[whole.find(b"\n") + 1 :]
        self._pending += rest
        if b"\r" in rest:
            self._is_bar = True
            # A \r at the end overwrites nothing yet, and may be half of \r\n.
            self._pending = last_state(self._pending) + (b"\r" if rest.endswith(b"\r") else b"")
        if len(self._pending) > MAX_PENDING:
            self._keep(self._pending)
            if not self._within_line:
                whole += self._pending + b"\n"
            self._pending, self._within_line = b"", True
        return whole

    def close(self) -> bytes:
        """Write what is pending, put the log together, and return the last line where it was not ended."""
        last = b"" if self._within_line else folded(self._pending + b"\n")
        if self._pending or self._within_line:
            self._keep(folded(self._pending + b"\n"))
        self._pending, self._is_bar = b"", False
        self._head.close()
        if self._part is not None:
            self._part.close()
        try:
            self._put_together()
        except OSError as error:
            self._note(error)
        return last if last != b"\n" else b""

    def _keep(self, data: bytes) -> None:
        if self.problem:
            return
        try:
            if self._head_left:
                cut = len(data)
                if cut > self._head_left:  # the head ends with a whole line
                    cut = data.rfind(b"\n", 0, self._head_left) + 1
                _write_all(self._head, data[:cut])
                self._head_left = self._head_left - cut if cut == len(data) else 0
                data = data[cut:]
            if data:
                if self._part is None or self._part_size >= self._part_bytes:
                    self._next_part()
                assert self._part is not None
                _write_all(self._part, data)
                self._part_size += len(data)
                self._behind_head += len(data)
        except OSError as error:
            self._note(error)

    def _note(self, error: OSError) -> None:
        self.problem = f"cannot write {self.path}: {error.strerror or error}; free some space"

    def _next_part(self) -> None:
        if self._part is not None:
            self._part.close()
            self._newer.replace(self._older)
        self._part, self._part_size = self._newer.open("wb", buffering=0), 0
        _write_all(self._part, _left_out(self._behind_head))

    def _put_together(self) -> None:
        """Append the parts to the log; what stands first in the older one says what is missing before it."""
        parts = [part for part in (self._older, self._newer) if part.exists()]
        if not parts:
            return
        with self.path.open("rb+") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(0, size - 1))
            within_line = log.read() not in (b"", b"\n")
            for place, part in enumerate(parts):
                with part.open("rb") as file:
                    match = _LEFT_OUT.match(file.read(100))
                    file.seek(match.end() if match and place else 0)
                    if match and place == 0 and within_line:
                        log.write(b"\n")
                    shutil.copyfileobj(file, log, 1 << 20)
        for part in parts:
            part.unlink()

    def _begin_from(self, path: Path, head_bytes: int) -> None:
        """Take the end of an earlier attempt's log off, as the part that is kept until newer ones push it out."""
        if path.stat().st_size <= head_bytes:
            return
        text = path.read_bytes()
        match = _LEFT_OUT.search(text)
        cut = match.start() if match else text.rfind(b"\n", 0, head_bytes) + 1 or head_bytes
        missing = int(match[1].replace(b",", b"")) if match else 0
        tail = text[match.end() if match else cut :]
        self._older.write_bytes(_left_out(missing) + tail)
        os.truncate(path, cut)
        self._behind_head = missing + len(tail)


def _left_out(count: int) -> bytes:
    return f"[lrscope: {count:,} bytes of output are left out here]\n".encode() if count else b""


def folded(lines: bytes) -> bytes:
    r"""Return lines as a terminal would show them after their carriage returns: of a progress bar the last state.

    >>> folded(b"a\r\n 10%\r 20%\nb\n")
    b'a\n 20%\nb\n'
    """
    if b"\r" not in lines:
        return lines
    lines = lines.replace(b"\r\n", b"\n")
    if b"\r" not in lines:
        return lines
    return b"\n".join(last_state(line) if b"\r" in line else line for line in lines.split(b"\n"))


def last_state(line: bytes) -> bytes:
    r"""Return what was written to a line since the last carriage return that overwrote it.

    >>> last_state(b" 10%\r 20%\r")
    b' 20%'
    """
    line = line.rstrip(b"\r")
    return line[line.rfind(b"\r") + 1 :]


def _write_all(file: BinaryIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
