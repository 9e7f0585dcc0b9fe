"""One command from start to end, with real processes: what it prints, how it ends, and that nothing of it is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lrscope.runners.external import process_tree
from lrscope.runners.external.ended import Ended, why_failed
from lrscope.runners.external.run_process import child_environment, run_process

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are counted in /proc")
TOKEN = "LRSCOPE_TEST_TOKEN"


class Driver:
    """Runs commands that can be recognised by their environment."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "output.log"
        self.token = uuid.uuid4().hex
        self.env = child_environment({TOKEN: self.token})

    def run(self, *argv: str, **options: object) -> tuple[list[str], Ended]:
        lines: list[str] = []
        process = run_process(argv, **{"cwd": self.folder, "log": self.log, "env": self.env, **options})  # type: ignore[arg-type]
        while True:
            try:
                lines.append(next(process))
            except StopIteration as stop:
                ended = stop.value
                break
        assert self.alive() == []
        assert ended.survivors == 0
        return [line for line in lines if line], ended

    def python(self, code: str, **options: object) -> tuple[list[str], Ended]:
        return self.run(sys.executable, "-c", code, **options)

    def alive(self) -> list[int]:
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                environment = (folder / "environ").read_bytes()
            except OSError:
                continue
            if f"{TOKEN}={self.token}".encode() in environment:
                found.append(int(folder.name))
        return found

    def wait_until(self, true: Callable[[], bool], seconds: float = 8.0) -> None:
        until = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < until, self.alive()
            time.sleep(0.02)


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    driver = Driver(tmp_path)
    yield driver
    for pid in driver.alive():
        os.kill(pid, signal.SIGKILL)


