"""W&B's folder of a run that was not synced: its log, as wandb 0.31 writes it, and an earlier form."""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from lrscope.errors import DataError
from lrscope.runs.importers.wandb_log import BLOCK, MAGIC, WandbLog
from lrscope.runs.notes import RecordsLeftOut
from lrscope.runs.run import Run
from lrscope.runs.sources import importer_of, read_runs


def varint(value: int) -> bytes:
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def message(number: int, content: bytes | str) -> bytes:
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content


def item(name: str, value: Any, *, typed: bool) -> bytes:
    key = b"".join(message(2, part) for part in name.split(".")) if "." in name else message(1, name)
    if typed and isinstance(value, float):
        return message(1, key + varint(6 << 3 | 1) + struct.pack("<d", value))
    if typed and isinstance(value, int):
        return message(1, key + varint(5 << 3) + varint(value << 1))
    return message(1, key + message(16, json.dumps(value)))


def blocks(records: Sequence[bytes]) -> bytes:
    content = MAGIC + b"\0"
    for record in records:
        begun = False
        while record or not begun:
            left = BLOCK - len(content) % BLOCK
            if left < 7:
                content += bytes(left)
                continue
            part, record = record[: left - 7], record[left - 7 :]
            kind = (4 if begun else 1) if not record else (3 if begun else 2)
            checksum = zlib.crc32(part, zlib.crc32(bytes([kind])))
            content += checksum.to_bytes(4, "little") + len(part).to_bytes(2, "little") + bytes([kind]) + part
            begun = True
    return content


def records(
    rows: Sequence[Mapping[str, Any]], config: Mapping[str, Any], *, typed: bool = False, code: int | None = 0
) -> Iterator[bytes]:
    run = message(4, b"".join(item(name, value, typed=False) for name, value in config.items())) + message(8, "calm-1")
    yield message(17, message(1, "ab12") + run)
    for row in rows:
        yield message(2, b"".join(item(name, value, typed=typed) for name, value in row.items()))
    if code is not None:
        yield message(18, varint(1 << 3) + varint(code) if code else b"")


def written(path: Path, rows: Sequence[Mapping[str, Any]], config: Mapping[str, Any], **more: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(blocks(list(records(rows, config, **more))))
    return path


def the_run(path: Path) -> Run:
    assert isinstance(importer_of(path), WandbLog)
    (run,) = WandbLog().read(path).runs
    return run


CONFIG = {"learning_rate": 2e-4, "seed": 3, "per_device_train_batch_size": 8, "optimizer": {"weight_decay": 0.1}}
ROWS = [
    {"train/loss": 2.0, "train/learning_rate": 1e-4, "train/global_step": 10, "train/epoch": 0.5, "_runtime": 1.5},
    {"train/loss": 1.5, "train/learning_rate": 5e-5, "train/global_step": 20, "train/epoch": 1.0, "_runtime": 2.0},
    {"eval/loss": 1.4, "eval/f1": 0.5, "train/global_step": 20, "train/epoch": 1.0, "_runtime": 2.5, "_step": 3},
]


@pytest.mark.parametrize("typed", [False, True])
def test_a_log_is_a_run_with_its_configuration(typed: bool, tmp_path: Path) -> None:
    run = the_run(written(tmp_path / "run-ab12.wandb", ROWS, CONFIG, typed=typed))
    assert (run.arm, run.seed, run.status, run.seconds) == ("lr 2e-4", 3, "completed", 2.5)
    assert run.settings["batch_size"] == "8"
    assert run.settings["weight_decay"] == "0.1"
    (point,) = run.points
    assert (point.step, point.epoch) == (20, 1.0)
    assert point.splits == {"dev": {"loss": 1.4, "f1": 0.5}, "train": {"loss": 1.75}}


def test_long_logs_go_over_blocks(tmp_path: Path) -> None:
    rows = [{"train/global_step": n, "eval/loss": 1.0 / n, "note": "x" * (n % 97)} for n in range(1, 2_000)]
    rows[1000]["note"] = "y" * 3 * BLOCK
    run = the_run(written(tmp_path / "a.wandb", rows, CONFIG))
    assert run.series("dev", "loss") == [(n, 1.0 / n) for n in range(1, 2_000)]


def test_rows_that_tell_no_step_are_counted_and_nested_values_read(tmp_path: Path) -> None:
    rows = [{"_step": n * 7, "epoch": n, "val": {"loss": 2.0 - n / 10}, "loss": float("nan")} for n in (1, 2)]
    run = the_run(written(tmp_path / "a.wandb", rows, {}))
    assert run.arm == "calm-1"
    assert run.series("dev", "loss") == [(1.0, 1.9), (2.0, 1.8)]
    assert all(math.isnan(point.value("train", "loss")) for point in run.points)


@pytest.mark.parametrize(("code", "status"), [(None, "interrupted"), (1, "failed"), (0, "completed")])
def test_how_a_run_ended(code: int | None, status: str, tmp_path: Path) -> None:
    assert the_run(written(tmp_path / "a.wandb", ROWS, CONFIG, code=code)).status == status


def test_a_folder_of_runs(tmp_path: Path) -> None:
    for number, rate in enumerate((1e-4, 1e-3)):
        folder = tmp_path / "wandb" / f"offline-run-20260101_00000{number}-ab{number}"
        written(folder / f"run-ab{number}.wandb", ROWS, {**CONFIG, "learning_rate": rate})
        (folder / "files").mkdir()
        (folder / "files" / "output.log").write_text("epoch 0: train loss :: 1.9, dev acc :: 0.3\n")
    (tmp_path / "wandb" / "latest-run").symlink_to(folder, target_is_directory=True)
    runs = read_runs([tmp_path], {})
    assert [run.arm for run in runs.runs] == ["lr 1e-4", "lr 1e-3"]
    (note,) = [note for note in runs.notes if isinstance(note, RecordsLeftOut)]
    assert note.number == 2


def test_what_is_cut_counts_as_far_as_it_goes_and_damage_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wandb", ROWS, CONFIG)
    content = path.read_bytes()
    path.write_bytes(content[:-30])
    run = the_run(path)
    assert run.status == "interrupted"
    assert not run.points
    path.write_bytes(content + bytes(200))
    assert len(the_run(path).points) == 1, "a file is made larger before it is written"
    for at in (20, len(content) // 2):
        path.write_bytes(content[:at] + b"\xff" + content[at + 1 :])
        with pytest.raises(DataError, match=r"the checksum at byte \d+ is wrong .* as CSV from W&B"):
            WandbLog().read(path)
    path.write_bytes(blocks([]))
    with pytest.raises(DataError, match="holds a history: got none"):
        WandbLog().read(path)
    path.write_bytes(blocks([b"\xff" * 30]))
    with pytest.raises(DataError, match="an integer has at most 10 bytes"):
        WandbLog().read(path)
