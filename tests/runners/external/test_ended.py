"""Why a command failed, in one line."""

import pytest

from lrscope.runners.external.ended import Ended, speaks_of_memory, why_failed


def failed(*lines: str, code: int | None = 1, signal: str = "") -> Ended:
    memory = next((line for line in reversed(lines) if speaks_of_memory(line)), "")
    return Ended(code, signal, 1.0, False, False, lines, memory_line=memory)


TRACEBACK = ("Traceback (most recent call last):", '  File "train.py", line 3, in <module>', "    main()")


@pytest.mark.parametrize(
    ("ended", "why"),
    [
        (failed("usage: train.py", "train.py: error: unrecognized arguments: --lr", code=2),
         "exit code 2: train.py: error: unrecognized arguments: --lr"),
        (failed(*TRACEBACK, "KeyError: 'loss'", "wandb: synced"), "exit code 1: KeyError: 'loss'"),
        (failed(*TRACEBACK, "KeyboardInterrupt"), "exit code 1: KeyboardInterrupt"),
        (failed(*TRACEBACK, "ValueError: a", "", "During handling of the above exception", *TRACEBACK, "my.Fault: b"),
         "exit code 1: my.Fault: b"),
        (failed(*(f"[rank0]: {line}" for line in (*TRACEBACK, "RuntimeError: sizes differ")), *TRACEBACK,
                "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: ", "train.py FAILED"),
         "exit code 1: RuntimeError: sizes differ"),
        (failed(*TRACEBACK, "subprocess.CalledProcessError: Command 'x' returned non-zero exit status 1."),
         "exit code 1: subprocess.CalledProcessError: Command 'x' returned non-zero exit status 1."),
        (failed(*TRACEBACK, "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.", "bye"),
         "out of memory: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB."),
        (failed("RuntimeError: [enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: not enough memory: x"),
         "out of memory: RuntimeError: [enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: not enough memory: x"),
        (failed(*TRACEBACK, "MemoryError"), "out of memory: MemoryError"),
        (failed("MPS backend out of memory (MPS allocated: 1 GB)"),
         "out of memory: MPS backend out of memory (MPS allocated: 1 GB)"),
        (failed(*TRACEBACK, "RuntimeError: DataLoader worker (pid 7) is killed by signal: Killed. "),
         "a process of it was killed, most likely by the system for lack of memory: "
         "RuntimeError: DataLoader worker (pid 7) is killed by signal: Killed."),
        (failed(*TRACEBACK, "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: ",
                "  exitcode  : -9 (pid: 71)"),
         "a process of it was killed, most likely by the system for lack of memory: exitcode  : -9 (pid: 71)"),
        (failed(*TRACEBACK, "ValueError: rates", *TRACEBACK, "RuntimeError: [pair.cc:553] Connection closed by peer."),
         "exit code 1: ValueError: rates"),
        (failed(*TRACEBACK, "ValueError: rates", "  exitcode  : -9 (pid: 71)"), "exit code 1: ValueError: rates"),
        (failed("step 3", code=137), "killed, most likely by the system for lack of memory: step 3"),
        (failed("step 3", code=139), "exit code 139 (SIGSEGV): step 3"),
        (failed("step 3", code=None, signal="SIGTERM"), "ended by SIGTERM: step 3"),
        (failed(code=255), "exit code 255, and it printed nothing"),
    ],
)  # fmt: skip
def test_one_line(ended: Ended, why: str) -> None:
    assert why_failed(ended) == why


def test_a_long_line_is_cut() -> None:
    assert len(why_failed(failed("x" * 5000))) == 300


@pytest.mark.parametrize("line", ["peak memory 3 GB", "memory efficient attention", "in-memory: True", "pin_memory=1"])
def test_not_every_word_of_memory_is_its_end(line: str) -> None:
    assert not speaks_of_memory(line)


def test_what_succeeded_has_no_reason() -> None:
    ended = Ended(0, "", 1.0, False, False, ("CUDA out of memory, trying a smaller batch",), memory_line="CUDA out")
    assert why_failed(ended) == ""
    assert not ended.out_of_memory