@pytest.fixture(params=["linux", "portable"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run with the supervisor of Linux, then with that of other systems."""
    monkeypatch.setattr(process_tree, "PORTABLE", request.param == "portable")


@pytest.mark.usefixtures("either")
def test_output_and_exit_code(driver: Driver) -> None:
    started: list[int] = []
    code = "import sys; print('out'); print('err', file=sys.stderr); print(sys.stdin.read() == ''); sys.exit(3)"
    lines, ended = driver.python(code, on_start=started.append)
    assert lines == ["out", "err", "True"]
    assert (ended.code, ended.signal, ended.succeeded) == (3, "", False)
    assert ended.last_lines == ("out", "err", "True")
    assert driver.log.read_text() == "out\nerr\nTrue\n"
    assert len(started) == 1
    assert why_failed(ended) == "exit code 3: True"


@pytest.mark.usefixtures("either")
def test_arguments_stay_arguments(driver: Driver) -> None:
    words = ["a b", "", "$HOME", "*", "'", '"', "\\", "é", "--", "-c", "a\nb", "{lr}", ";", "|"]
    lines, ended = driver.run(sys.executable, "-c", "import sys; print(ascii(sys.argv[1:]))", *words)
    assert lines == [ascii(words)]
    assert ended.succeeded
    assert why_failed(ended) == ""


@pytest.mark.usefixtures("either")
def test_it_runs_in_its_folder_with_its_environment(driver: Driver) -> None:
    lines, _ = driver.python("import os; print(os.getcwd(), os.environ['PYTHONUNBUFFERED'])")
    assert lines == [f"{driver.folder} 1"]


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("no-such-program", "command not found: no-such-program; correct its name"),
        ("./no-such", "command not found: ./no-such, in the folder"),
        ("./text", "not a program that may be run: ./text; write python ./text"),
        ("./empty", "not a program: ./empty; write what runs it, such as bash ./empty"),
    ],
)
def test_what_cannot_be_started_is_told(driver: Driver, program: str, why: str) -> None:
    (driver.folder / "text").write_text("x")
    (driver.folder / "empty").write_text("echo hi\n")
    (driver.folder / "empty").chmod(0o755)
    lines, ended = driver.run(program)
    assert why_failed(ended).startswith(why)
    assert (lines, ended.code) == ([], None)


@pytest.mark.usefixtures("either")
def test_a_missing_folder_is_told(driver: Driver) -> None:
    _, ended = driver.run("true", cwd=driver.folder / "none")
    assert why_failed(ended).startswith("cannot run in the folder")


def test_a_null_character_is_told(driver: Driver) -> None:
    _, ended = driver.run("true", "a\0b")
    assert why_failed(ended) == "cannot run true: embedded null byte"


@pytest.mark.usefixtures("either")
def test_ended_by_a_signal(driver: Driver) -> None:
    _, ended = driver.python("import os; print('hm', flush=True); os.kill(os.getpid(), 11)")
    assert (ended.code, ended.signal) == (None, "SIGSEGV")
    assert why_failed(ended) == "ended by SIGSEGV: hm"
    _, ended = driver.python("import os; os.kill(os.getpid(), 9)")
    assert ended.out_of_memory
    assert why_failed(ended).startswith("killed, most likely by the system for lack of memory")


@pytest.mark.usefixtures("either")
def test_it_ends_in_time_though_it_ignores_sigterm(driver: Driver) -> None:
    begun = time.monotonic()
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
    lines, ended = driver.python(code, timeout=0.6, grace=0.3)
    assert lines == ["on"]
    assert (ended.timed_out, ended.stopped, ended.signal) == (True, False, "SIGKILL")
    assert why_failed(ended) == f"it was ended after {ended.seconds:.1f} s, since it took longer than it may"
    assert 0.6 <= time.monotonic() - begun < 5.0


@pytest.mark.usefixtures("either")
def test_asked_to_stop_it_may_finish_by_itself(driver: Driver) -> None:
    stop = threading.Event()
    code = (
        "import signal, sys, time\n"
        "def leave(*_): print('saved', flush=True); sys.exit(0)\n"
        "signal.signal(15, leave); print('on', flush=True); time.sleep(60)"
    )
    process = run_process([sys.executable, "-c", code], cwd=driver.folder, log=driver.log, env=driver.env, stop=stop)
    assert next(line for line in process if line) == "on"
    stop.set()
    lines: list[str] = []
    with pytest.raises(StopIteration) as end:
        while True:
            lines.append(next(process))
    ended = end.value.value
    assert "saved" in lines
    assert (ended.code, ended.stopped) == (0, True)
    assert not ended.succeeded
    assert why_failed(ended) == "it was stopped"
    assert driver.alive() == []


# Independent in every way that there is: a session of its own, a parent that is gone, deaf to SIGTERM and SIGHUP.
DAEMON = (
    "import os, signal, sys, time\n"
    "if os.fork(): os._exit(0)\n"
    "os.setsid()\n"
    "if os.fork(): os._exit(0)\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    "os.close(1); os.close(2)\n"
    "open('ready', 'w').close()\n"
    "time.sleep(300)\n"
)
WITH_DAEMON = (
    f"import os, subprocess, sys, time\nsubprocess.run([sys.executable, '-c', {DAEMON!r}])\n"
    "while not os.path.exists('ready'): time.sleep(0.01)\n"
)


@pytest.mark.usefixtures("either")
def test_what_a_command_leaves_is_ended(driver: Driver) -> None:
    _, ended = driver.python(f"{WITH_DAEMON}print('done')", grace=0.2)
    assert (ended.code, ended.left, ended.succeeded) == (0, 1, True)


@pytest.mark.usefixtures("either")
def test_daemons_end_with_a_stop(driver: Driver) -> None:
    _, ended = driver.python(f"{WITH_DAEMON}time.sleep(300)", timeout=1.0, grace=0.2)
    assert ended.timed_out


@pytest.mark.usefixtures("either")
def test_closing_the_generator_kills_all(driver: Driver) -> None:
    command = [sys.executable, "-c", f"{WITH_DAEMON}print('on'); time.sleep(300)"]
    process = run_process(command, cwd=driver.folder, log=driver.log, env=driver.env)
    assert next(line for line in process if line) == "on"
    assert len(driver.alive()) >= 2
    process.close()
    assert driver.alive() == []


CONTROLLER = """
import os, sys
from pathlib import Path
from lrscope.runners.external.run_process import run_process
for line in run_process([sys.executable, "-c", {command!r}], cwd=Path({folder!r}), log=Path({log!r})):
    if line == "on":
        {then}
        print("on", flush=True)
"""


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("forked", [False, True])
def test_nothing_outlives_a_killed_controller(driver: Driver, request: pytest.FixtureRequest, *, forked: bool) -> None:
    # A fork of the controller keeps the life line open: the supervisor sees that its parent is another one.
    then = "(os.fork() or (os.closerange(1, 3), __import__('time').sleep(20), os._exit(0)))" if forked else "pass"
    code = CONTROLLER.format(
        command=f"{WITH_DAEMON}print('on'); time.sleep(300)", folder=str(driver.folder), log=str(driver.log), then=then
    )
    if "portable" in request.node.callspec.params.values():
        code = f"import lrscope.runners.external.process_tree as t; t.PORTABLE = True\n{code}"
    with subprocess.Popen([sys.executable, "-c", code], env=driver.env, stdout=subprocess.PIPE) as controller:
        assert controller.stdout is not None
        assert controller.stdout.readline() == b"on\n"
        assert len(driver.alive()) >= 4  # controller, supervisor, command, daemon
        controller.kill()
    driver.wait_until(lambda: len(driver.alive()) <= int(forked))


@pytest.mark.usefixtures("either")
def test_nothing_outlives_a_killed_supervisor(driver: Driver) -> None:
    started: list[int] = []
    command = [sys.executable, "-c", f"{WITH_DAEMON}print('on'); time.sleep(300)"]
    process = run_process(command, cwd=driver.folder, log=driver.log, env=driver.env, on_start=started.append)
    assert next(line for line in process if line) == "on"
    supervisor = int(Path(f"/proc/{started[0]}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(supervisor, signal.SIGKILL)
    with pytest.raises(StopIteration) as end:
        while True:
            next(process)
    assert end.value.value.unwatched
    assert driver.alive() == []


def test_a_flood_is_bounded(driver: Driver) -> None:
    code = (
        "import os\nblock = b'step 1 loss 0.5 and so on and on\\n' * 32768\n"
        "for _ in range(40):\n    view = memoryview(block)\n    while view: view = view[os.write(1, view):]\n"
        "print('the end')"
    )
    lines, ended = driver.python(code)
    assert ended.succeeded
    assert lines[-1] == ended.last_lines[-1] == "the end"
    assert driver.log.stat().st_size < 17 << 20
    with driver.log.open("rb") as log:
        assert any(b"bytes of output are left out here" in line for line in log)


def test_a_huge_line_is_cut(driver: Driver) -> None:
    lines, ended = driver.python("import sys; sys.stdout.write('x' * 5_000_000); sys.exit('no end')")
    assert lines[0] == "x" * 10_000
    assert max(map(len, ended.last_lines)) == 10_000
    assert driver.log.stat().st_size > 5_000_000


def test_bytes_that_are_no_text_are_replaced(driver: Driver) -> None:
    lines, _ = driver.python(r"import os; os.write(1, b'a\xff\xfeb \xe4\xb8\xad\n\x1b[31mred\x1b[0m\x07\n')")
    assert lines == ["a\ufffd\ufffdb 中", "red"]


def test_a_command_that_prints_nothing_lets_its_driver_look(driver: Driver) -> None:
    process = run_process(["sleep", "0.7"], cwd=driver.folder, log=driver.log, env=driver.env, tick=0.2)
    assert set(ticks := list(process)) == {""}
    assert 2 <= len(ticks) <= 8
    assert driver.log.read_bytes() == b""
    _, ended = driver.run("false")
    assert why_failed(ended) == "exit code 1, and it printed nothing"


def test_a_bar_is_seen_while_it_grows_and_folded_in_the_log(driver: Driver) -> None:
    code = (
        "import sys, time\nfor k in range(14):\n    sys.stderr.write(f'\\r {k}/13'); time.sleep(0.1)\n"
        "print(file=sys.stderr); print('{1: 2}')"
    )
    lines, _ = driver.python(code)
    assert lines[-2:] == [" 13/13", "{1: 2}"]
    assert 3 <= len(lines) <= 12
    assert driver.log.read_text() == " 13/13\n{1: 2}\n"


def test_a_slow_driver_does_not_slow_the_command_down(driver: Driver) -> None:
    code = "import time; b = time.monotonic()\nfor _ in range(20000): print('x' * 99)\nprint(time.monotonic() - b)"
    process = run_process([sys.executable, "-c", code], cwd=driver.folder, log=driver.log, env=driver.env)
    next(process)
    time.sleep(1.0)
    driver.wait_until(lambda: not driver.alive())  # it ended though nobody looked
    assert len(list(process)) == 20000
