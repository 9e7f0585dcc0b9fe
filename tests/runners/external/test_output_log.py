"""The log of a command's output: bounded, folded, put together after a kill."""

import random
import re
from pathlib import Path

import pytest

from lrscope.runners.external.output_log import MAX_PENDING, OutputLog


def write_in_pieces(log: OutputLog, data: bytes, seed: int = 0, largest: int = 40) -> bytes:
    draw, given = random.Random(seed), b""
    while data:
        size = draw.randint(1, largest)
        given += log.write(data[:size])
        data = data[size:]
    return given + log.close()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        (b"a\nb\n", b"a\nb\n"),
        (b"a\r\nb\r\n\r\n", b"a\nb\n\n"),
        (b"start\n\r 10%\r 20%\r100%\nend\n", b"start\n100%\nend\n"),
        (b"a\nlast", b"a\nlast\n"),
        (b"a\n 10%\r 20%\r", b"a\n 20%\n"),
        (b" 10%\r     \r{'loss': 1}\n 20%\r", b"{'loss': 1}\n 20%\n"),
        (b"", b""),
    ],
)
def test_bars_are_folded_however_the_output_arrives(tmp_path: Path, printed: bytes, shown: bytes, seed: int) -> None:
    log = OutputLog(tmp_path / "output.log")
    assert write_in_pieces(log, printed, seed, largest=4) == shown
    assert (tmp_path / "output.log").read_bytes() == shown
    assert [file.name for file in tmp_path.iterdir()] == ["output.log"]


def test_the_middle_of_a_flood_is_left_out_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "output.log"
    lines = [f"line {number}\n".encode() for number in range(5000)]
    log = OutputLog(path, head_bytes=1000, part_bytes=500)
    largest = 0
    for line in lines:
        log.write(line)
        largest = max(largest, sum(file.stat().st_size for file in tmp_path.iterdir()))
    log.close()
    text = path.read_bytes()
    assert largest < 2300
    head, count, tail = re.split(rb"\[lrscope: ([0-9,]+) bytes of output are left out here\]\n", text)
    assert len(head) + int(count.replace(b",", b"")) + len(tail) == sum(map(len, lines))
    assert b"".join(lines).startswith(head)
    assert b"".join(lines).endswith(tail)
    assert head.endswith(b"\n")
    assert tail.startswith(b"line ")
    assert [file.name for file in tmp_path.iterdir()] == ["output.log"]


@pytest.mark.parametrize("lines_before", [3, 110, 160, 1000])
@pytest.mark.parametrize("closed", [True, False])
def test_a_later_attempt_goes_on_with_the_log(tmp_path: Path, lines_before: int, closed: bool) -> None:
    path = tmp_path / "output.log"
    first = OutputLog(path, head_bytes=1000, part_bytes=500)
    before = [f"line {number:4}\n".encode() for number in range(lines_before)]
    for line in before:
        first.write(line)
    if closed:
        first.close()
    else:  # killed: the parts lie beside the log
        first._head.close()
        if first._part is not None:
            first._part.close()
    second = OutputLog(path, append=True, head_bytes=1000, part_bytes=500)
    second.write(b"attempt 2\n")
    second.close()
    pieces = re.split(rb"\[lrscope: ([0-9,]+) bytes of output are left out here\]\n", path.read_bytes())
    assert pieces[-1].endswith(before[-1] + b"attempt 2\n")
    missing = int(pieces[1].replace(b",", b"")) if len(pieces) == 3 else 0
    assert len(pieces[0]) + missing + len(pieces[-1]) * (len(pieces) == 3) == len(b"".join(before)) + len(
        b"attempt 2\n"
    )
    assert [file.name for file in tmp_path.iterdir()] == ["output.log"]


def test_a_new_log_forgets_the_old_one(tmp_path: Path) -> None:
    for name in ("output.log", "output.log.1", "output.log.2"):
        (tmp_path / name).write_text("old\n")
    log = OutputLog(tmp_path / "output.log")
    log.write(b"new\n")
    log.close()
    assert (tmp_path / "output.log").read_text() == "new\n"
    assert [file.name for file in tmp_path.iterdir()] == ["output.log"]


def test_a_line_that_does_not_end_is_passed_on_once(tmp_path: Path) -> None:
    log = OutputLog(tmp_path / "output.log")
    given = b"".join(log.write(b"x" * 5000) for _ in range(100)) + log.write(b"y\nz\n")
    log.close()
    first, second, rest = given.split(b"\n")
    assert MAX_PENDING < len(first) <= MAX_PENDING + 5000
    assert (second, rest) == (b"z", b"")
    assert (tmp_path / "output.log").read_bytes() == b"x" * 500_000 + b"y\nz\n"


def test_a_bar_shows_its_last_state(tmp_path: Path) -> None:
    log = OutputLog(tmp_path / "output.log")
    states = []
    for data in (b"hello", b"\n", b"\r 1%", b"\r 2%", b" of 3\r", b"\n", b"plain"):
        log.write(data)
        states.append(log.progress)
    log.close()
    assert states == [b"", b"", b" 1%", b" 2%", b" 2% of 3", b"", b""]


def test_a_full_disk_is_told_once_and_lines_go_on(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("/dev/full is not there")
    path = tmp_path / "output.log"
    path.symlink_to("/dev/full")
    log = OutputLog(path)
    assert log.write(b"a\n") + log.write(b"b\n") == b"a\nb\n"
    log.close()
    assert "No space left" in log.problem
